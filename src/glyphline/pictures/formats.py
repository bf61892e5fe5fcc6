"""Which files are opened as images, and which of them have no colour; only the header of a file is read here."""

import io
import warnings
from pathlib import PurePath

from PIL import Image, UnidentifiedImageError

from glyphline.errors import PictureError
from glyphline.pictures import heic

# It warns of sizes that are refused below with their reason.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

SUFFIXES = (
    frozenset({".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".avif"})
    | heic.SUFFIXES
)
# A closed list: Pillow would hand a PostScript file to Ghostscript.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "AVIF")
# Pillow's own limit: a quarter of a gigabyte of RGB.
MAX_PIXELS = (1 << 30) // 4 // 3
DEEP_GREY_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
GREY_MODES = frozenset({"1", "L", "LA"}) | DEEP_GREY_MODES
COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})

FIX = "take the file out, or save it again as an 8-bit PNG or JPEG"
SMALLER = "take the file out, or save it again with fewer pixels"


def opened(content: bytes, name: str) -> Image.Image:
    """An encoded image of which only the header has been read.

    Args:
        content: the whole file.
        name: of the file, for the error.

    Raises:
        PictureError: it is no image that can be read, or it has more than 89 million pixels.
    """
    formats = (*FORMATS, *heic.formats(PurePath(name).suffix.lower()))
    try:
        image = Image.open(io.BytesIO(content), formats=formats)
    # At twice the limit; below that it only warns.
    except Image.DecompressionBombError as error:
        raise PictureError(name, f"has too many pixels to be safe: {error}", fix=SMALLER) from None
    except UnidentifiedImageError:
        raise PictureError(name, "is no image that can be read: no known image format", fix=FIX) from None
    # Any error: what Pillow raises for damaged bytes is as varied as they are.
    except Exception as error:
        raise PictureError(name, f"is no image that can be read: {error}", fix=FIX) from None
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width:,} x {image.height:,}"
        raise PictureError(name, f"has too many pixels to be safe: {size}, and {MAX_PIXELS:,} are allowed", fix=SMALLER)
    if not (is_grey(image) or image.mode in COLOUR_MODES):
        raise PictureError(name, f"has pixels of mode {image.mode}, which do not fit in 8 bits", fix=FIX)
    return image


def is_grey(image: Image.Image) -> bool:
    """True when an image has no colour, as its header says; its pixels are not looked at."""
    return image.mode in GREY_MODES or is_deep_pgm(image)


def is_deep_pgm(image: Image.Image) -> bool:
    """True for a PGM of 16 bits, which Pillow opens with 32 bits per pixel and scales to 0..65,535."""
    return image.mode == "I" and image.format == "PPM"
