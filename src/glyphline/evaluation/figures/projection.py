"""Where images lie in the features by which the network tells the classes apart, and where its mistakes lie."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, withStroke

from glyphline import figure_style as style
from glyphline.evaluation.projection import Projection
from glyphline.values import Labels

# Okabe and Ito's colours, but for yellow, which white swallows, and for black, in which mistakes are edged.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8A8F98")
SHAPES = ("o", "^", "s")
"""More classes than colours: the next ones have the same colours in another shape."""
MOST_CLASSES = 20
NAME_CHARACTERS = 14
MOST_AT_POINTS = 6
"""Characters of names that are written among the points; longer ones stand beside the axes."""
SIDE_IN, LEFT_IN, TOP_IN, FOOT_IN = 5.6, 0.7, style.HEAD_IN + 0.1, 0.45
MARGIN = 0.06
CAPTION_POINTS = 8.5

Points = npt.NDArray[np.float64]
Mark = tuple[str, str]
"""Shape and colour."""


def draw(projection: Projection | None, labels: Labels, predicted: Labels, classes: Sequence[str]) -> Figure:
    """Draw the images as points, in the colour of their class, and the mistakes with the class they were taken for.

    Of more than 20 classes none has a colour of its own.

    Args:
        projection: of some images of a split; None where the network has no features.
        labels: int64 (n,), of all images of the split.
        predicted: likewise.
        classes: their names.
    """
    if projection is None:
        return style.blank_figure(1.1, "No projection", "The network does not end in a dense layer that has features.")
    points, actual, taken = projection.points, labels[projection.indices], predicted[projection.indices]
    wrong = actual != taken
    title = f"Features: {int(wrong.sum()):,} of {len(actual):,} images taken for another class"
    figure = style.blank_figure(TOP_IN + SIDE_IN + FOOT_IN, title, _note(projection, len(labels)))
    names = [style.shortened(name, NAME_CHARACTERS) for name in classes]
    marks = list(product(SHAPES, COLOURS))[: len(classes)] if len(classes) <= MOST_CLASSES else []
    beside = bool(marks) and max(map(len, names)) > MOST_AT_POINTS
    right = 0.45 + style.text_width_in(names, 9) if beside else 0.3
    width = style.WIDTH_IN - LEFT_IN - right
    axes = style.panel(figure, left=LEFT_IN, top=TOP_IN, width=width, height=SIDE_IN)
    _points(axes, points[~wrong], actual[~wrong], marks)
    captions = [f"{names[own]} → {names[other]}" for own, other in zip(actual[wrong], taken[wrong], strict=True)]
    _mistakes(axes, points[wrong], [marks[own] if marks else ("o", style.ORANGE) for own in actual[wrong]])
    _set_axes(axes, points, projection.shares)
    _captions(axes, points[wrong], captions, width)
    if beside:
        _names_beside(axes, marks, names)
    elif marks:
        _names_at_points(axes, points, actual, names)
    return figure


def _note(projection: Projection, total: int) -> str:
    drawn = len(projection.indices)
    images = f"All {total:,} images"
    if drawn < total:
        images = f"{projection.evenly:,} of {total:,} images, drawn evenly, and {drawn - projection.evenly:,} mistakes"
    return (
        f"{images}, by the inputs of the last layer, in the two directions in which these differ most."
        "\nWith a black edge: mistakes, their own class → what they were taken for, where there is room."
    )


def _points(axes: Axes, points: Points, labels: Labels, marks: Sequence[Mark]) -> None:
    if not marks:
        axes.scatter(points[:, 0], points[:, 1], s=14, color=style.FAINT, edgecolors=style.QUIET, linewidths=0.3)
    for label, (shape, colour) in enumerate(marks):
        own = points[labels == label]
        axes.scatter(own[:, 0], own[:, 1], s=20, marker=shape, color=colour, alpha=0.55, linewidths=0)


def _mistakes(axes: Axes, points: Points, marks: Sequence[Mark]) -> None:
    for (x, y), (shape, colour) in zip(points, marks, strict=True):
        axes.scatter(x, y, s=60, marker=shape, color=colour, edgecolors=style.INK, linewidths=1.4, zorder=3)


def _set_axes(axes: Axes, points: Points, shares: tuple[float, float]) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    # Images that are all the same have no extent.
    room = np.maximum(MARGIN * (high - low), 1e-9)
    axes.set_xlim(low[0] - room[0], high[0] + room[0])
    axes.set_ylim(low[1] - room[1], high[1] + room[1])
    for axis, share, which in zip((axes.xaxis, axes.yaxis), shares, ("first", "second"), strict=True):
        axis.set_label_text(f"{which} principal component: {style.percent(share)} of the variance")
        axis.set_ticks([])


def _captions(axes: Axes, points: Points, captions: Sequence[str], width_in: float) -> None:
    """Write the captions of the mistakes, without those that would lie on another one."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    places = (points - (left, bottom)) / (right - left, top - bottom) * (width_in, SIDE_IN)
    height = 1.3 * CAPTION_POINTS / 72
    taken: list[tuple[float, float, float]] = []
    for point, (x, y), caption in zip(points, places.tolist(), captions, strict=True):
        # Towards the middle, where it does not reach beyond the figure.
        rightwards = x < width_in / 2
        start = x if rightwards else x - style.text_width_in([caption], CAPTION_POINTS)
        end = start + style.text_width_in([caption], CAPTION_POINTS)
        if any(start < other_end and other < end and abs(y - row) < height for other, other_end, row in taken):
            continue
        taken.append((start, end, y))
        axes.annotate(
            caption, point, (7 if rightwards else -7, 5), textcoords="offset points",
            ha="left" if rightwards else "right", size=CAPTION_POINTS, zorder=6, path_effects=_halo(2.5),
        )  # fmt: skip


def _names_at_points(axes: Axes, points: Points, labels: Labels, names: Sequence[str]) -> None:
    """The name of each class at its middle."""
    for label in np.unique(labels).tolist():
        middle = np.median(points[labels == label], axis=0)
        axes.annotate(
            names[label], middle, ha="center", va="center", size=12, weight="bold", zorder=5, path_effects=_halo(3.5)
        )


def _names_beside(axes: Axes, marks: Sequence[Mark], names: Sequence[str]) -> None:
    handles = [Line2D([], [], marker=shape, color=colour, linestyle="", markersize=6) for shape, colour in marks]
    axes.legend(handles, names, loc="upper left", bbox_to_anchor=(1, 1), borderpad=0, handletextpad=0.2, fontsize=9)


def _halo(width: float) -> list[AbstractPathEffect]:
    """White around letters that lie on points."""
    return [withStroke(linewidth=width, foreground="white")]
