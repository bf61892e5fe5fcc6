"""The features of a program's own images: what `glyphline.features` does."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from glyphline import backbones, cores, pictures, training
from glyphline.errors import DataError
from glyphline.pictures import Resizing, stored
from glyphline.scratch import lasting_folder
from glyphline.thread_pool import in_order
from glyphline.values import Features, Images

SIZE = Resizing(224, 224, "crop")
"""As the recipe `photos` has it: what the backbones were trained on."""
BATCH_IMAGES = 32
ACCEPTED = "an image file, a folder of images, a list of image files, or a uint8 array (n, h, w, c) or (h, w, c)"


def run(images: Any, backbone: str) -> Features:
    """The features of images, read and cut as `preprocess` does with the recipe `photos`.

    At most two batches of 32 images are in memory at once, of the size that the backbone sees.

    Args:
        images: a file, a folder, paths of files, or pixels; as `glyphline.features` says.
        backbone: its name in the catalogue.

    Returns:
        Float32 (n, f), in the order of the images; of a folder, in the order of their paths.

    Raises:
        DataError: it is none of these, or a file is no image that can be read.
        TrainingError: there is no such backbone, or its weights are not installed.
    """
    read, items = _reader(images)
    backbones.find(backbone)
    if not len(items):
        raise DataError("there is no image to make features of", fix=f"give {ACCEPTED}")
    # An image that cannot be read is told before TensorFlow is loaded.
    return np.concatenate([kept_function(backbone)(batch) for batch in _batches(read, items)])


@lru_cache
def kept_function(backbone: str) -> Callable[[Images], Features]:
    """The function that makes features; a program that asks again does not build the network again."""
    return training.feature_function(backbone, SIZE.height, SIZE.width, lasting_folder("backbone"))


def _batches(read: Callable[[Any], Images], items: Any) -> Iterator[Images]:
    with closing(in_order(read, items, threads=cores.usable(), ahead=BATCH_IMAGES)) as decoded:
        while batch := list(islice(decoded, BATCH_IMAGES)):
            yield np.stack(batch)


def _reader(images: Any) -> tuple[Callable[[Any], Images], Any]:
    """A function that gives one image in the backbone's size, and what to call it with, image by image."""
    if isinstance(images, np.ndarray):
        return lambda image: pictures.resized(image, SIZE, grey=False), _stacked(images)
    if isinstance(images, str | os.PathLike):
        path = Path(images)
        return _decoded, _in_folder(path) if path.is_dir() else [path]
    if isinstance(images, Iterable):
        paths = list(images)
        if all(isinstance(path, str | os.PathLike) for path in paths):
            return _decoded, [Path(path) for path in paths]
    raise DataError(f"a {type(images).__name__} was given for the images", fix=f"give {ACCEPTED}")


def _stacked(images: Images) -> Images:
    whole = images[np.newaxis] if images.ndim == 3 else images
    if (
        whole.dtype != np.uint8
        or whole.ndim != 4
        or whole.shape[-1] not in pictures.CHANNELS
        or not all(whole.shape[1:])
    ):
        raise DataError(
            f"an array {images.dtype} {images.shape} was given for the images",
            fix="give uint8 (n, h, w, c), or (h, w, c) of one image; c is 1 or 3, 2 or 4 with transparency",
        )
    return whole


def _in_folder(folder: Path) -> list[Path]:
    """The images in a folder and below it by their suffixes, in the order of their paths, without hidden ones."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in pictures.SUFFIXES)
    files = sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    if not files:
        raise DataError(
            f"{folder} holds no images", fix=f"give a folder with images ({' '.join(sorted(pictures.SUFFIXES))})"
        )
    return files


def _decoded(path: Path) -> Images:
    try:
        # Reading a pipe waits for ever.
        content = path.read_bytes() if stored.is_file(path) else None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", fix=f"give {ACCEPTED}") from None
    if content is None:
        raise DataError(f"{path} is no file", fix=f"give {ACCEPTED}")
    return pictures.as_array(pictures.opened(content, str(path)), str(path), grey=False, resizing=SIZE)
