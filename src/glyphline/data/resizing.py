"""The images of an array in another size, as an array on disk."""

from pathlib import Path

import numpy as np

from glyphline import pictures, progress
from glyphline.pictures import Resizing
from glyphline.values import Images


def resized(images: Images, resizing: Resizing, target: Path) -> Images:
    """All images in another size, each as an image from a file gets it, in a memory-mapped file at `target`.

    Args:
        images: uint8 (n, h, w, c); returned as they are where pictures have no such channels: `checks` refuses them.
        resizing: the size, and how.
        target: the .npy file to write.
    """
    channels = images.shape[3]
    if channels not in pictures.CHANNELS:
        return images
    grey = channels == 1
    shape = (len(images), resizing.height, resizing.width, 1 if grey else 3)
    mapped: Images = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=shape)
    with progress.bar(f"resizing {target.stem}", len(images), "images") as advance:
        for row, image in enumerate(images):
            mapped[row] = pictures.resized(image, resizing, grey=grey)
            advance()
    return mapped
