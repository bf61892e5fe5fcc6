"""A picture of some training images as they were and as they became, two of each class."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from glyphline import pictures
from glyphline.data import decoding, folders, listing
from glyphline.data.decoding import EncodedImages
from glyphline.data.sheet import FAINT, GAP, INK, LINE, MARGIN, PAPER, fonts, shortened, tile
from glyphline.data.split import SplitRows
from glyphline.pictures import Resizing
from glyphline.values import Images

PER_CLASS = 2
MAX_CLASSES = 12
TILE = 160
HEADER = 76
CAPTION = 22
KEPT = "#d64545"


def draw(images: EncodedImages, classes: tuple[str, ...], split: SplitRows, resizing: Resizing) -> Image.Image:
    """One row per class, at most 12 classes; of an image that was cropped, the part that was kept is framed.

    Args:
        images: one per row of `split.source`.
        classes: the class names.
        split: the split to show.
        resizing: how its images were resized.
    """
    shown = classes[:MAX_CLASSES]
    large, normal, small = fonts()
    names = [shortened(name, normal) for name in shown]
    left = MARGIN + max(int(normal.getlength(name)) for name in names) + 2 * GAP
    width = left + PER_CLASS * (2 * (TILE + GAP) + 3 * GAP) + MARGIN
    sheet = Image.new("RGB", (width, HEADER + MARGIN + len(shown) * (TILE + CAPTION)), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN - 8), "before and after", fill=INK, font=large, anchor="lt")
    facts = f"preprocess.fit {resizing.fit} · preprocess.image_size {resizing.height} x {resizing.width}"
    pen.text((MARGIN, MARGIN + 22), facts, fill=FAINT, font=small, anchor="lt")
    for label, name in enumerate(names):
        top = HEADER + label * (TILE + CAPTION)
        pen.text((left - 2 * GAP, top + TILE // 2), name, fill=INK, font=normal, anchor="rm")
        for column, index in enumerate(np.flatnonzero(split.labels == label)[:PER_CLASS]):
            row = split.rows[index]
            before = pictures.as_array(decoding.opened(images, row), images.names[row], grey=False, resizing=None)
            corner = (left + column * (2 * (TILE + GAP) + 3 * GAP), top)
            sheet.paste(_framed(before, resizing), corner)
            sheet.paste(tile(split.source.images[row], TILE), (corner[0] + TILE + GAP, top))
            for x in (corner[0], corner[0] + TILE + GAP):
                pen.rectangle((x - 1, top - 1, x + TILE, top + TILE), outline=LINE)
            caption = f"{before.shape[0]:,} x {before.shape[1]:,}"
            pen.text((corner[0], top + TILE + 3), caption, fill=FAINT, font=small, anchor="lt")
    return sheet


def write(
    path: Path, raw: Path, classes: tuple[str, ...], split: SplitRows, resizing: Resizing, *, below: Path | None = None
) -> None:
    """Draw the picture of the training images into the PNG file `path`.

    Args:
        path: the file to write.
        raw: data/raw.
        classes: the class names.
        split: the split to show.
        resizing: how its images were resized.
        below: the folder of the originals; None where data/raw holds copies.
    """
    names = [image.file for image in listing.read(raw / listing.NAME) if image.split == "train"]
    draw(folders.encoded(raw, below)(names), classes, split, resizing).save(path, format="PNG", optimize=True)


def _framed(image: Images, resizing: Resizing) -> Image.Image:
    framed = tile(image, TILE)
    if resizing.fit == "crop":
        height, width = image.shape[:2]
        # As `tile` scales and places it.
        scale = TILE // max(height, width) or TILE / max(height, width)
        x, y = (TILE - width * scale) // 2, (TILE - height * scale) // 2
        left, top, right, bottom = (side * scale for side in resizing.kept((0, 0, width, height)))
        frame = (x + left, y + top, x + right - 1, y + bottom - 1)
        ImageDraw.Draw(framed).rectangle(frame, outline=KEPT, width=2)
    return framed
