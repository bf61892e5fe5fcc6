"""EfficientNet-Lite0 in layers of Keras, with the weights that a package of the package index carries.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML 2019), and the
"lite" variant of TensorFlow's model repository (2020): no squeeze-and-excitation, ReLU6 in place of swish, and a first
and a last convolution that do not grow with the network.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy.typing as npt

from glyphline.training.keras_import import import_keras

EPSILON = 1e-3
FIRST_FILTERS, LAST_FILTERS = 32, 1280
# Repeats, side of the kernels, stride of the first repeat, expansion, filters of the output.
BLOCKS = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320))  # fmt: skip
# Pixels of 0 to 255 were trained as (pixel - 127) / 128; images come in [0, 1].
SCALE, OFFSET = 255 / 128, -127 / 128
CONVOLUTION, DEPTHWISE = (2, 3, 1, 0), (2, 3, 0, 1)
"""Axes of PyTorch's kernels in the order of Keras'."""

Arrays = Mapping[str, npt.NDArray[Any]]


def network(arrays: Arrays) -> Any:
    """Float32 images (n, h, w, 3) in [0, 1], of any size -> features float32 (n, 1280).

    Args:
        arrays: by the names of the PyTorch file.

    Raises:
        KeyError: an array is missing.
        ValueError: an array has another shape.
    """
    keras = import_keras()
    images = keras.Input((None, None, 3), dtype="float32", name="scaled")
    names: dict[str, str] = {}
    features = _features(images, keras.layers, names)
    model = keras.Model(images, features, name="efficientnet_lite0")
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(list(_weights(layer, names[layer.name], arrays)))
    return model


def _features(images: Any, layers: Any, names: dict[str, str]) -> Any:
    """The layers; `names` gets, for each layer with weights, its name in the PyTorch file."""

    def normalised(x: Any, name: str, theirs: str, *, activated: bool = True) -> Any:
        names[f"{name}_norm"] = theirs
        x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_norm")(x)
        return layers.ReLU(max_value=6, name=f"{name}_relu")(x) if activated else x

    def convolved(x: Any, filters: int, name: str, theirs: str, *, side: int = 1, stride: int = 1) -> Any:
        names[name] = theirs
        return layers.Conv2D(filters, side, stride, padding="same", use_bias=False, name=name)(x)

    # float32 in any precision: bfloat16 would round the pixels.
    x = layers.Rescaling(SCALE, OFFSET, dtype="float32", name="centred")(images)
    x = normalised(convolved(x, FIRST_FILTERS, "first", "_conv_stem", side=3, stride=2), "first", "_bn0")
    number, inputs = 0, FIRST_FILTERS
    for repeats, side, first_stride, expansion, filters in BLOCKS:
        for repeat in range(repeats):
            stride, name, theirs = first_stride if repeat == 0 else 1, f"block_{number + 1}", f"_blocks.{number}"
            before = x
            if expansion > 1:
                x = convolved(x, inputs * expansion, f"{name}_expand", f"{theirs}._expand_conv")
                x = normalised(x, f"{name}_expand", f"{theirs}._bn0")
            names[f"{name}_depthwise"] = f"{theirs}._depthwise_conv"
            x = layers.DepthwiseConv2D(side, stride, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
            x = normalised(x, f"{name}_depthwise", f"{theirs}._bn1")
            x = convolved(x, filters, f"{name}_project", f"{theirs}._project_conv")
            x = normalised(x, f"{name}_project", f"{theirs}._bn2", activated=False)
            if stride == 1 and inputs == filters:
                x = layers.Add(name=f"{name}_add")([x, before])
            number, inputs = number + 1, filters
    x = normalised(convolved(x, LAST_FILTERS, "last", "_conv_head"), "last", "_bn1")
    return layers.GlobalAveragePooling2D(name="features")(x)


def _weights(layer: Any, theirs: str, arrays: Arrays) -> Iterator[npt.NDArray[Any]]:
    if layer.name.endswith("_norm"):
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield arrays[f"{theirs}.{part}"]
    else:
        axes = DEPTHWISE if layer.name.endswith("_depthwise") else CONVOLUTION
        yield arrays[f"{theirs}.weight"].transpose(axes)
