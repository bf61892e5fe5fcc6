"""A picture of some training images, one row per class."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from glyphline.data.sheet import FAINT, GAP, INK, LINE, MARGIN, PAPER, fonts, shortened, tile
from glyphline.data.split import SplitRows

PER_CLASS = 12
MAX_CLASSES = 40
TILE = 64
HEADER = 76


def draw(dataset: str, classes: tuple[str, ...], split: SplitRows) -> Image.Image:
    """One row per class, at most 40 classes: name, number of images, and up to 12 images of it.

    Args:
        dataset: for the heading.
        classes: the class names.
        split: the split to show.
    """
    shown = classes[:MAX_CLASSES]
    large, normal, small = fonts()
    names = [shortened(name, normal) for name in shown]
    left = MARGIN + max(int(normal.getlength(name)) for name in [*names, "1,000 images"]) + 2 * GAP
    labels = split.labels
    size = (left + PER_CLASS * (TILE + GAP) - GAP + MARGIN, HEADER + MARGIN + len(shown) * (TILE + GAP))
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    height, width, channels = split.source.images.shape[1:]
    pen.text((MARGIN, MARGIN - 8), dataset, fill=INK, font=large, anchor="lt")
    facts = f"{len(labels):,} training images · {height} x {width} x {channels} · {len(classes)} classes"
    if len(shown) < len(classes):
        facts += f", the first {len(shown)} shown"
    pen.text((MARGIN, MARGIN + 22), facts, fill=FAINT, font=small, anchor="lt")
    for label, name in enumerate(names):
        top = HEADER + label * (TILE + GAP)
        of_class = np.flatnonzero(labels == label)
        pen.text((left - 2 * GAP, top + TILE // 2 - 9), name, fill=INK, font=normal, anchor="rm")
        pen.text(
            (left - 2 * GAP, top + TILE // 2 + 11), f"{len(of_class):,} images", fill=FAINT, font=small, anchor="rm"
        )
        for column, index in enumerate(of_class[:PER_CLASS]):
            corner = (left + column * (TILE + GAP), top)
            sheet.paste(tile(split.source.images[split.rows[index]], TILE), corner)
            pen.rectangle((corner[0] - 1, corner[1] - 1, corner[0] + TILE, corner[1] + TILE), outline=LINE)
    return sheet


def write(path: Path, dataset: str, classes: tuple[str, ...], split: SplitRows) -> None:
    """Draw the picture into the PNG file `path`."""
    draw(dataset, classes, split).save(path, format="PNG", optimize=True)
