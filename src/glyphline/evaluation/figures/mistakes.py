"""The worst mistakes, as a picture."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glyphline.evaluation.figures import style
from glyphline.evaluation.mistakes import Mistake
from glyphline.values import Split

FEW, FEW_COLUMNS, MANY_COLUMNS = 25, 5, 8
MARGIN_IN = 0.25
LINE_IN = 0.18


def draw(split: Split, mistakes: Sequence[Mistake], *, limit: int) -> Figure:
    """Draw the worst mistakes with what they are, what they were taken for and how surely.

    The figure is as high as the mistakes need; without any it holds one sentence.

    Args:
        split: holds the images and the names of the classes.
        mistakes: all mistakes, the worst first.
        limit: how many to show at most.
    """
    shown = mistakes[:limit]
    if not shown:
        return style.sheet(1.1, *_nothing(split, len(mistakes)))
    columns = FEW_COLUMNS if len(shown) <= FEW else MANY_COLUMNS
    tile_in = (style.WIDTH_IN - 2 * MARGIN_IN) / columns
    rows = math.ceil(len(shown) / columns)
    captions = [_caption(split.classes, mistake, tile_in) for mistake in shown]
    height, width, _ = split.image_shape
    scale = 0.9 * tile_in / max(height, width)
    row_in = scale * height + LINE_IN * max(map(len, captions)) + 0.3
    figure = style.sheet(
        style.HEAD_IN + rows * row_in + 0.1,
        f"Worst mistakes: {len(shown):,} of {len(mistakes):,}, in {len(split):,} images",
        "The surest first. Below: actual → predicted class, probability given to the latter, number of the image.",
    )
    # One pair of axes in inches for all tiles: a pair for each takes ten times as long.
    axes = style.panel(
        figure, left=MARGIN_IN, top=style.HEAD_IN, width=style.WIDTH_IN - 2 * MARGIN_IN, height=rows * row_in
    )
    brightest = max(1, *(int(split.images[mistake.index].max()) for mistake in shown))
    for place, (mistake, caption) in enumerate(zip(shown, captions, strict=True)):
        row, column = divmod(place, columns)
        centre, bottom = (column + 0.5) * tile_in, row * row_in + scale * height
        _image(axes, split.images[mistake.index], centre, bottom, scale=scale, brightest=brightest)
        for line, text in enumerate(caption):
            last = line == len(caption) - 1
            axes.text(
                centre,
                bottom + 0.05 + LINE_IN * line,
                text,
                size=_points(tile_in) - last,
                color=style.QUIET if last else style.INK,
                ha="center",
                va="top",
            )
    axes.set_xlim(0, columns * tile_in)
    axes.set_ylim(rows * row_in, 0)
    axes.set_axis_off()
    return figure


def _nothing(split: Split, mistakes: int) -> tuple[str, str]:
    if mistakes:
        return f"Mistakes: {mistakes:,} in {len(split):,} images", "None are drawn: evaluate.mistakes is 0."
    return "No mistakes", f"All {len(split):,} images were given their own class."


def _points(tile_in: float) -> float:
    return 9.5 if tile_in > 1.2 else 8.0


def _caption(classes: Sequence[str], mistake: Mistake, tile_in: float) -> tuple[str, ...]:
    characters = int(72 * tile_in / (0.6 * _points(tile_in)))
    actual, predicted = classes[mistake.actual], classes[mistake.predicted]
    last = f"{100 * mistake.confidence:.0f}%  #{mistake.index}"
    together = f"{actual} → {predicted}"
    if len(together) <= characters:
        return together, last
    return style.shortened(actual, characters), f"→ {style.shortened(predicted, characters - 2)}", last


def _image(
    axes: Axes, image: npt.NDArray[np.uint8], centre: float, bottom: float, *, scale: float, brightest: int
) -> None:
    height, width, channels = image.shape
    half = width * scale / 2
    axes.imshow(
        image[..., 0] if channels == 1 else image,
        cmap="gray",
        vmin=0,
        vmax=brightest,
        extent=(centre - half, centre + half, bottom, bottom - height * scale),
        aspect="auto",
        interpolation="nearest" if max(height, width) < 64 else "antialiased",
    )
