"""Images that lie in an array already, in another size."""

from PIL import Image

from glyphline.pictures.colour import in_srgb
from glyphline.pictures.fitting import Resizing, fitted, pixels
from glyphline.values import Images

CHANNELS = frozenset({1, 2, 3, 4})
"""Of grey, grey with transparency, RGB and RGBA."""


def resized(image: Images, resizing: Resizing, *, grey: bool) -> Images:
    """An image in another size, as an image from a file gets it, as uint8 (h, w, 1) or (h, w, 3).

    Args:
        image: uint8 (h, w, c), c in `CHANNELS`.
        resizing: the size, and how.
        grey: one channel.
    """
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    return pixels(fitted(in_srgb(picture, grey=grey), resizing))
