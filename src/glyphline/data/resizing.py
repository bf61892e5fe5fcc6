"""Images that lie in an array already, in another size."""

from pathlib import Path

import numpy as np
from PIL import Image

from glyphline import progress
from glyphline.pictures import Resizing, colour, fitting
from glyphline.values import Images

# Of grey, grey with transparency, RGB and RGBA; `checks` refuses images with other channels.
CHANNELS = frozenset({1, 2, 3, 4})


def resized(images: Images, resizing: Resizing, target: Path) -> Images:
    """All images in another size, each as an image from a file gets it, in a memory-mapped file at `target`.

    Args:
        images: uint8 (n, h, w, c).
        resizing: the size, and how.
        target: the .npy file to write.
    """
    channels = images.shape[3]
    if channels not in CHANNELS:
        return images
    grey = channels == 1
    shape = (len(images), resizing.height, resizing.width, 1 if grey else 3)
    mapped: Images = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=shape)
    with progress.bar(f"resizing {target.stem}", len(images), "images") as advance:
        for row, image in enumerate(images):
            picture = colour.in_srgb(Image.fromarray(image[..., 0] if grey else image), grey=grey)
            mapped[row] = fitting.pixels(fitting.fitted(picture, resizing))
            advance()
    return mapped
