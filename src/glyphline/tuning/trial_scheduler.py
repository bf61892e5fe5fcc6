"""Where trials are handed out and taken back: the one place in a process that writes to the study."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from glyphline.tuning.interrupt import Interrupt
from glyphline.tuning.process_lease import ProcessLease
from glyphline.tuning.space import Space
from glyphline.tuning.trial import TrialSpec
from glyphline.tuning.trial_runner import TrialResult
from glyphline.tuning.trial_store import MEASURED, REASON, SECONDS, TrialClaim, TrialStore, seconds_spent

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)

# A trial whose process died is begun again once: the machine may have been switched off. A second death is its own.
ATTEMPTS = 2


def died(times: int) -> str:
    """Why a trial has failed that nobody was left to end."""
    return f"its process died {times} times"


class TrialWatcher(Protocol):
    """Whoever follows one trial."""

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch ended."""

    def end(self, state: str, measured: Mapping[str, float], reason: str | None) -> None:
        """The trial ended as COMPLETE, PRUNED or FAIL."""


class Watcher(Protocol):
    """Whoever follows a search."""

    def begin(self, name: str, number: int, values: Mapping[str, Any], worker: str) -> TrialWatcher:
        """A trial begins, or one that ended elsewhere or in an earlier run of the stage is told again."""


class TrialPlan(Protocol):
    """Which trials a study is to have.

    Attributes:
        name: of one trial, for people: `trial` or `finalist`.
        total: how many there are to be.
        timeout_s: after how many seconds of work no new one is begun; None for no limit.
        objectives: what is made small, names of measured values.
        prunes: a hopeless trial may be stopped.
        space: that the candidates come from.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def total(self) -> int: ...  # noqa: D102
    @property
    def timeout_s(self) -> float | None: ...  # noqa: D102
    @property
    def objectives(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def prunes(self) -> bool: ...  # noqa: D102
    @property
    def space(self) -> Space: ...  # noqa: D102

    def values(self, study: optuna.Study, number: int) -> Mapping[str, Any]:
        """The candidate that a new trial is to be."""

    def job(self, number: int, values: Mapping[str, Any]) -> TrialSpec:
        """The trial as whoever runs it knows it."""


@dataclass
class _Told:
    """A trial that the watcher knows of."""

    watched: TrialWatcher
    told: int = 0
    is_over: bool = False

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Tell an epoch, unless it was told: an attempt that follows another has the first epochs a second time."""
        if epoch >= self.told:
            self.watched.epoch(epoch, metrics)
            self.told = epoch + 1


