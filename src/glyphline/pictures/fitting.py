"""How an image of any size and shape gets the size that a network wants."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from glyphline.values import Fit, Images

Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge in pixels, which may be cut."""


@dataclass(frozen=True, slots=True)
class Resizing:
    """The size that images get, and how.

    Attributes:
        height, width: in pixels.
        fit: `stretch` changes the proportions; `crop` takes the largest part from the middle that has the right ones;
            `pad` takes the whole image and fills the rest with the median colour of its border.
    """

    height: int
    width: int
    fit: Fit

    def scaled(self, width: float, height: float) -> tuple[float, float]:
        """Width and height of a whole image once it is scaled, before something is cut off or added.

        >>> Resizing(100, 100, "crop").scaled(400, 200), Resizing(100, 100, "pad").scaled(400, 200)
        ((200.0, 100.0), (100.0, 50.0))
        """
        ratios = self.width / width, self.height / height
        if self.fit == "stretch":
            return self.width, self.height
        ratio = max(ratios) if self.fit == "crop" else min(ratios)
        return width * ratio, height * ratio

    def kept(self, box: Box) -> Box:
        """The part of an image that is used; all of it, unless `fit` is `crop`."""
        left, top, right, bottom = box
        if self.fit != "crop":
            return box
        scaled_width, scaled_height = self.scaled(right - left, bottom - top)
        x = (right - left) * (1 - self.width / scaled_width) / 2
        y = (bottom - top) * (1 - self.height / scaled_height) / 2
        # Rounding must not lead outside.
        return left + max(0, x), top + max(0, y), right - max(0, x), bottom - max(0, y)


def fitted(image: Image.Image, resizing: Resizing, box: Box | None = None) -> Image.Image:
    """An image in the size of `resizing`, bicubic.

    Args:
        image: of mode L or RGB.
        resizing: the size, and how.
        box: the part of `image` that is the picture; None for all of it.
    """
    box = box or (0, 0, image.width, image.height)
    if resizing.fit != "pad":
        return image.resize((resizing.width, resizing.height), Image.Resampling.BICUBIC, resizing.kept(box))
    width, height = resizing.scaled(box[2] - box[0], box[3] - box[1])
    whole = image.resize((max(1, round(width)), max(1, round(height))), Image.Resampling.BICUBIC, box)
    padded = Image.new(image.mode, (resizing.width, resizing.height), _border_colour(whole))
    padded.paste(whole, ((resizing.width - whole.width) // 2, (resizing.height - whole.height) // 2))
    return padded


def pixels(image: Image.Image) -> Images:
    """uint8 (h, w, 1) or (h, w, 3)."""
    return np.asarray(image).reshape(image.height, image.width, -1)


def _border_colour(image: Image.Image) -> tuple[int, ...]:
    values = pixels(image)
    border = np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])
    return tuple(np.median(border, axis=0).astype(int).tolist())
