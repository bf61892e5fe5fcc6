"""Class probabilities for images, while a fit goes on."""

from typing import Any

import numpy as np

from glyphline.training.images import reader
from glyphline.values import Images, Probs


def probabilities(model: Any, images: Images, batch_size: int) -> Probs:
    """Softmax output of `model`, float32 (n, classes), for images uint8 (n, h, w, c).

    The last batch is filled up with copies of the last image, so that one compiled program serves all.
    """
    count, read = len(images), reader(images)
    size = min(batch_size, count)
    parts = [
        np.asarray(model.predict_on_batch(read(np.minimum(np.arange(start, start + size), count - 1))))
        for start in range(0, count, size)
    ]
    return np.concatenate(parts)[:count].astype(np.float32, copy=False)
