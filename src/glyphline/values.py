"""Types of the values that rooms hand to one another."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Probs = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.float32]
"""Images whose pixels may lie between the steps of uint8, or one number per pixel: float32 (n, h, w, c)."""

Features = npt.NDArray[np.float32]
"""What a backbone makes of images: float32 (n, f)."""

SMALLEST_SIDE, LARGEST_SIDE = 8, 1024
"""Of images that a network is trained on, in pixels."""

Fit = Literal["stretch", "crop", "pad"]
"""How an image gets a size of other proportions."""

EpochHook = Callable[[int, Mapping[str, float]], None]
"""Called after each epoch with its number, from 0, and the metrics of that epoch."""

Predict = Callable[[Images], Probs]
"""A model's prediction: images uint8 (n, h, w, c) -> float32 (n, classes), rows sum to 1."""

Gradients = Callable[[Pixels, Labels], Pixels]
"""How a probability changes with each pixel: float32 (n, h, w, c), one class per image -> float32 (n, h, w, c)."""


@dataclass(frozen=True, slots=True)
class Split:
    """One split of a data set.

    Attributes:
        name: `train`, `val` or `test`.
        images: uint8 (n, h, w, c), c is 1 or 3; memory-mapped when it was loaded from disk.
        labels: int64 (n,), index into `classes`.
        classes: the names of the classes.
        digest: SHA-256 over the images, the labels and the class names.
    """

    name: str
    images: Images
    labels: Labels
    classes: tuple[str, ...]
    digest: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, c) of one image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    @property
    def class_counts(self) -> dict[str, int]:
        """Class -> number of its images, in the order of the classes."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self.labels)

    def __reduce__(self) -> tuple[Callable[..., "Split"], tuple[Any, ...]]:
        """For pickle: an array that is mapped from a file is sent as the file's name; it may be larger than memory."""
        images, rest = self.images, (self.labels, self.classes, self.digest)
        # A slice of a mapped array is a memmap too, with the offset of the whole array.
        if isinstance(images, np.memmap) and images.filename is not None and not isinstance(images.base, np.ndarray):
            return _mapped, (self.name, os.fspath(images.filename), images.offset, images.shape, *rest)
        return Split, (self.name, np.asarray(images), *rest)


def _mapped(name: str, path: str, offset: int, shape: tuple[int, ...], *rest: Any) -> Split:
    return Split(name, np.memmap(path, np.uint8, "r", offset, shape), *rest)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one mapping with dotted keys: `{"a": {"b": 1}}` -> `{"a.b": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{dotted}.")
        else:
            flat[dotted] = value
    return flat


PIXELS_AT_ONCE = 64 * 224 * 224
"""What a network is given at once to predict: 16 feature maps of it, as float32, take 206 MB."""


def images_at_once(image_shape: tuple[int, ...], most: int) -> int:
    """How many images of a shape (h, w, c) to predict at once, at most `most`, at least one.

    >>> [images_at_once((side, side, 3), 512) for side in (28, 64, 224, 1024)]
    [512, 512, 64, 3]
    """
    return max(1, min(most, PIXELS_AT_ONCE // (image_shape[0] * image_shape[1])))
