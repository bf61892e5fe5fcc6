"""Learning curves of several runs in one plot, narrow enough for a phone."""

from collections.abc import Mapping, Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from glyphline import figure_style as style

WIDTH_IN, HEIGHT_IN, DPI = 4.4, 3.2, 160
COLOURS = (style.BLUE, style.ORANGE, style.GREEN, "#CC79A7", "#E69F00", "#56B4E9", style.INK)
DASHES = ("-", "--", "-.", ":")


def draw(metric: str, curves: Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """Draw one metric over the epochs for several runs; colour and dash tell them apart.

    Args:
        metric: its name.
        curves: name of a run -> (step, value), one per epoch in their order; older runs count steps from 0.
    """
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = style.panel(figure, left=0.7, top=0.75, width=WIDTH_IN - 0.85, height=HEIGHT_IN - 1.35)
    for number, (name, points) in enumerate(curves.items()):
        axes.plot(
            range(1, len(points) + 1),
            [value for _, value in points],
            DASHES[number % len(DASHES)],
            color=COLOURS[number % len(COLOURS)],
            marker="o" if len(points) <= 40 else "",
            markersize=4,
            label=style.shortened(name, 28),
        )
    if metric.endswith("loss") and all(value > 0 for points in curves.values() for _, value in points):
        style.logarithmic(axes)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.grid(visible=True, axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), borderpad=0, ncols=2, fontsize=9)
    figure.text(0.02, 0.98, metric, size=11, weight="bold", va="top")
    return figure
