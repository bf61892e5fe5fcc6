"""The plain convolutional network."""

from collections.abc import Callable
from typing import Any

from glyphline.params.model import ModelParams
from glyphline.training.keras_import import import_keras
from glyphline.training.networks.head import BATCH_NORM_MOMENTUM, check_blocks, head

# Images are halved until their smaller side is at most this, with the last filter count: a dense layer on larger maps
# would hold nearly all weights of the network.
LARGEST_MAP = 8


def body(params: ModelParams, side: int, classes: int) -> Callable[[Any], Any]:
    """Blocks of `depth` convolutions and a halving, then a hidden dense layer and the logits.

    The pool comes before the rectifier, which then runs on a quarter of the values with the same result.

    Args:
        params: widths, depth, kernels, stride, normalisation, dense units and dropout.
        side: of the images in pixels, the smaller one.
        classes: number of logits.

    Raises:
        TrainingError: the blocks would leave nothing of the images.
    """
    check_blocks(side, blocks=len(params.filters), halvings=len(params.filters))
    layers = import_keras().layers

    def apply(x: Any) -> Any:
        for block, filters in enumerate(block_filters(params.filters, side), start=1):
            for number in range(1, params.depth + 1):
                kernel = params.first_kernel_size if block == number == 1 else params.kernel_size
                name = f"{block}" if params.depth == 1 else f"{block}_{number}"
                stride = params.first_stride if block == number == 1 else 1
                bias = not params.batch_norm
                x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=bias, name=f"conv_{name}")(x)
                if number == params.depth and not (block == 1 and params.first_stride > 1):
                    x = layers.MaxPooling2D(name=f"pool_{block}")(x)
                if params.batch_norm:
                    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"norm_{name}")(x)
                x = layers.ReLU(name=f"relu_{name}")(x)
        return head(params, layers.Flatten(name="flatten")(x), classes)

    return apply


def block_filters(filters: tuple[int, ...], side: int) -> tuple[int, ...]:
    """`filters`, with the last one repeated until `side` pixels have been halved to at most 8.

    >>> block_filters((16, 32), 28)
    (16, 32)
    >>> block_filters((16, 32), 64)
    (16, 32, 32)
    """
    blocks = list(filters)
    while side >> len(blocks) > LARGEST_MAP:
        blocks.append(filters[-1])
    return tuple(blocks)
