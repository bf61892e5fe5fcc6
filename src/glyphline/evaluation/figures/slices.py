"""Accuracy on parts of the images, so that the mean hides no weakness."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from glyphline import figure_style as style
from glyphline.records import SliceScore

ROW_IN = 0.32


def draw(scores: Sequence[SliceScore], accuracy: float) -> Figure:
    """Draw the accuracy of each part with its 95 % interval, and a line at the accuracy on all images.

    Args:
        scores: the parts, those of one property together.
        accuracy: on all images.
    """
    if not scores:
        return style.blank_figure(1.1, "No slices", "evaluate.slices names none.")
    names = [f"{score.name} {score.part} ({score.low:.3g} to {score.high:.3g})" for score in scores]
    left, height = 0.45 + style.text_width_in(names, 10), ROW_IN * len(scores)
    width = style.WIDTH_IN - left - style.NUMBERS_IN
    worst = min(scores, key=lambda score: score.accuracy)
    figure = style.blank_figure(
        style.HEAD_IN + 0.35 + height + 0.5,
        f"Slices: lowest {style.percent(worst.accuracy, 1)} where {worst.name} is {worst.part}",
        "Accuracy on thirds of the images. Whiskers: 95 % (Wilson). Dashed: all images.",
    )
    axes = style.panel(figure, left=left, top=style.HEAD_IN + 0.35, width=width, height=height)
    rows = range(len(scores))
    middles = [score.accuracy for score in scores]
    ends = [score.accuracy_interval for score in scores]
    axes.axvline(accuracy, color=style.QUIET, linestyle="--", linewidth=1.2)
    axes.hlines(rows, [low for low, _ in ends], [high for _, high in ends], color=style.SKY, linewidth=6)
    axes.plot(middles, rows, "o", color=style.BLUE, markersize=7, clip_on=False)
    accuracies, counts = [style.percent(score.accuracy, 1) for score in scores], [f"{s.count:,}" for s in scores]
    style.number_columns(axes, width, {"accuracy": accuracies, "images": counts})
    axes.set_yticks(rows, names)
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.set_xlim(max(0.0, min(low for low, _ in ends) - 0.02), 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    return figure
