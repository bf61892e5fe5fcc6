"""Decode images into arrays: within a limit of pixels, upright, in one mode and one size."""

import io
import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from glyphline.data import heic
from glyphline.errors import DataError
from glyphline.values import Images

SUFFIXES = (
    frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".avif"})
    | heic.SUFFIXES
)
# A closed list: Pillow would hand a PostScript file to Ghostscript.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "AVIF")
GREY_MODES = frozenset({"1", "L", "LA", "I;16", "I;16B", "I;16L", "I;16N"})
COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})

_FIX = "take the file out, or save it again as an 8-bit PNG or JPEG"


def is_grey(stream: IO[bytes], name: str) -> bool:
    """True when an encoded image has no colour; only its header is read.

    Raises:
        DataError: it is no image that can be read.
    """
    return _opened(stream, name).mode in GREY_MODES


def upright(stream: IO[bytes], name: str) -> Image.Image:
    """One encoded image, decoded whole and turned the way its EXIF orientation says.

    Raises:
        DataError: it cannot be decoded, or it has more pixels than Pillow considers safe.
    """
    image = _opened(stream, name)
    try:
        image.load()
        return ImageOps.exif_transpose(image)
    # Any error: damaged EXIF data makes Pillow raise TypeError, struct.error and others.
    except Exception as error:
        raise DataError(f"{name} cannot be decoded: {error}", fix=_FIX) from None


def as_array(image: Image.Image, *, grey: bool, size: tuple[int, int] | None) -> Images:
    """An image as uint8 (h, w, 1) or (h, w, 3); what is transparent becomes white.

    Args:
        image: upright.
        grey: one channel; allowed for images without colour only.
        size: height and width to resize to, bicubic, whatever its aspect ratio; None leaves it as it is.
    """
    if image.mode.startswith("I;16"):
        # Pillow would clip 16 bits at 255, which makes nearly every pixel white.
        image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if grey else "RGB")
    if size is not None:
        image = image.resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.asarray(image).reshape(image.height, image.width, -1)


def resized(images: Images, size: tuple[int, int], target: Path) -> Images:
    """All images, resized as `as_array` does it, in a memory-mapped file at `target`."""
    shape = (len(images), *size, images.shape[3])
    mapped: Images = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=shape)
    grey = images.shape[3] == 1
    for row, image in enumerate(images):
        mapped[row] = as_array(Image.fromarray(image[..., 0] if grey else image), grey=grey, size=size)
    return mapped


def _opened(stream: IO[bytes], name: str) -> Image.Image:
    formats = (*FORMATS, *heic.formats(Path(name).suffix.lower()))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # Buffered whole: the archive that the stream reads from is closed before Pillow decodes.
            image = Image.open(io.BytesIO(stream.read()), formats=formats)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{name} has too many pixels to be safe: {error}", fix=_FIX) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        why = "no known image format" if isinstance(error, UnidentifiedImageError) else str(error)
        raise DataError(f"{name} is no image that can be read: {why}", fix=_FIX) from None
    if image.mode not in GREY_MODES | COLOUR_MODES:
        raise DataError(f"{name} has pixels of mode {image.mode}, which do not fit in 8 bits", fix=_FIX)
    return image