def _whole(method: Callable[Concatenate["TrialScheduler", P], R]) -> Callable[Concatenate["TrialScheduler", P], R]:
    """No signal breaks into the method; see `Interrupt.held`."""

    @wraps(method)
    def held(self: "TrialScheduler", /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.interrupt.held():
            return method(self, *args, **kwargs)

    return held


@dataclass
class TrialScheduler:
    """Hands out jobs, and writes down what comes of them.

    Attributes:
        book: the study's trials.
        plan: which trials there are to be.
        seat: this process's place among others.
        watcher: told of everything.
        interrupt: asked before a trial is handed out, and held off while the study is written to.
        ended: told of each trial that ended, with all there are.
    """

    book: TrialStore
    plan: TrialPlan
    seat: ProcessLease
    watcher: Watcher
    interrupt: Interrupt
    ended: Callable[[FrozenTrial, list[FrozenTrial]], None]
    _held: set[int] = field(default_factory=set)
    _lost: set[int] = field(default_factory=set)
    _told: dict[int, _Told] = field(default_factory=dict)

    def is_stopping(self) -> bool:
        """True when no trial is handed out any more."""
        return self.interrupt()

    @_whole
    def take(self, worker: str = "") -> TrialSpec | None:
        """The next trial to run; None when there is none now.

        Args:
            worker: who will run it.
        """
        if self.interrupt():
            return None
        with self.seat.turn():
            number = self._begin(worker)
            if number is None:
                return None
            values = self.book.trial(number).params
        self._held.add(number)
        self._lost.discard(number)
        self._tell_begin(number, values, worker)
        return self.plan.job(number, values)

    @_whole
    def epoch(self, job: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> str | None:
        """Write an epoch down; the reason to stop the trial, or None to go on."""
        self._told[job.number].epoch(epoch, metrics)
        loss = metrics["val_loss"]
        self.book.report(job.number, epoch, loss)
        is_last = job.epochs is not None and epoch + 1 >= job.epochs
        # After its last epoch there is nothing left to save, and a whole trial says more than a pruned one.
        if self.plan.prunes and not is_last and self.book.should_prune(job.number, epoch):
            return f"epoch {epoch + 1}: val_loss {loss:.4f}"
        return None

    @_whole
    def end(self, job: TrialSpec, ended: TrialResult) -> None:
        """Write down how a trial ended.

        Raises:
            Exception: it ended by a mistake of this program, which must not look like a bad candidate.
        """
        values = [ended.measured[name] for name in self.plan.objectives] if ended.state == "COMPLETE" else None
        self._held.discard(job.number)
        with self.seat.turn():
            if not self._is_mine(job.number):
                log.warning("%s %d was taken over by another process", self.plan.name, job.number)
                return
            if ended.constraint is not None:
                self.book.constrain(job.number, ended.constraint, ended.surplus)
            self._end(job.number, TrialState[ended.state], values, reason=ended.reason, measured=ended.measured)
        if ended.error is not None:
            raise ended.error
        if ended.trace is not None:
            raise RuntimeError(f"{self.plan.name} {job.number} failed in its worker:\n{ended.trace}")

    @_whole
    def lost(self, job: TrialSpec, reason: str) -> None:
        """The worker of a trial died; somebody will begin the trial again, if it was its first death."""
        log.warning("the worker of %s %d died (%s)", self.plan.name, job.number, reason)
        self._held.discard(job.number)
        self._lost.add(job.number)

    @_whole
    def give_back(self) -> None:
        """Let others, or a later run, have the trials that this process has taken and not ended.

        One whose workers have died as often as they may has failed.
        """
        with self.seat.turn():
            # From the study, not from memory: an interruption may fall between the two.
            for frozen in self.book.trials():
                claim = TrialClaim.of(frozen)
                if frozen.state != TrialState.RUNNING or (claim is not None and claim.owner != self.seat.owner):
                    continue
                is_lost = frozen.number in self._lost
                if is_lost and claim is not None and claim.attempt >= ATTEMPTS:
                    # The watcher is told later: it may be the very one that failed.
                    self.book.end(frozen.number, TrialState.FAIL, None, reason=died(claim.attempt), measured={})
                else:
                    self.book.give_back(frozen.number, counts=is_lost)
        self._held.clear()

    @_whole
    def is_done(self) -> bool:
        """True when nothing is left to hand out and nobody runs anything."""
        trials = self.book.trials()
        return all(trial.state.is_finished() for trial in trials) and not self._has_room(trials)

    @_whole
    def tell_again(self) -> None:
        """Tell the watcher of the trials that it has not seen end."""
        for frozen in self.book.trials():
            if frozen.state.is_finished():
                self._tell_end(frozen)

    def _begin(self, worker: str) -> int | None:
        """Begin a trial that was left, or that waits, or a new one; its number, or None when there is none."""
        trials = self.book.trials()
        for frozen in trials:
            if not frozen.state.is_finished() and (attempt := self._next_attempt(frozen)) is not None:
                self.book.take_up(frozen.number, self.seat.owner, attempt, worker)
                return int(frozen.number)
        if not self._has_room(trials):
            return None
        values = self.plan.values(self.book.study, len(trials))
        return self.book.add(values, self.plan.space.distributions, self.seat.owner, worker)

    def _has_room(self, trials: list[FrozenTrial]) -> bool:
        if len(trials) >= self.plan.total:
            return False
        return self.plan.timeout_s is None or seconds_spent(trials, time.time()) < self.plan.timeout_s

    def _next_attempt(self, frozen: FrozenTrial) -> int | None:
        """Which attempt at a trial is due; None when it runs, or has had all of them."""
        claim = TrialClaim.of(frozen)
        done = 0 if claim is None else claim.attempt
        if frozen.state == TrialState.WAITING:
            return done + 1
        if claim is not None and not self._is_dead(frozen.number, claim):
            return None
        if done >= ATTEMPTS:
            self._end(frozen.number, TrialState.FAIL, None, reason=died(done))
            return None
        log.warning("%s %d was interrupted; it is begun again", self.plan.name, frozen.number)
        return done + 1

    def _is_dead(self, number: int, claim: TrialClaim) -> bool:
        if claim.owner == self.seat.owner:
            return number not in self._held
        return claim.owner is None or self.seat.is_vacant(claim.owner)

    def _is_mine(self, number: int) -> bool:
        """False when a trial was taken for dead by somebody else, for example after the database was restarted."""
        frozen = self.book.trial(number)
        claim = TrialClaim.of(frozen)
        return frozen.state == TrialState.RUNNING and claim is not None and claim.owner == self.seat.owner

    def _end(
        self,
        number: int,
        state: TrialState,
        values: list[float] | None,
        *,
        reason: str | None = None,
        measured: Mapping[str, float] | None = None,
    ) -> None:
        self.book.end(number, state, values, reason=reason, measured=measured or {})
        frozen = self.book.trial(number)
        self._tell_end(frozen)
        self.ended(frozen, self.book.trials())

    def _tell_begin(self, number: int, values: Mapping[str, Any], worker: str) -> _Told:
        if number not in self._told:
            self._told[number] = _Told(self.watcher.begin(self.plan.name, number, values, worker))
        return self._told[number]

    def _tell_end(self, frozen: FrozenTrial) -> None:
        claim = TrialClaim.of(frozen)
        told = self._tell_begin(frozen.number, frozen.params, claim.worker if claim else "")
        if told.is_over:
            return
        for epoch, val_loss in sorted(frozen.intermediate_values.items()):
            told.epoch(epoch, {"val_loss": val_loss})
        measured = dict(frozen.user_attrs.get(MEASURED, {}))
        if (seconds := frozen.user_attrs.get(SECONDS)) is not None:
            measured["duration_s"] = seconds
        told.watched.end(frozen.state.name, measured, frozen.user_attrs.get(REASON))
        told.is_over = True
