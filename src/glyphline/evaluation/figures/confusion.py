"""The confusion matrix: counts, and shades by share of the row."""

from collections.abc import Sequence
from itertools import product

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glyphline import figure_style as style

MOST_CLASSES = 25
MOST_WITH_RATES = 12
NAME_CHARACTERS = 18
FOOT_IN = 0.55

Counts = npt.NDArray[np.int64]
Shades = npt.NDArray[np.float64]


def draw(counts: Counts, classes: Sequence[str]) -> Figure:
    """Draw how often each class was predicted as each.

    Up to 25 classes are shown whole, with each row's shares up to 12; of more classes only those that are confused
    most, and the title says so.

    Args:
        counts: int (classes, classes); row: the true class, column: the predicted one.
        classes: their names.
    """
    chosen = most_confused(counts, MOST_CLASSES)
    names = [style.shortened(classes[index], NAME_CHARACTERS) for index in chosen]
    points = 10.0 if len(chosen) <= MOST_WITH_RATES else 8.0
    breadth = style.text_width_in(names, points)
    upright = breadth > 0.5
    left = 0.75 + breadth
    side = min(style.WIDTH_IN - left - 0.3, 1.1 * len(chosen))
    below = (breadth if upright else points / 72) + FOOT_IN
    figure = style.blank_figure(style.HEAD_IN + side + below, _title(counts, len(chosen)), _note(counts, chosen))
    axes = style.panel(figure, left=left, top=style.HEAD_IN, width=side, height=side)
    # A row's share counts all images of the class, also those taken for a class that is not shown.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    part = np.ix_(chosen, chosen)
    _fill(axes, counts[part], shares[part], side / len(chosen))
    places = range(len(chosen))
    axes.set_xticks(places, names, rotation=90 if upright else 0, size=points)
    axes.set_yticks(places, names, size=points)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def most_confused(counts: Counts, limit: int) -> list[int]:
    """At most `limit` classes, in their own order: those of the most frequent confusions.

    Args:
        counts: int (classes, classes).
        limit: how many at most, 2 or more.
    """
    total = len(counts)
    if total <= limit:
        return list(range(total))
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    chosen: dict[int, None] = {}
    # Stable, so that equal counts are taken in the order of the classes. Of a million cells those with a mistake do.
    cells = np.flatnonzero(wrong)
    for cell in cells[np.argsort(-wrong.ravel()[cells], kind="stable")]:
        pair = dict.fromkeys(divmod(int(cell), total))
        if len(chosen | pair) > limit:
            break
        chosen |= pair
    # With few mistakes fewer classes are confused: the first ones fill the rest.
    for index in range(total):
        if len(chosen) == limit:
            break
        chosen[index] = None
    return sorted(chosen)


def _title(counts: Counts, shown: int) -> str:
    if shown < len(counts):
        return f"Confusion matrix: the {shown} most confused of {len(counts):,} classes"
    return f"Confusion matrix: {_wrong(counts):,} of {int(counts.sum()):,} images taken for another class"


def _note(counts: Counts, chosen: list[int]) -> str:
    if len(chosen) < len(counts):
        among = _wrong(counts[np.ix_(chosen, chosen)])
        first = f"{among:,} of {_wrong(counts):,} mistakes are among these"
    else:
        first = "In a cell: images" + (", and their share of the row" if len(chosen) <= MOST_WITH_RATES else "")
    return f"{first}. Blue: right. Orange: mistaken, the darker the more of the class."


def _wrong(counts: Counts) -> int:
    return int(counts.sum() - np.trace(counts))


def _fill(axes: Axes, counts: Counts, shares: Shades, cell_in: float) -> None:
    hits = np.eye(len(counts), dtype=bool)
    # Two scales: a mistake of 3 % would be white on the scale of the hits.
    reach = max(0.1, float(shares[~hits].max()))
    blues, oranges = mpl.colormaps["Blues"], mpl.colormaps["Oranges"]
    colours = np.where(hits[..., None], blues(0.75 * shares), oranges(0.15 + 0.6 * shares / reach))
    colours[counts == 0] = mpl.colors.to_rgba("#F6F8FA")
    axes.imshow(colours, interpolation="nearest", aspect="equal")
    edges = np.arange(1, len(counts)) - 0.5
    axes.hlines(edges, -0.5, len(counts) - 0.5, color="white", linewidth=1)
    axes.vlines(edges, -0.5, len(counts) - 0.5, color="white", linewidth=1)
    with_rates = len(counts) <= MOST_WITH_RATES
    lightness = colours[..., :3] @ (0.299, 0.587, 0.114)
    size = _type_size(len(_compact(int(counts.max()))), cell_in, with_rates=with_rates)
    for row, column in product(range(len(counts)), repeat=2):
        if counts[row, column]:
            text = _compact(int(counts[row, column]))
            axes.text(
                column,
                row,
                f"{text}\n{_percent(shares[row, column])}" if with_rates else text,
                size=size,
                color="white" if lightness[row, column] < 0.55 else style.INK,
                ha="center",
                va="center",
            )


def _type_size(digits: int, cell_in: float, *, with_rates: bool) -> float:
    lines, characters = (2, max(digits, len(">99.9%"))) if with_rates else (1, digits)
    return min(9.5, 72 * cell_in * 0.85 / (0.62 * characters), 72 * cell_in * 0.55 / lines)


def _compact(count: int) -> str:
    return str(count) if count < 10_000 else f"{count / 1000:.0f}k"


def _percent(share: float) -> str:
    return style.percent(share, 1 if share < 0.0995 else 0)
