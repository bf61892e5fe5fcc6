"""Accuracy on corrupted images, one small plot per corruption."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from glyphline import figure_style as style
from glyphline.records import CorruptionScore, Evaluation

COLUMNS = 3


def draw(evaluation: Evaluation) -> Figure:
    """Draw accuracy over severity for each corruption, with 95 % intervals; dashed: on clean images."""
    scores = evaluation.corruptions
    if not scores:
        return style.blank_figure(1.1, "No corruptions", "evaluate.corruption_images is 0.")
    names = list(dict.fromkeys(score.name for score in scores))
    assert evaluation.corruption_accuracy is not None
    rows = -(-len(names) // COLUMNS)
    figure = style.blank_figure(
        style.HEAD_IN + 2.3 * rows + 0.2,
        f"Corruptions: {style.percent(evaluation.corruption_accuracy, 1)} right on average,"
        f" {style.percent(evaluation.accuracy, 1)} on clean images",
        f"Accuracy on {scores[0].count:,} images at each severity. Whiskers: 95 % (Wilson). Dashed: clean images.",
    )
    lowest = min(score.accuracy_interval[0] for score in scores)
    for place, name in enumerate(names):
        row, column = divmod(place, COLUMNS)
        axes = style.panel(
            figure, left=0.75 + 2.42 * column, top=style.HEAD_IN + 0.3 + 2.3 * row, width=2.15, height=1.5
        )
        _plot(axes, [score for score in scores if score.name == name], evaluation.accuracy, lowest)
        axes.set_title(name, loc="left", size=11)
        axes.tick_params(labelleft=column == 0)
        if row == rows - 1:
            axes.set_xlabel("severity")
    return figure


def _plot(axes: Axes, scores: Sequence[CorruptionScore], clean: float, lowest: float) -> None:
    severities = [score.severity for score in scores]
    heights = [score.accuracy for score in scores]
    whiskers = style.whiskers(heights, [score.accuracy_interval for score in scores])
    axes.axhline(clean, color=style.QUIET, linestyle="--", linewidth=1.2)
    axes.errorbar(severities, heights, yerr=whiskers, fmt="o-", color=style.BLUE, markersize=5, capsize=3)
    axes.set_xticks(severities)
    axes.set_xlim(0.6, 5.4)
    # One scale for all, so that the plots can be compared.
    axes.set_ylim(max(0.0, lowest - 0.05), 1.01)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(visible=True, axis="y")
