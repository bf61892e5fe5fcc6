"""One definition of colour: 8 bits, sRGB, what is transparent on white.

- Of 16 bits the upper 8 are kept.
- A transparent pixel is mixed with white; of a palette, its colours are taken.
- Colours with an embedded ICC profile are converted to sRGB, rendering intent perceptual. Without a profile, or with
  one that is damaged or made for another kind of pixels, they are taken for sRGB, as browsers do.
- CMYK without a profile is converted by Pillow's formula.
- Grey from colour is luma, ITU-R BT.601.
"""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from glyphline.pictures.formats import DEEP_GREY_MODES, GREY_MODES, is_deep_pgm

# The data colour space in an ICC profile's header -> the mode of the pixels that it is made for.
MODES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
# Rounding alone makes as much of a conversion from sRGB to sRGB.
LARGEST_ROUNDING = 2

_SRGB = ImageCms.createProfile("sRGB")


def in_srgb(image: Image.Image, *, grey: bool) -> Image.Image:
    """An image in mode L or RGB.

    Args:
        image: decoded, of a mode that `formats.opened` lets through.
        grey: one channel.
    """
    profile = image.info.get("icc_profile")
    image = _on_white(_eight_bits(image))
    if profile and (transform := _to_srgb(profile, image.mode)):
        image = transform.apply(image)
    return _in_mode(image, "L" if grey else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in DEEP_GREY_MODES or is_deep_pgm(image):
        # Pillow would clip 16 bits at 255, which makes nearly every pixel white.
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    return image


def _on_white(image: Image.Image) -> Image.Image:
    """An image in mode L, RGB or CMYK, without transparency."""
    if image.mode == "CMYK":
        return image
    mode = "L" if image.mode in GREY_MODES else "RGB"
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return _in_mode(image, mode)


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    # Pillow would copy an image that has the mode already, which for a photograph takes as long as resizing it.
    return image if image.mode == mode else image.convert(mode)


@lru_cache(maxsize=8)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The conversion to sRGB; None where there is nothing to convert, or the profile cannot be used."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if MODES.get(source.profile.xcolor_space.strip()) != mode:
            return None
        transform = ImageCms.buildTransform(source, _SRGB, mode, "RGB")
    # A damaged profile: besides its own error, Pillow raises what the bytes cause.
    except Exception:
        return None
    return None if mode != "CMYK" and _changes_nothing(transform, mode) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """True for a profile that says sRGB, whatever its name: its pixels stay as they are, bit for bit."""
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(len(levels), -1, 3)
    probe = Image.fromarray(cube if mode == "RGB" else cube[..., 0])
    converted = np.asarray(transform.apply(probe)).astype(int)
    return bool(np.abs(converted - np.asarray(probe.convert("RGB"))).max() <= LARGEST_ROUNDING)
