"""The training images: kept on the device or read from disk, and taken by index in the compiled step."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from glyphline.training.keras_import import import_keras, is_tensorflow
from glyphline.values import Images, Split

Indices = npt.NDArray[np.int32]


class ImageSource(Protocol):
    """Gives the fit its images, by index."""

    split: Split

    def batch(self, indices: Indices) -> npt.NDArray[Any]:
        """What the step takes for the images with these numbers."""

    def pixels(self) -> tuple[Any, Any]:
        """Symbolic: the step's input, and the uint8 images (n, h, w, c) that it stands for."""


class Resident:
    """A split whose pixels are copied to the device once, for any number of fits.

    The step takes indices and gathers the images itself: what crosses to the device is 4 bytes an image.
    """

    def __init__(self, split: Split) -> None:
        keras = import_keras()
        self.split = split
        self.variable = keras.Variable(split.images, dtype="uint8", trainable=False, name="images")

    def batch(self, indices: Indices) -> Indices:
        """The indices themselves."""
        return indices

    def pixels(self) -> tuple[Any, Any]:
        """int32 (n,) -> uint8 (n, h, w, c)."""
        keras = import_keras()
        stored, gather = self.variable, _gather()

        class Gather(keras.layers.Layer):  # type: ignore[name-defined, misc]
            def __init__(self) -> None:
                super().__init__(dtype="uint8", name="gather")
                # Tracked as a weight: JAX would else compile the pixels into its program.
                self.stored = stored

            def call(self, indices: Any) -> Any:
                return gather(self.stored, indices)

            def compute_output_spec(self, indices: Any) -> Any:
                return keras.KerasTensor((*indices.shape, *stored.shape[1:]), dtype="uint8")

        indices = keras.Input((), dtype="int32", name="indices")
        return indices, Gather()(indices)


def _gather() -> Callable[[Any, Any], Any]:
    if is_tensorflow():
        from glyphline.training import tensorflow_backend

        return tensorflow_backend.gather
    return partial(import_keras().ops.take, axis=0)


class Streamed:
    """A split that is read from disk batch by batch; a fit gives the same result as with a resident one."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self._read = reader(split.images)

    def batch(self, indices: Indices) -> Images:
        """uint8 (n, h, w, c)."""
        return self._read(indices)

    def pixels(self) -> tuple[Any, Any]:
        """uint8 (n, h, w, c), as it is."""
        inputs = import_keras().Input(self.split.image_shape, dtype="uint8", name="images")
        return inputs, inputs


def reader(images: Images) -> Callable[[npt.NDArray[Any]], Images]:
    """A function that gives the images with certain numbers as an array in memory.

    A file is read and not mapped: mapped pages count as the process's own memory until the whole set is in it.
    """
    if not isinstance(images, np.memmap) or images.filename is None:
        return lambda indices: np.ascontiguousarray(images[indices])
    file = _OpenFile(os.fspath(images.filename))
    shape, offset = images.shape[1:], images.offset
    size = int(np.prod(shape))

    def read(indices: npt.NDArray[Any]) -> Images:
        batch = np.empty((len(indices), *shape), np.uint8)
        rows = batch.reshape(len(indices), size)
        for row, index in zip(rows, indices.tolist(), strict=True):
            if os.preadv(file.descriptor, [row.data], offset + index * size) != size:
                raise OSError(f"{images.filename} ends before image {index}")
        return batch

    return read


class _OpenFile:
    """A file that is open as long as something refers to this object."""

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        os.close(self.descriptor)
