"""The value of each complete trial over each searched parameter."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glyphline import figure_style as style
from glyphline.tuning.figures import losses
from glyphline.tuning.figures.drawn_study import DrawnStudy
from glyphline.tuning.figures.scale import Scale, short_names

COLUMNS = 3
SPREAD, FEW = 0.5, 12
"""Of the place of a choice: trials that chose the same lie beside one another, not on top; a few stand on the tick."""


def draw(drawn: DrawnStudy) -> Figure:
    """Draw one small plot per parameter, all with the same vertical axis; the best trial is marked."""
    keys = drawn.searched
    rows = -(-len(keys) // COLUMNS)
    figure = style.blank_figure(
        style.HEAD_IN + 2.5 * rows + 0.1,
        f"Slices: {drawn.label().partition(' (')[0]} of {len(drawn.complete)} complete trials over each parameter",
        "A point per trial. The best trial is orange. The axes show the whole range that is searched.",
    )
    names = short_names(keys)
    for place, key in enumerate(keys):
        row, column = divmod(place, COLUMNS)
        axes = style.panel(
            figure, left=0.9 + 2.38 * column, top=style.HEAD_IN + 0.2 + 2.5 * row, width=2.1, height=1.65
        )
        _plot(axes, drawn, Scale.of(key, drawn.complete))
        axes.set_xlabel(names[key])
        axes.tick_params(labelleft=column == 0)
        if column == 0:
            axes.set_ylabel(drawn.label())
    return figure


def _plot(axes: Axes, drawn: DrawnStudy, scale: Scale) -> None:
    shown = [trial for trial in drawn.complete if scale.key in trial.params]
    many = len(shown) > losses.MOST_OPAQUE
    best = drawn.best
    for order, trial in enumerate(shown):
        is_best = best is not None and trial.number == best.number
        aside = SPREAD * ((order + 0.5) / len(shown) - 0.5) if scale.choices and len(shown) > FEW else 0.0
        axes.plot(
            scale.place(trial.params[scale.key]) + aside,
            trial.values[0],
            "o",
            color=losses.BEST if is_best else losses.COMPLETE,
            markersize=8 if is_best else 3.5 if many else 5.5,
            alpha=1.0 if is_best else losses.opacity(len(shown)),
            zorder=4 if is_best else 3,
            clip_on=False,
        )
    # All trials, also those without this parameter: one axis for all plots.
    losses.scale(axes, [trial.values[0] for trial in drawn.complete])
    margin = 0.0 if scale.choices else 0.04 * (scale.high - scale.low)
    axes.set_xlim(scale.low - margin, scale.high + margin)
    width = sum(len(text) + 1.5 for _, text in scale.ticks)
    # 2.1 inches hold about 30 characters of this size.
    axes.set_xticks(
        [place for place, _ in scale.ticks],
        [text for _, text in scale.ticks],
        size=9,
        rotation=0 if width <= 30 else 30,
        ha="center" if width <= 30 else "right",
        rotation_mode="anchor" if width > 30 else None,
    )
    axes.grid(visible=True, axis="x")
