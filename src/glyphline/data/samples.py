"""A picture of some training images, one row per class."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from glyphline.data.split import SplitRows
from glyphline.values import Images

PER_CLASS = 12
MAX_CLASSES = 40
TILE = 64
GAP = 8
MARGIN = 32
HEADER = 76
NAME_MAX = 240

PAPER, INK, FAINT, LINE, EMPTY = "#ffffff", "#1f2933", "#7b8794", "#d9dee4", "#f3f5f7"


def draw(dataset: str, classes: tuple[str, ...], split: SplitRows) -> Image.Image:
    """One row per class, at most 40 classes: name, number of images, and up to 12 images of it.

    Args:
        dataset: for the heading.
        classes: the class names.
        split: the split to show.
    """
    shown = classes[:MAX_CLASSES]
    large, normal, small = (ImageFont.load_default(size) for size in (22, 16, 13))
    names = [_shortened(name, normal) for name in shown]
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
            sheet.paste(_tile(split.source.images[split.rows[index]]), corner)
            pen.rectangle((corner[0] - 1, corner[1] - 1, corner[0] + TILE, corner[1] + TILE), outline=LINE)
    return sheet


def write(path: Path, dataset: str, classes: tuple[str, ...], split: SplitRows) -> None:
    """Draw the picture into the PNG file `path`."""
    draw(dataset, classes, split).save(path, format="PNG", optimize=True)


def _tile(image: Images) -> Image.Image:
    """An image in the middle of a square tile; small ones are enlarged by a whole number, so pixels stay square."""
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
    longest = max(picture.size)
    if longest <= TILE:
        factor = TILE // longest
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    else:
        picture.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
    # The background of a drawing is extended to the edge of the tile; a photograph has none.
    tile = Image.new("RGB", (TILE, TILE), picture.getpixel((0, 0)) if image.shape[2] == 1 else EMPTY)
    tile.paste(picture, ((TILE - picture.width) // 2, (TILE - picture.height) // 2))
    return tile


def _shortened(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    shown = " ".join(name.split())[:NAME_MAX]
    if font.getlength(shown) <= NAME_MAX:
        return shown
    # Three full stops: the font that Pillow carries has no ellipsis.
    while (width := font.getlength(f"{shown}...")) > NAME_MAX:
        shown = shown[: min(len(shown) - 1, int(len(shown) * NAME_MAX / width))]
    return f"{shown}..."
