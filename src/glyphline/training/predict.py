"""Class probabilities for images, while a fit goes on."""

from typing import Any

import numpy as np

from glyphline.training.loading import load
from glyphline.values import Images, Probs


def probabilities(model: Any, images: Images, batch_size: int) -> Probs:
    """Softmax output of `model`, float32 (n, classes), for images uint8 (n, h, w, c).

    Called layer by layer and not compiled: a trace costs more than it saves below tens of thousands of images.
    """
    keras, _ = load()
    parts = [
        keras.ops.convert_to_numpy(model(np.ascontiguousarray(images[start : start + batch_size]), training=False))
        for start in range(0, len(images), batch_size)
    ]
    return np.concatenate(parts).astype(np.float32, copy=False)
