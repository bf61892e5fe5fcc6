"""When each trial ran, and how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.trial import FrozenTrial

from glyphline import figure_style as style
from glyphline.tuning.figures import losses
from glyphline.tuning.figures.drawn_study import DrawnStudy
from glyphline.tuning.trial_store import SECONDS, TrialClaim

ROW_IN = 0.27
MOST_ROWS = 24
LONGEST_PAUSE_S = 60.0
UNITS = (("seconds", 1.0, 300.0), ("minutes", 60.0, 10_800.0), ("hours", 3600.0, float("inf")))
"""Name, seconds, and the longest time in seconds that is told in it."""


@dataclass(frozen=True, slots=True)
class _Span:
    number: int
    begin: float
    end: float


def draw(drawn: DrawnStudy) -> Figure:
    """Draw a bar per trial over the time in which trials ran; pauses of the search are left out.

    Up to 24 trials have a row each; more lie in as many rows as trials ran at once.
    """
    spans, pauses = without_pauses([span for trial in drawn.trials if (span := _span(trial)) is not None])
    length = max((span.end for span in spans), default=0.0)
    unit, seconds = next((name, size) for name, size, most in UNITS if length <= most)
    in_rows = len(drawn.trials) <= MOST_ROWS
    rows = {span.number: span.number for span in spans} if in_rows else lanes(spans)
    count_of_rows = len(drawn.trials) if in_rows else 1 + max(rows.values(), default=0)
    height = min(max(count_of_rows, 2), MOST_ROWS) * ROW_IN
    count = f"{len(drawn.trials)} trial{'s' if len(drawn.trials) > 1 else ''}"
    left_out = f" Dotted: pauses of more than {LONGEST_PAUSE_S:.0f} s, left out." if pauses else ""
    figure = style.blank_figure(
        style.HEAD_IN + 0.3 + height + 0.65,
        f"Timeline: {count} in {length / seconds:.1f} {unit}",
        f"Trials: {drawn.counts}. A bar is the last attempt at a trial.{left_out}",
    )
    axes = style.panel(figure, left=0.75, top=style.HEAD_IN + 0.3, width=6.95, height=height)
    _bars(axes, drawn, spans, rows, seconds)
    for pause in pauses:
        axes.axvline(pause / seconds, color=style.QUIET, linewidth=1.2, linestyle=":")
    axes.set_xlim(0, 1.02 * (length or 1.0) / seconds)
    axes.set_ylim(count_of_rows - 0.4, -0.6)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
    if not in_rows:
        axes.yaxis.set_major_formatter(lambda row, _place: f"{row + 1:.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10]))
    style.plain_numbers(axes.xaxis)
    axes.set_xlabel(f"{unit} in which trials ran")
    axes.set_ylabel("trial" if in_rows else "trials at once")
    axes.grid(visible=True, axis="x")
    style.legend_above(axes, 4)
    return figure


def _bars(axes: Axes, drawn: DrawnStudy, spans: Sequence[_Span], rows: Mapping[int, int], seconds: float) -> None:
    # A trial that failed at once is seen too.
    least = 0.003 * max((span.end for span in spans), default=0.0)
    for label, trials, colour in (
        ("complete", drawn.complete, losses.COMPLETE),
        ("pruned", drawn.pruned, style.SKY),
        ("failed", drawn.failed, losses.FAILED),
    ):
        numbers = {trial.number for trial in trials}
        shown = [span for span in spans if span.number in numbers]
        if shown:
            axes.barh(
                [rows[span.number] for span in shown],
                [max(span.end - span.begin, least) / seconds for span in shown],
                left=[span.begin / seconds for span in shown],
                height=0.72,
                color=colour,
                edgecolor="white",
                linewidth=0.4,
                label=label,
            )
    for span in spans:
        if drawn.best is not None and span.number == drawn.best.number:
            place = span.end / seconds, rows[span.number]
            axes.plot(*place, "*", color=losses.BEST, markersize=13, clip_on=False, zorder=4, label="best")


def lanes(spans: Sequence[_Span]) -> dict[int, int]:
    """Number of a trial -> the first row, from 0, that is free when it begins.

    Args:
        spans: in the order in which they begin.
    """
    ends: list[float] = []
    rows: dict[int, int] = {}
    for span in spans:
        row = next((row for row, end in enumerate(ends) if end <= span.begin), len(ends))
        ends[row : row + 1] = [span.end]
        rows[span.number] = row
    return rows


def without_pauses(spans: Sequence[_Span]) -> tuple[list[_Span], list[float]]:
    """The spans counted from the first one on, pauses taken out; and where in that time they were."""
    placed: list[_Span] = []
    pauses: list[float] = []
    origin = reached = min((span.begin for span in spans), default=0.0)
    for span in sorted(spans, key=lambda span: (span.begin, span.number)):
        if span.begin - reached > LONGEST_PAUSE_S:
            pauses.append(reached - origin)
            origin += span.begin - reached
        placed.append(_Span(span.number, span.begin - origin, span.end - origin))
        reached = max(reached, span.end)
    return placed, pauses


def _span(trial: FrozenTrial) -> _Span | None:
    claim, seconds = TrialClaim.of(trial), trial.user_attrs.get(SECONDS)
    if claim is not None and seconds is not None:
        return _Span(trial.number, claim.began, claim.began + float(seconds))
    # Made by another program.
    if trial.datetime_start is not None and trial.datetime_complete is not None:
        return _Span(trial.number, trial.datetime_start.timestamp(), trial.datetime_complete.timestamp())
    return None
