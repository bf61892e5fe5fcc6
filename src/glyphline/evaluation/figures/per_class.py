"""Precision, recall and F1 of each class."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from glyphline import figure_style as style
from glyphline.records import ClassScore

MOST_CLASSES = 25
NAME_CHARACTERS = 24
ROW_IN = 0.3


def draw(scores: Sequence[ClassScore]) -> Figure:
    """Draw the classes, the lowest recall first; of more than 25 only the worst 25, and the title says so.

    Args:
        scores: one per class.
    """
    # By recall, as the worst class of the record and the gate. sorted is stable: equal classes stay in their own order.
    # A class that has no recall is not the worst.
    shown = sorted(scores, key=lambda score: 2.0 if score.recall is None else score.recall)[:MOST_CLASSES]
    title = "Per class: recall, precision and F1"
    if len(shown) < len(scores):
        title = f"Per class: the {len(shown)} of {len(scores):,} classes with the lowest recall"
    names = [style.shortened(score.name, NAME_CHARACTERS) for score in shown]
    left, height = 0.45 + style.text_width_in(names, 10), ROW_IN * len(shown)
    width = style.WIDTH_IN - left - style.NUMBERS_IN
    head = style.HEAD_IN + 0.35
    figure = style.blank_figure(
        head + height + 0.4,
        title,
        "Lowest recall first. Recall: found of its own. Precision: right of those taken for it. Band: 95 % of recall",
    )
    axes = style.panel(figure, left=left, top=head, width=width, height=height)
    _marks(axes, shown)
    rates, counts = [style.decimals(score.recall, 3) for score in shown], [f"{score.count:,}" for score in shown]
    style.number_columns(axes, width, {"recall": rates, "images": counts})
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    return figure


def _marks(axes: Axes, shown: Sequence[ClassScore]) -> None:
    rows = range(len(shown))
    # What is not defined becomes NaN here, which matplotlib leaves out.
    precision, recall, f1 = ([_number(value) for value in values] for values in zip(*map(_rates, shown), strict=True))
    ends = [score.recall_interval or (math.nan, math.nan) for score in shown]
    axes.hlines(rows, [low for low, _ in ends], [high for _, high in ends], color=style.SKY, linewidth=7)
    axes.plot(precision, rows, ">", color=style.BLUE, markersize=7, label="precision")
    axes.plot(recall, rows, "<", color=style.ORANGE, markersize=7, label="recall")
    axes.plot(f1, rows, "|", color=style.INK, markersize=13, label="F1")
    # Marks and no bars, so the axis may start where the classes differ.
    drawn = [value for value in (*precision, *recall, *(low for low, _ in ends)) if not math.isnan(value)]
    axes.set_xlim(max(0.0, math.floor(10 * min(drawn, default=0.0) - 0.2) / 10), 1.0)
    # The marks of a perfect class lie half outside the axes.
    for line in axes.lines:
        line.set_clip_on(False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True)
    style.legend_above(axes, 3)


def _rates(score: ClassScore) -> tuple[float | None, float | None, float | None]:
    return score.precision, score.recall, score.f1


def _number(value: float | None) -> float:
    return math.nan if value is None else value
