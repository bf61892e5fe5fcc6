"""A trained model, read back: its probabilities, and the gradients of these."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from glyphline.errors import ArtifactError
from glyphline.training import archive, device
from glyphline.training.penultimate import feature_model
from glyphline.training.prediction import compiled_gradients, compiled_predict
from glyphline.values import Features, Gradients, Images, Labels, Pixels, Predict, Probs, Split, images_at_once


class Classifier:
    """A model that was read back.

    Attributes:
        weights_digest: identity of its weights.
        parameters: number of its weights.
        size_bytes: of the archive.
        device: where it computes, for a person.
    """

    def __init__(self, model: Any, path: Path, device_name: str, batch_size: int) -> None:
        self.weights_digest = archive.weights_digest(model.get_weights())
        self.parameters = int(model.count_params())
        self.size_bytes = path.stat().st_size
        self.device = device_name
        self._model = model
        self._batch_size = images_at_once(model.input_shape[1:], batch_size)
        self._predict: Predict = compiled_predict(model)
        self._gradients: Gradients | None = None

    def probabilities(self, images: Images) -> Probs:
        """Softmax output, float32 (n, classes), for images uint8 (n, h, w, c)."""
        return np.concatenate([self._predict(batch) for batch in self._batches(images)])

    def gradients(self, images: Pixels, classes: Labels) -> Pixels:
        """How the probability of a class changes with each pixel.

        Args:
            images: float32 (n, h, w, c), 0 to 255; values between the steps of uint8 are allowed.
            classes: int64 (n,), the class of each image whose probability is meant.

        Returns:
            Float32 (n, h, w, c), change of the probability per step of the pixel.
        """
        if self._gradients is None:
            # Compiled at the first call: not every evaluation explains.
            self._gradients = compiled_gradients(self._model)
        batches = zip(self._batches(images), self._batches(classes), strict=True)
        return np.concatenate([self._gradients(*batch) for batch in batches])

    def features(self, images: Images) -> Features | None:
        """The inputs of the last dense layer, by which the network tells the classes apart.

        Args:
            images: uint8 (n, h, w, c).

        Returns:
            Float32 (n, f); None where there is no such layer, or f would be above 16,384.
        """
        predict = self._features
        if predict is None:
            return None
        return np.concatenate([predict(batch) for batch in self._batches(images)]).astype(np.float32, copy=False)

    @cached_property
    def _features(self) -> Predict | None:
        # Compiled at the first call: not everybody asks for them.
        model = feature_model(self._model)
        return None if model is None else compiled_predict(model)

    def _batches(self, array: Any) -> Iterator[Any]:
        for start in range(0, len(array), self._batch_size):
            yield np.ascontiguousarray(array[start : start + self._batch_size])


def open_classifier(
    path: Path, split: Split, *, batch_size: int, deterministic: bool = True, gpu_memory_mb: int | None = None
) -> Classifier:
    """Read a model back, for the images of a split.

    Args:
        path: the `.keras` archive.
        split: whose images and classes the model must take and know.
        batch_size: images per step, of large ones fewer.
        deterministic: equal images give equal probabilities, bit by bit.
        gpu_memory_mb: most megabytes to take of each GPU; None takes what is needed.

    Raises:
        ArtifactError: the archive is damaged, or it was made for other images or classes.
    """
    hardware = device.detect(deterministic=deterministic, gpu_memory_mb=gpu_memory_mb)
    model = archive.open_model(path)
    trained_on = (tuple(model.input_shape[1:]), model.output_shape[-1])
    given = (split.image_shape, len(split.classes))
    if trained_on != given:
        raise ArtifactError(
            f"{path} takes images {trained_on[0]} of {trained_on[1]} classes; the {split.name} split has {given[0]} "
            f"of {given[1]}",
            fix="train again on this data set: `dvc repro`",
        )
    return Classifier(model, path, device.name(hardware), batch_size)
