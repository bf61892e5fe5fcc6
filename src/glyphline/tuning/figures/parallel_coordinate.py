"""Each complete trial as one line through its parameters and its value."""

import math
from collections.abc import Iterator, Sequence

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial

from glyphline import figure_style as style
from glyphline.tuning.figures import losses
from glyphline.tuning.figures.drawn_study import DrawnStudy
from glyphline.tuning.figures.scale import Scale, short_names

# From a grey that is seen on white to the darkest blue.
WORST_TO_BEST = LinearSegmentedColormap.from_list("worst_to_best", ["#B4BEC8", "#7FB2D6", style.BLUE])
NAME_CHARACTERS = 22


def draw(drawn: DrawnStudy) -> Figure:
    """Draw a line per complete trial, the better the bluer; the best is orange."""
    keys = drawn.searched
    best = drawn.best
    figure = style.blank_figure(
        5.0,
        f"Parallel coordinates: {len(drawn.complete)} complete trials",
        "A line per trial, the better the bluer; the best is orange. A gap: the trial lacks the parameter.",
    )
    values = [trial.values[0] for trial in drawn.complete]
    first = Scale.between(drawn.objectives[0], min(values), max(values), log=losses.is_wide(values))
    scales = [Scale.of(key, drawn.complete) for key in keys]
    names = short_names(keys)
    columns = {first.key: first} | {names[scale.key]: scale for scale in scales}
    slanted = max(map(len, columns)) * 0.085 > 6.7 / len(columns)
    # A slanted name reaches beyond the last axis.
    axes = style.panel(figure, left=0.7, top=style.HEAD_IN + 0.7, width=6.2 if slanted else 6.7, height=3.1)
    worst_first = sorted(drawn.complete, key=lambda trial: (-trial.values[0], trial.number))
    for rank, trial in enumerate(worst_first):
        is_best = best is not None and trial.number == best.number
        axes.plot(
            range(len(scales) + 1),
            [first.share(first.place(trial.values[0])), *_heights(trial, scales)],
            color=losses.BEST if is_best else WORST_TO_BEST(rank / max(len(worst_first) - 1, 1)),
            linewidth=2.6 if is_best else 1.3,
            alpha=1.0 if is_best else max(0.55, losses.opacity(len(worst_first))),
            marker="o",
            markersize=4 if len(worst_first) <= losses.MOST_OPAQUE else 2,
            zorder=4 if is_best else 2,
        )
    for number, (name, scale) in enumerate(columns.items()):
        axes.plot([number, number], [0, 1], color=style.QUIET, linewidth=1.0, zorder=3)
        axes.text(
            number, 1.05, style.shortened(name, NAME_CHARACTERS), size=9.5, weight="bold", va="bottom",
            ha="left" if slanted else "center", rotation=20 if slanted else 0, rotation_mode="anchor",
        )  # fmt: skip
        for place, text in scale.ticks:
            axes.text(
                number - 0.03, scale.share(place), text, size=8.5, ha="right", va="center", zorder=5,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8},
            )  # fmt: skip
    axes.set_xlim(-0.25, len(scales) + 0.1)
    axes.set_ylim(-0.03, 1.03)
    axes.set_axis_off()
    return figure


def _heights(trial: FrozenTrial, scales: Sequence[Scale]) -> Iterator[float]:
    for scale in scales:
        yield scale.share(scale.place(trial.params[scale.key])) if scale.key in trial.params else math.nan
