"""Decode an image into an array: upright, in one definition of colour, in the size that is wanted."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import ExifTags, Image, ImageOps

from glyphline.errors import PictureError
from glyphline.pictures.colour import in_srgb
from glyphline.pictures.fitting import Box, Resizing, fitted, pixels
from glyphline.pictures.formats import FIX, opened
from glyphline.values import Images

# A reduced JPEG is decoded to no less than this times the size that is wanted: less would show.
SPARE = 2
# EXIF orientation -> which sides of the stored image become the left, top, right and bottom one, in this order.
TURNED = {
    2: (2, 1, 0, 3),
    3: (2, 3, 0, 1),
    4: (0, 3, 2, 1),
    5: (1, 0, 3, 2),
    6: (3, 0, 1, 2),
    7: (3, 2, 1, 0),
    8: (1, 2, 3, 0),
}
UNTURNED = (0, 1, 2, 3)
LYING = frozenset({5, 6, 7, 8})
NO_MARGINS: Box = (0.0, 0.0, 0.0, 0.0)
# MPO: several JPEGs in one file, as some cameras write them.
JPEG_FORMATS = frozenset({"JPEG", "MPO"})
CHANNELS = frozenset({1, 2, 3, 4})
"""Of an array of grey, grey with transparency, RGB or RGBA."""


def as_array(image: Image.Image, name: str, *, grey: bool, resizing: Resizing | None) -> Images:
    """The pixels of an image, of which the first frame is taken, as uint8 (h, w, 1) or (h, w, 3).

    A JPEG that is at least four times as large as wanted is decoded in a reduced size, which takes a third of the time;
    its pixels differ from those of the whole one by about 1 of 255 in the mean.

    Args:
        image: as `formats.opened` gives it.
        name: of the file, for the error.
        grey: one channel.
        resizing: None leaves the image as large as it is.

    Raises:
        PictureError: it cannot be decoded.
    """
    with _refused(name):
        margins = _reduce(image, resizing) if resizing else NO_MARGINS
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        image = in_srgb(image, grey=grey)
        if resizing:
            left, top, right, bottom = margins
            image = fitted(image, resizing, (left, top, image.width - right, image.height - bottom))
        return pixels(image)


def resized(image: Images, resizing: Resizing, *, grey: bool) -> Images:
    """An image that is an array already, as one from a file gets its colour and size: uint8 (h, w, 1) or (h, w, 3).

    Args:
        image: uint8 (h, w, c), c in `CHANNELS`.
        resizing: the size, and how.
        grey: one channel.
    """
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    return pixels(fitted(in_srgb(picture, grey=grey), resizing))


def verify(content: bytes, name: str) -> None:
    """Decode an encoded image, to be sure that `as_array` can.

    Raises:
        PictureError: it is no image that can be read, or it cannot be decoded.
    """
    image = opened(content, name)
    with _refused(name):
        # Every byte of a JPEG is read all the same.
        image.draft(None, (1, 1))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)


def _reduce(image: Image.Image, resizing: Resizing) -> Box:
    """Have a JPEG decoded in the smallest size that is large enough.

    Returns:
        How far each side of the decoded, upright image goes beyond the picture, in pixels: an image of 1,601 pixels,
        reduced to an eighth, is 200.125 pixels wide and is decoded into 201.
    """
    if image.format not in JPEG_FORMATS:
        return NO_MARGINS
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    size = image.size[::-1] if orientation in LYING else image.size
    wanted = [math.ceil(SPARE * side) for side in resizing.scaled(*size)]
    drafted = image.draft(None, (wanted[1], wanted[0]) if orientation in LYING else (wanted[0], wanted[1]))
    if drafted is None:
        return NO_MARGINS
    _, (_, _, width, height) = drafted
    stored = (0.0, 0.0, image.width - width, image.height - height)
    left, top, right, bottom = (stored[side] for side in TURNED.get(orientation, UNTURNED))
    return left, top, right, bottom


@contextmanager
def _refused(name: str) -> Iterator[None]:
    """In the block any error is the image's: damaged bytes make Pillow raise TypeError, struct.error and others."""
    try:
        yield
    except Exception as error:
        raise PictureError(name, f"cannot be decoded: {error or type(error).__name__}", fix=FIX) from None
