"""A picture of near-duplicates, most alike first."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from PIL import Image, ImageDraw

from glyphline.data.near_duplicates import NearDuplicates
from glyphline.data.raw import OfficialSplits
from glyphline.data.sheet import FAINT, GAP, INK, LINE, MARGIN, PAPER, fonts, shortened, tile
from glyphline.values import Images

COLUMNS, ROWS = 3, 8
TILE = 128
HEADER = 76
CAPTION = 44
PLACE = 2 * (TILE + GAP) + 3 * GAP


def draw(
    official: OfficialSplits, classes: tuple[str, ...], found: NearDuplicates, split_of_row: Sequence[str]
) -> Image.Image:
    """Up to 24 pairs, each with its classes, its splits and how alike it is.

    Args:
        official: the official splits, whose rows are counted on from one to the next.
        classes: the class names.
        found: the pairs.
        split_of_row: the split of every row.
    """
    shown = found.pairs[: COLUMNS * ROWS].tolist()
    rows = -(-len(shown) // COLUMNS)
    large, normal, small = fonts()
    sheet = Image.new("RGB", (2 * MARGIN + COLUMNS * PLACE, HEADER + MARGIN + rows * (TILE + CAPTION)), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN - 8), "near-duplicates", fill=INK, font=large, anchor="lt")
    facts = f"{'more than ' if found.is_cut else ''}{len(found.pairs):,} pairs, the most alike first"
    pen.text((MARGIN, MARGIN + 22), facts, fill=FAINT, font=small, anchor="lt")
    for place, pair in enumerate(shown):
        top = HEADER + place // COLUMNS * (TILE + CAPTION)
        left = MARGIN + place % COLUMNS * PLACE
        images, labels = zip(*(_row(official, row) for row in pair), strict=True)
        for column, image in enumerate(images):
            x = left + column * (TILE + GAP)
            sheet.paste(tile(image, TILE), (x, top))
            pen.rectangle((x - 1, top - 1, x + TILE, top + TILE), outline=LINE)
            pen.text(
                (x, top + TILE + 4), shortened(classes[labels[column]], normal)[:16], fill=INK, font=small, anchor="lt"
            )
        where = " and ".join(dict.fromkeys(split_of_row[row] for row in pair))
        caption = f"{found.likeness[place]:.3f}   {where}"
        pen.text((left, top + TILE + 20), caption, fill=FAINT, font=small, anchor="lt")
    return sheet


def write(
    path: Path, official: OfficialSplits, classes: tuple[str, ...], found: NearDuplicates, split_of_row: Sequence[str]
) -> None:
    """Draw the picture into the PNG file `path`."""
    draw(official, classes, found, split_of_row).save(path, format="PNG", optimize=True)


def _row(official: OfficialSplits, row: int) -> tuple[Images, int]:
    """The image of a row and the number of its class."""
    parts = list(official.values())
    for labeled, end in zip(parts, accumulate(len(part.labels) for part in parts), strict=True):
        if row < end:
            place = row - end + len(labeled.labels)
            return labeled.images[place], int(labeled.labels[place])
    raise IndexError(row)
