"""A small residual network, for images that are too hard for the plain one."""

from collections.abc import Callable
from typing import Any

from glyphline.params.model import ModelParams
from glyphline.training.keras_import import import_keras
from glyphline.training.networks.head import BATCH_NORM_MOMENTUM, check_blocks, head


def body(params: ModelParams, side: int, classes: int) -> Callable[[Any], Any]:
    """A first convolution, blocks of `depth` residual units, the mean over the map, and the logits.

    Every block but the first halves the map with its first unit.

    Args:
        params: widths, depth, kernels, normalisation, dense units and dropout.
        side: of the images in pixels, the smaller one.
        classes: number of logits.

    Raises:
        TrainingError: the blocks would leave nothing of the images.

    Source: He et al., "Identity Mappings in Deep Residual Networks" (ECCV 2016), the units of section 3.
    """
    check_blocks(side, blocks=len(params.filters), halvings=len(params.filters) - 1)
    layers = import_keras().layers

    def convolved(x: Any, filters: int, kernel: int, stride: int, name: str) -> Any:
        return layers.Conv2D(
            filters, kernel, strides=stride, padding="same", use_bias=not params.batch_norm, name=f"conv_{name}"
        )(x)

    def activated(x: Any, name: str) -> Any:
        if params.batch_norm:
            x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"norm_{name}")(x)
        return layers.ReLU(name=f"relu_{name}")(x)

    def unit(x: Any, filters: int, stride: int, name: str) -> Any:
        before = activated(x, f"{name}_1")
        # The shortcut has to change shape with the convolutions.
        same = stride == 1 and x.shape[-1] == filters
        shortcut = x if same else convolved(before, filters, 1, stride, f"{name}_around")
        residual = convolved(before, filters, params.kernel_size, stride, f"{name}_1")
        residual = convolved(activated(residual, f"{name}_2"), filters, params.kernel_size, 1, f"{name}_2")
        return layers.Add(name=f"add_{name}")([shortcut, residual])

    def apply(x: Any) -> Any:
        x = convolved(x, params.filters[0], params.first_kernel_size, 1, "first")
        for block, filters in enumerate(params.filters, start=1):
            for number in range(1, params.depth + 1):
                x = unit(x, filters, 2 if block > 1 and number == 1 else 1, f"{block}_{number}")
        return head(params, layers.GlobalAveragePooling2D(name="mean")(activated(x, "last")), classes)

    return apply
