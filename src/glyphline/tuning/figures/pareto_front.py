"""Two objectives against each other, and the trials that no other beats in both."""

from collections.abc import Callable, Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial

from glyphline import figure_style as style
from glyphline.tuning.figures import losses
from glyphline.tuning.figures.drawn_study import DrawnStudy
from glyphline.tuning.figures.scale import Scale

APART = 0.06
"""Share of the axes by which numbers must lie apart, or one would cover the other."""


def draw(drawn: DrawnStudy) -> Figure:
    """Draw the complete trials, and the front as a line; the trial that goes on to the training is marked."""
    front = sorted(drawn.front, key=lambda trial: (trial.values[1], trial.values[0]))
    title = "Pareto front: no trial is complete"
    if drawn.best is not None:
        title = f"Pareto front: {len(front)} of {len(drawn.complete)} complete trials are beaten by none in both"
    figure = style.blank_figure(
        4.8, title, "Lower is better on both axes. In the ring: the lowest loss, which is trained. Numbers: trials."
    )
    axes = style.panel(figure, left=0.9, top=style.HEAD_IN + 0.3, width=6.8, height=3.05)
    if drawn.complete:
        _plot(axes, drawn, front)
        style.legend_above(axes, 3)
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    axes.set_xlabel(drawn.label(1))
    axes.set_ylabel(drawn.label(0))
    return figure


def _plot(axes: Axes, drawn: DrawnStudy, front: list[FrozenTrial]) -> None:
    sizes = [trial.values[1] for trial in drawn.complete]
    scale = Scale.between(drawn.objectives[1], min(sizes), max(sizes), log=losses.is_wide(sizes))

    def place(trial: FrozenTrial) -> tuple[float, float]:
        return scale.place(trial.values[1]), trial.values[0]

    losses.dots(axes, [place(trial) for trial in drawn.complete if trial not in front], losses.PRUNED, "beaten", size=5)
    if front:
        axes.step(*zip(*map(place, front), strict=True), where="post", color=losses.COMPLETE, linewidth=1.4)
        axes.plot(*zip(*map(place, front), strict=True), "o", color=losses.COMPLETE, markersize=7, label="front")
        losses.ring(axes, *place(drawn.front[0]))
    losses.scale(axes, [trial.values[0] for trial in drawn.complete])
    margin = 0.05 * (scale.high - scale.low)
    axes.set_xlim(scale.low - margin, scale.high + margin)
    axes.set_xticks([place for place, _ in scale.ticks], [text for _, text in scale.ticks])
    axes.grid(visible=True, axis="x")
    to_shares = axes.transData + axes.transAxes.inverted()
    for trial in _apart(front, lambda trial: to_shares.transform(place(trial))):
        axes.annotate(str(trial.number), place(trial), xytext=(6, 5), textcoords="offset points", size=8.5)


def _apart(front: list[FrozenTrial], place: Callable[[FrozenTrial], Any]) -> Iterator[FrozenTrial]:
    last: Any = None
    for trial in front:
        here = place(trial)
        if last is None or max(abs(here[0] - last[0]), abs(here[1] - last[1])) >= APART:
            yield trial
            last = here
