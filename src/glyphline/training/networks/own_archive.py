"""A person's own network, of which the layers up to the last pooling are the backbone."""

from pathlib import Path
from typing import Any

from glyphline.errors import TrainingError
from glyphline.training.archive import open_model
from glyphline.training.keras_import import import_keras

COLOURS = 3


def network(path: Path) -> Any:
    """Float32 images (n, h, w, 3) in [0, 1] -> features float32 (n, f).

    The network gets pixels of 0 to 255 as float32, also where it takes uint8, so that it has gradients down to the
    pixels. One for grey images gets the mean of the colours. What the last pooling layer leaves as a map is flattened.

    Args:
        path: the archive, which the stage `backbone` has checked.

    Raises:
        ArtifactError: the archive is refused.
        TrainingError: Keras does not read it, or the number of its features depends on the size of the images.
    """
    keras = import_keras()
    try:
        model = open_model(path)
        *size, colours = model.inputs[0].shape[1:]
        images = keras.Input((*size, COLOURS), dtype="float32", name="scaled")
        pixels = keras.layers.Rescaling(255.0, name="pixels")(images)
        if colours == 1:
            pixels = keras.ops.mean(pixels, axis=-1, keepdims=True)
        pooled = _up_to_pooling(model)(pixels)
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TrainingError(
            f"Keras {keras.__version__} does not read {path.name} as a backbone: {reason}",
            fix="save it with this version of Keras, with layers of Keras alone, or choose another model.backbone",
        ) from error
    if None in pooled.shape[1:]:
        raise TrainingError(
            f"the last pooling layer of {path.name} gives {pooled.shape}: its size depends on that of the images",
            fix="give the network an input of a fixed size, or let it end in a GlobalAveragePooling2D",
        )
    # float32, whatever the precision of the layers before.
    features = keras.layers.Flatten(dtype="float32", name="features")(pooled)
    return keras.Model(images, features, name=path.stem)


def _last_pooled(model: Any, images: Any) -> Any:
    """What the last pooling layer makes of images, in this network or in the networks within it."""
    keras = import_keras()
    last = next(layer for layer in reversed(model.layers) if _pools(layer))
    reached = []

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if layer is last:
            reached.append((_up_to_pooling(layer) if _is_network(layer) else layer)(*args, **kwargs))
        return layer(*args, **kwargs)

    # A Sequential as well, with the layers themselves and not with copies of them.
    graph = keras.Model(model.inputs[0], model.outputs)
    keras.models.clone_model(graph, input_tensors=images, clone_function=lambda layer: layer, call_function=call)
    return reached[-1]


def _up_to_pooling(model: Any) -> Any:
    """The layers up to the last pooling as a network within another: its names may be those of layers around it."""
    keras = import_keras()
    images = keras.Input(model.inputs[0].shape[1:], dtype="float32", name="up_to_pooling_input")
    return keras.Model(images, _last_pooled(model, images), name="up_to_pooling")


def _pools(layer: Any) -> bool:
    return any(map(_pools, layer.layers)) if _is_network(layer) else "Pooling" in type(layer).__name__


def _is_network(layer: Any) -> bool:
    return isinstance(layer, import_keras().Model)
