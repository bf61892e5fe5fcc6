"""How losses are drawn in every figure of a study: the axis, and the colours of trials."""

import math
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from glyphline import figure_style as style

COMPLETE, PRUNED, FAILED, BEST = style.BLUE, style.QUIET, style.INK, style.ORANGE
MOST_OPAQUE = 40


def scale(axes: Axes, values: Iterable[float]) -> None:
    """A vertical axis over all the values: logarithmic when they spread over more than a factor of five."""
    finite = [value for value in values if math.isfinite(value)]
    axes.grid(visible=True, axis="y")
    if not finite:
        axes.set_yticks([])
        return
    low, high = min(finite), max(finite)
    if is_wide(finite):
        margin = (high / low) ** 0.06
        axes.set_ylim(low / margin, high * margin)
        style.logarithmic(axes)
        return
    margin = 0.06 * (high - low) or abs(0.1 * low) or 1.0
    axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    style.plain_numbers(axes.yaxis)


def is_wide(values: Sequence[float]) -> bool:
    """Whether positive values spread over more than a factor of five, so that a logarithm shows them better."""
    return min(values) > 0 and max(values) > 5 * min(values)


def dots(axes: Axes, points: Sequence[tuple[float, float]], colour: str, label: str, *, size: float = 6.0) -> None:
    """One mark per point, smaller and fainter where they are many; nothing, also in the legend, without points."""
    if points:
        size = size if len(points) <= MOST_OPAQUE else 0.65 * size
        x, y = zip(*points, strict=True)
        axes.scatter(x, y, s=size**2, color=colour, alpha=opacity(len(points)), label=label)


def ring(axes: Axes, x: float, y: float) -> None:
    """A ring round the mark of the best trial."""
    axes.plot(x, y, "o", color=BEST, markersize=11, markerfacecolor="none", markeredgewidth=2, zorder=4)


def opacity(count: int) -> float:
    """Of one of so many marks or lines: where they are many, each is fainter, so that their crowds show."""
    return 1.0 if count <= MOST_OPAQUE else max(0.3, (MOST_OPAQUE / count) ** 0.6)
