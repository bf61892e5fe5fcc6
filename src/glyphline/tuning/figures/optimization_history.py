"""The values of the trials in their order, and the best so far."""

import math
from itertools import accumulate

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from glyphline import figure_style as style
from glyphline.tuning.figures import losses
from glyphline.tuning.figures.drawn_study import DrawnStudy


def draw(drawn: DrawnStudy) -> Figure:
    """Draw the value of each trial over its number, and the lowest of the complete ones so far as a line."""
    best = drawn.best
    title = "Optimization history: no trial is complete"
    if best is not None:
        title = f"Optimization history: {best.values[0]:.4f} in trial {best.number}, {_place(drawn)}"
    note = f"Trials: {drawn.counts}. A trial that was stopped stands at its lowest value."
    figure = style.blank_figure(4.6, title, note)
    axes = style.panel(figure, left=0.9, top=style.HEAD_IN + 0.3, width=6.8, height=2.85)
    complete = [(trial.number, trial.values[0]) for trial in drawn.complete]
    pruned = [
        (trial.number, min(values))
        for trial in drawn.pruned
        if (values := [value for value in trial.intermediate_values.values() if math.isfinite(value)])
    ]
    losses.dots(axes, pruned, losses.PRUNED, "pruned", size=5)
    losses.dots(axes, complete, losses.COMPLETE, "complete")
    if complete:
        numbers = [*(number for number, _ in complete), len(drawn.trials) - 1]
        lowest = [*accumulate((value for _, value in complete), min), min(value for _, value in complete)]
        axes.step(numbers, lowest, where="post", color=losses.BEST, linewidth=1.6, label="best so far", zorder=1)
    if best is not None:
        losses.ring(axes, best.number, best.values[0])
    losses.scale(axes, [value for _, value in (*complete, *pruned)])
    margin = max(0.5, 0.01 * len(drawn.trials))
    axes.set_xlim(-margin, max(len(drawn.trials) - 1, 0) + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
    axes.set_xlabel("trial")
    axes.set_ylabel(drawn.label())
    if complete or pruned:
        style.legend_above(axes, 3)
    return figure


def _place(drawn: DrawnStudy) -> str:
    total = len(drawn.trials)
    return "the only one" if total == 1 else f"the best of {total}"
