"""Random crops, resized to the whole image: where a pixel of the crop lies in the image."""

import math
from typing import Any

from glyphline.training.keras_import import import_keras

LARGEST_RATIO = 4 / 3
"""Of a crop's relative height to its relative width, or the other way round."""


def positions_in_crop(part: float, y: Any, x: Any, size: tuple[int, int], seed: Any) -> tuple[Any, Any]:
    """Positions in an image -> the same positions in a crop of it, another crop for each image of a batch.

    A crop lies within its image; nothing beyond the border comes into it.

    Its area is drawn evenly, and the logarithm of its sides' ratio too, no further from 0 than the area allows. As
    positions it is composed with all other geometry, so that an image is resampled once.

    Source: Szegedy et al., "Going Deeper with Convolutions" (CVPR 2015), section 6.

    Args:
        part: the largest part of the area that a crop leaves out, from 0 and below 1.
        y: rows, float32 (n, positions).
        x: columns, likewise.
        size: height and width of the images in pixels.
        seed: a Keras seed generator.
    """
    keras = import_keras()
    ops = keras.ops
    draws = keras.random.uniform((ops.shape(y)[0], 4, 1), seed=seed)
    log_area = ops.log(1 - part * draws[:, 0])
    log_ratio = (2 * draws[:, 1] - 1) * ops.minimum(math.log(LARGEST_RATIO), -log_area)
    height, width = ops.exp((log_area + log_ratio) / 2), ops.exp((log_area - log_ratio) / 2)
    return (
        y * height + draws[:, 2] * (1 - height) * (size[0] - 1),
        x * width + draws[:, 3] * (1 - width) * (size[1] - 1),
    )
