"""The progress of a search: a bar on a terminal, a line per trial in a log."""

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from optuna.trial import FrozenTrial, TrialState

from glyphline import progress

log = logging.getLogger(__name__)

OnTrialEnd = Callable[[FrozenTrial, list[FrozenTrial]], None]
"""Called with a trial that ended, and with all trials."""


@contextmanager
def trial_progress(
    name: str, total: int, stream: TextIO | None = None, *, ended: Sequence[FrozenTrial] = ()
) -> Iterator[OnTrialEnd]:
    """Show the progress of a search while the block runs.

    Args:
        name: of one trial.
        total: how many trials there are to be.
        stream: to write to; None writes to standard error.
        ended: the trials of an earlier run, when a search goes on.
    """
    stream = stream or sys.stderr
    if not stream.isatty():
        yield lambda frozen, trials: _line(name, total, frozen, trials)
        return
    shown = len(ended)
    with progress.bar(f"{name}s", total, stream=stream, done=shown) as advance:
        if ended:
            advance(0, note=summary(ended))

        def advance_bar(_frozen: FrozenTrial, trials: list[FrozenTrial]) -> None:
            nonlocal shown
            finished = sum(trial.state.is_finished() for trial in trials)
            advance(finished - shown, note=summary(trials))
            shown = finished

        yield advance_bar


def summary(trials: Iterable[FrozenTrial]) -> str:
    """As `best 0.0123, 4 pruned, 1 failed`."""
    trials = list(trials)
    states = Counter(trial.state for trial in trials)
    losses = [trial.values[0] for trial in trials if trial.state == TrialState.COMPLETE and trial.values]
    parts = [f"best {min(losses):.4f}" if losses else "best none yet"]
    parts += [
        f"{states[state]} {word}"
        for state, word in ((TrialState.PRUNED, "pruned"), (TrialState.FAIL, "failed"))
        if states[state]
    ]
    return ", ".join(parts)


def _line(name: str, total: int, frozen: FrozenTrial, trials: list[FrozenTrial]) -> None:
    loss = min(frozen.intermediate_values.values(), default=float("nan"))
    state = frozen.state.name.lower()
    # By its number, as the study, the run and the summary name it.
    words = "%s %d (%d of %d): %s, val_loss %.4f, %s"
    log.info(words, name, frozen.number, frozen.number + 1, total, state, loss, summary(trials))
