"""A trained model that can be asked: for probabilities, and for what they depend on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from glyphline.errors import ArtifactError
from glyphline.training import archive, compiled, device
from glyphline.values import Images, Labels, Pixels, Probs, Split


class Classifier:
    """A model that was read back.

    Attributes:
        weights_digest: identity of its weights.
        parameters: number of its weights.
        size_bytes: of the archive.
        device: where it computes, for a person.
    """

    def __init__(self, model: Any, path: Path, place: str, batch_size: int) -> None:
        self.weights_digest = archive.weights_digest(model.get_weights())
        self.parameters = int(model.count_params())
        self.size_bytes = path.stat().st_size
        self.device = place
        self._model = model
        self._batch_size = batch_size
        self._forward: Callable[[Images], Probs] = compiled.forward(model)
        self._backward: Callable[[Pixels, Labels], Pixels] | None = None

    def probabilities(self, images: Images) -> Probs:
        """Softmax output, float32 (n, classes), for images uint8 (n, h, w, c)."""
        return np.concatenate([self._forward(part) for part in self._parts(images)])

    def gradients(self, images: Pixels, classes: Labels) -> Pixels:
        """How the probability of a class changes with each pixel.

        Args:
            images: float32 (n, h, w, c), 0 to 255; values between the steps of uint8 are allowed.
            classes: int64 (n,), whose probability is meant.

        Returns:
            Float32 (n, h, w, c), change of the probability per step of the pixel.
        """
        if self._backward is None:
            # Traced when first asked for: not every evaluation explains.
            self._backward = compiled.backward(self._model)
        parts = zip(self._parts(images), self._parts(classes), strict=True)
        return np.concatenate([self._backward(*part) for part in parts])

    def _parts(self, array: Any) -> Iterator[Any]:
        for start in range(0, len(array), self._batch_size):
            yield np.ascontiguousarray(array[start : start + self._batch_size])


def open_classifier(
    path: Path, split: Split, *, batch_size: int, deterministic: bool = True, gpu_memory_mb: int | None = None
) -> Classifier:
    """Read a model back that is to look at a split.

    Args:
        path: the `.keras` archive.
        split: what it will be asked about; the model must take its images and know its classes.
        batch_size: images per step.
        deterministic: equal questions get equal answers, bit by bit.
        gpu_memory_mb: most megabytes to take of each GPU; None takes what is needed.

    Raises:
        ArtifactError: the archive is damaged, or it was made for other images or classes.
    """
    found = device.find(deterministic=deterministic, gpu_memory_mb=gpu_memory_mb)
    model = archive.open_model(path)
    wanted = (tuple(model.input_shape[1:]), model.output_shape[-1])
    received = (split.image_shape, len(split.classes))
    if wanted != received:
        raise ArtifactError(
            f"{path} takes images {wanted[0]} of {wanted[1]} classes; the {split.name} split has {received[0]} of "
            f"{received[1]}",
            fix="train again on this data set: `dvc repro`",
        )
    return Classifier(model, path, device.name(found), batch_size)
