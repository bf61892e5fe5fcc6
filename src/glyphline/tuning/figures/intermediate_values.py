"""The loss of each trial after each epoch."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.trial import FrozenTrial

from glyphline import figure_style as style
from glyphline.tuning.figures import losses
from glyphline.tuning.figures.drawn_study import DrawnStudy

MOST_MARKED = 40


def draw(drawn: DrawnStudy) -> Figure:
    """Draw one line per trial over its epochs; the best trial stands out."""
    shown = [trial for trial in drawn.trials if trial.intermediate_values]
    epochs = max((len(trial.intermediate_values) for trial in shown), default=0)
    stopped = f": {len(drawn.pruned)} of {len(drawn.trials)} were stopped early" if drawn.pruned else ""
    figure = style.blank_figure(
        4.6,
        f"Learning curves of the trials{stopped}",
        "A line per trial. A line that ends early belongs to a trial that was pruned or failed.",
    )
    axes = style.panel(figure, left=0.9, top=style.HEAD_IN + 0.3, width=6.8, height=2.85)
    kinds = (
        ("pruned", drawn.pruned, losses.PRUNED),
        ("failed", drawn.failed, losses.FAILED),
        ("complete", drawn.complete, losses.COMPLETE),
        ("best", () if drawn.best is None else (drawn.best,), losses.BEST),
    )
    for order, (label, trials, colour) in enumerate(kinds, start=2):
        for trial in trials:
            numbers, values = _curve(trial)
            is_best = label == "best"
            axes.plot(
                numbers,
                values,
                color=colour,
                linewidth=2.4 if is_best else 1.2,
                # A curve of one epoch is a point; among hundreds of curves the others need none.
                marker="o" if len(numbers) == 1 or len(shown) <= MOST_MARKED or is_best else "",
                markersize=4 if len(shown) <= MOST_MARKED or is_best else 2.5,
                alpha=1.0 if is_best else losses.opacity(len(shown)),
                zorder=order,
            )
        # The best one alone needs no entry for the others.
        if any(trial.intermediate_values for trial in trials) and not (label == "complete" and len(trials) == 1):
            name = f"best: trial {trials[0].number}" if label == "best" else label
            axes.plot([], [], "o-", color=colour, markersize=4, label=name)
    losses.scale(axes, [value for trial in shown for value in trial.intermediate_values.values()])
    axes.set_xlim(0.5, max(epochs, 1) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.set_ylabel(drawn.label())
    if shown:
        style.legend_above(axes, 4)
    return figure


def _curve(trial: FrozenTrial) -> tuple[list[int], list[float]]:
    """Epochs counted from 1, as the log counts them, and the values."""
    points = sorted(trial.intermediate_values.items())
    return [epoch + 1 for epoch, _ in points], [value for _, value in points]
