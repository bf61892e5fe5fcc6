"""Watchers of a search: each trial, epoch and end is reported to them once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from optuna.trial import FrozenTrial

from glyphline.tuning.trial_store import METRICS, REASON, SECONDS, TrialClaim


class TrialWatcher(Protocol):
    """Follows one trial."""

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch ended."""

    def end(self, state: str, metrics: Mapping[str, float], reason: str | None, /) -> None:
        """The trial ended as COMPLETE, PRUNED or FAIL."""


class Watcher(Protocol):
    """Follows a search."""

    def begin(self, name: str, number: int, values: Mapping[str, Any], worker: str, /) -> TrialWatcher:
        """A trial starts here, or one has ended in another process or in an earlier run of the stage."""


@dataclass
class _WatchedTrial:
    watcher: TrialWatcher
    next_epoch: int = 0
    is_over: bool = False


class Notifier:
    """Calls a watcher, and never twice for the same thing.

    Args:
        watcher: follows the search.
        name: of one trial, for people.
    """

    def __init__(self, watcher: Watcher, name: str) -> None:
        self._watcher, self._name = watcher, name
        self._trials: dict[int, _WatchedTrial] = {}

    def begin(self, number: int, values: Mapping[str, Any], worker: str) -> None:
        """Report that a trial starts; a second attempt at it is no second trial."""
        if number not in self._trials:
            self._trials[number] = _WatchedTrial(self._watcher.begin(self._name, number, values, worker))

    def epoch(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Report an epoch; a second attempt at a trial runs the first epochs a second time."""
        trial = self._trials[number]
        if epoch >= trial.next_epoch:
            trial.watcher.epoch(epoch, metrics)
            trial.next_epoch = epoch + 1

    def end(self, frozen: FrozenTrial) -> None:
        """Report the end of a trial, and before it the epochs that another process ran."""
        claim = TrialClaim.of(frozen)
        self.begin(frozen.number, frozen.params, claim.worker if claim else "")
        trial = self._trials[frozen.number]
        if trial.is_over:
            return
        for epoch, val_loss in sorted(frozen.intermediate_values.items()):
            self.epoch(frozen.number, epoch, {"val_loss": val_loss})
        metrics = dict(frozen.user_attrs.get(METRICS, {}))
        if (seconds := frozen.user_attrs.get(SECONDS)) is not None:
            metrics["duration_s"] = seconds
        trial.watcher.end(frozen.state.name, metrics, frozen.user_attrs.get(REASON))
        trial.is_over = True
