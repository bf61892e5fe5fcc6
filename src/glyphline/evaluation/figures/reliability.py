"""The reliability diagram: how far the confidence of predictions is from their accuracy."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from glyphline import figure_style as style
from glyphline.evaluation.calibration import Bin, mean_gap
from glyphline.scoring.intervals import wilson

MOST_NUMBERED = 20


def draw(table: Sequence[Bin], bins: int) -> Figure:
    """Draw accuracy over confidence, with 95 % intervals, above the number of predictions in each bin.

    Args:
        table: the bins that are not empty, in rising order.
        bins: how many bins there are on (0, 1].
    """
    figure = style.blank_figure(
        6.5,
        f"Reliability: {100 * mean_gap(tuple(table)):.2f} percentage points off on average",
        f"Expected calibration error over {bins} bins. Whiskers: 95 % (Wilson); a bin with few images says little.",
    )
    accuracy = style.panel(figure, left=0.9, top=style.HEAD_IN + 0.3, width=6.7, height=3.3)
    _accuracy(accuracy, table)
    counts = style.panel(figure, left=0.9, top=style.HEAD_IN + 3.85, width=6.7, height=1.2)
    _counts(counts, table, numbered=bins <= MOST_NUMBERED)
    for axes in (accuracy, counts):
        axes.set_xlim(0, 1.01)
        axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    accuracy.tick_params(labelbottom=False)
    return figure


def _accuracy(axes: Axes, table: Sequence[Bin]) -> None:
    axes.plot([0, 1], [0, 1], "--", color=style.QUIET, linewidth=1.2, label="perfectly calibrated")
    middles = [entry.confidence for entry in table]
    heights = [entry.accuracy for entry in table]
    whiskers = style.whiskers(heights, [wilson(entry.correct, entry.count) for entry in table])
    axes.vlines(middles, heights, middles, color=style.ORANGE, linewidth=5, alpha=0.45, label="gap")
    axes.errorbar(
        middles, heights, yerr=whiskers, fmt="o", color=style.BLUE, markersize=6, capsize=3, elinewidth=1.4,
        label="accuracy of the bin",
    )  # fmt: skip
    axes.set_ylim(-0.02, 1.03)
    axes.set_ylabel("accuracy")
    axes.grid(visible=True)
    style.legend_above(axes, 3)


def _counts(axes: Axes, table: Sequence[Bin], *, numbered: bool) -> None:
    most = max(entry.count for entry in table)
    for entry in table:
        middle = (entry.low + entry.high) / 2
        axes.bar(middle, entry.count, width=0.9 * (entry.high - entry.low), color=style.SKY)
        if numbered:
            text = f"{entry.count:,}" if entry.count < 10_000 else f"{entry.count / 1000:.0f}k"
            axes.text(middle, entry.count * 1.1, text, size=8, ha="center", va="bottom")
    axes.set_yscale("log")
    axes.set_ylim(0.6, 4 * most)
    axes.yaxis.set_major_locator(LogLocator(numticks=4))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.0f}"))
    axes.set_ylabel("images")
    axes.set_xlabel("confidence: probability of the predicted class")
