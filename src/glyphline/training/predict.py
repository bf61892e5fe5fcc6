"""Class probabilities for images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glyphline.errors import ArtifactError
from glyphline.training import archive, device
from glyphline.training.images import reader
from glyphline.values import Images, Probs, Split


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of a split.

    Attributes:
        probs: float32 (n, classes), rows sum to 1.
        weights_digest: identity of the model's weights.
    """

    probs: Probs
    weights_digest: str


def predict(
    model: Path, split: Split, *, batch_size: int, deterministic: bool = True, gpu_memory_mb: int | None = None
) -> Prediction:
    """Load a model and let it look at a split.

    Args:
        model: a .keras archive.
        split: the images.
        batch_size: images at once.
        deterministic: the same archive gives the same probabilities, bit by bit, on the same machine.
        gpu_memory_mb: most megabytes to take of each GPU; None takes what is needed.

    Raises:
        ArtifactError: the archive is damaged, or it was made for other images or classes.
    """
    device.find(deterministic=deterministic, gpu_memory_mb=gpu_memory_mb)
    loaded = archive.open_model(model)
    wanted = (tuple(loaded.input_shape[1:]), loaded.output_shape[-1])
    received = (split.image_shape, len(split.classes))
    if wanted != received:
        raise ArtifactError(
            f"{model} takes images {wanted[0]} of {wanted[1]} classes; the {split.name} split has {received[0]} of "
            f"{received[1]}",
            fix="train again on this data set: `dvc repro`",
        )
    return Prediction(
        probs=probabilities(loaded, split.images, batch_size),
        weights_digest=archive.weights_digest(loaded.get_weights()),
    )


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
