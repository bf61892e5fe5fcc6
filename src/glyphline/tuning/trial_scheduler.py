"""Starts trials for workers and records their ends: the one place in a process that writes to the study."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from optuna.trial import FrozenTrial, TrialState

from glyphline.tuning.interrupt import Interrupt
from glyphline.tuning.plan import TrialPlan
from glyphline.tuning.process_lease import ProcessLease
from glyphline.tuning.trial import TrialSpec
from glyphline.tuning.trial_progress import OnTrialEnd
from glyphline.tuning.trial_runner import TrialResult
from glyphline.tuning.trial_store import TrialClaim, TrialStore, seconds_spent
from glyphline.tuning.watcher import Notifier

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)

# A trial whose process died is started once more: the machine may have been switched off. The second death is taken for
# the trial's own fault.
MAX_ATTEMPTS = 2


def death_reason(attempts: int) -> str:
    """Why a trial failed when each of its processes died before it could record an end."""
    return f"its process died {attempts} times"


def _uninterrupted(
    method: Callable[Concatenate["TrialScheduler", P], R],
) -> Callable[Concatenate["TrialScheduler", P], R]:
    """No signal interrupts the method; see `Interrupt.deferred`."""

    @wraps(method)
    def deferring(self: "TrialScheduler", /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.interrupt.deferred():
            return method(self, *args, **kwargs)

    return deferring


@dataclass
class TrialScheduler:
    """Gives trials to workers, and writes their epochs and results to the study.

    Attributes:
        store: the study's trials.
        plan: which trials the study is to have.
        lease: tells this process from others that work on the study.
        notifier: hears of every trial.
        interrupt: asked before a trial is started, and deferred while the study is written to.
        on_trial_end: called with each trial that ended, and with all trials.
    """

    store: TrialStore
    plan: TrialPlan
    lease: ProcessLease
    notifier: Notifier
    interrupt: Interrupt
    on_trial_end: OnTrialEnd
    _running: set[int] = field(default_factory=set)
    _lost: set[int] = field(default_factory=set)

    def is_stopping(self) -> bool:
        """True when no trial is started any more."""
        return self.interrupt()

    @_uninterrupted
    def next_trial(self, worker: str = "") -> TrialSpec | None:
        """Start a trial; None when there is none to start now.

        Args:
            worker: will run it.
        """
        if self.interrupt():
            return None
        with self.lease.study_lock():
            number = self._start(worker)
            if number is None:
                return None
            values = self.store.trial(number).params
        self._running.add(number)
        self._lost.discard(number)
        self.notifier.begin(number, values, worker)
        return self.plan.spec(number, values)

    @_uninterrupted
    def report(self, spec: TrialSpec, epoch: int, metrics: Mapping[str, float]) -> str | None:
        """Record an epoch; return the reason to prune the trial, or None to continue it."""
        self.notifier.epoch(spec.number, epoch, metrics)
        loss = metrics["val_loss"]
        self.store.report(spec.number, epoch, loss)
        is_last = spec.epochs is not None and epoch + 1 >= spec.epochs
        # Pruning after the last epoch would save nothing, and a complete trial says more than a pruned one.
        if self.plan.prunes and not is_last and self.store.should_prune(spec.number, epoch):
            return f"epoch {epoch + 1}: val_loss {loss:.4f}"
        return None

    @_uninterrupted
    def end(self, spec: TrialSpec, result: TrialResult) -> None:
        """Record how a trial ended.

        Raises:
            Exception: the trial ended by a mistake of this program, which must not look like a bad candidate.
        """
        values = [result.metrics[name] for name in self.plan.objectives] if result.state == "COMPLETE" else None
        self._running.discard(spec.number)
        with self.lease.study_lock():
            if not self._is_own(spec.number):
                log.warning("%s %d was taken over by another process", self.plan.name, spec.number)
                return
            if result.constraint is not None:
                self.store.set_constraint(spec.number, result.constraint, result.surplus)
            self._finish(spec.number, TrialState[result.state], values, reason=result.reason, metrics=result.metrics)
        if result.error is not None:
            raise result.error
        if result.traceback is not None:
            raise RuntimeError(f"{self.plan.name} {spec.number} failed in its worker:\n{result.traceback}")

    @_uninterrupted
    def worker_lost(self, spec: TrialSpec, reason: str) -> None:
        """Record that the worker of a trial died; the trial is started again if this was its first death."""
        log.warning("the worker of %s %d died (%s)", self.plan.name, spec.number, reason)
        self._running.discard(spec.number)
        self._lost.add(spec.number)

    @_uninterrupted
    def release(self) -> None:
        """Let other processes, or a later run, have the trials that this process started and did not end.

        A trial whose workers have died as often as they may has failed.
        """
        with self.lease.study_lock():
            # From the study, not from memory: an interruption may fall between the two.
            for frozen in self.store.trials():
                claim = TrialClaim.of(frozen)
                if frozen.state != TrialState.RUNNING or claim is None or claim.owner != self.lease.owner:
                    continue
                is_lost = frozen.number in self._lost
                if is_lost and claim.attempt >= MAX_ATTEMPTS:
                    # The watcher is not called here: its own failure may be what ends this run.
                    reason = death_reason(claim.attempt)
                    self.store.end(frozen.number, TrialState.FAIL, None, reason=reason, metrics={})
                else:
                    self.store.release(frozen.number, counts=is_lost)
        self._running.clear()

    @_uninterrupted
    def is_done(self) -> bool:
        """True when no trial is left to start and none is running anywhere."""
        trials = self.store.trials()
        is_over = all(trial.state.is_finished() or self._is_surplus(trial) for trial in trials)
        return is_over and not self._is_within_budget(trials)

    def surplus(self) -> list[int]:
        """Numbers of the trials that another program enqueued beyond the budget; they wait for a larger one."""
        return [int(trial.number) for trial in self.store.trials() if self._is_surplus(trial)]

    @_uninterrupted
    def notify_ends(self) -> None:
        """Tell the watcher of the trials that ended elsewhere or in an earlier run."""
        for frozen in self.store.trials():
            if frozen.state.is_finished():
                self.notifier.end(frozen)

    def _start(self, worker: str) -> int | None:
        """Start an abandoned or a waiting trial, or a new one; its number, or None when there is none."""
        trials = self.store.trials()
        for frozen in trials:
            if not frozen.state.is_finished() and (attempt := self._next_attempt(frozen)) is not None:
                self.store.restart(frozen.number, self.lease.owner, attempt, worker)
                return int(frozen.number)
        if not self._is_within_budget(trials):
            return None
        values = self.plan.values(self.store.study, len(trials))
        return self.store.add(values, self.plan.space.distributions, self.lease.owner, worker)

    def _is_within_budget(self, trials: list[FrozenTrial]) -> bool:
        if len(trials) >= self.plan.total:
            return False
        return self.plan.timeout_s is None or seconds_spent(trials, time.time()) < self.plan.timeout_s

    def _next_attempt(self, frozen: FrozenTrial) -> int | None:
        """The number of the attempt that is due; None when the trial is running or has had all its attempts."""
        claim = TrialClaim.of(frozen)
        if claim is None:
            return 1 if self._is_accepted(frozen) else None
        attempts = claim.attempt
        if frozen.state == TrialState.WAITING:
            return attempts + 1
        if not self._is_abandoned(frozen.number, claim):
            return None
        if attempts >= MAX_ATTEMPTS:
            self._finish(frozen.number, TrialState.FAIL, None, reason=death_reason(attempts), metrics={})
            return None
        log.warning("%s %d was interrupted and is started again", self.plan.name, frozen.number)
        return attempts + 1

    def _is_accepted(self, frozen: FrozenTrial) -> bool:
        """Give a trial that another program put into the study its values; False when it is not to be run."""
        if self._is_surplus(frozen):
            return False
        number = int(frozen.number)
        try:
            if frozen.state == TrialState.RUNNING:
                raise ValueError("another program started it, and this search runs its own trials; enqueue it instead")  # noqa: TRY301
            values = self.plan.requested(self.store.study, number, self.store.asked(number))
        except ValueError as error:
            log.warning("%s %d of another program fails: %s", self.plan.name, number, error)
            # Optuna ends no trial that waits.
            self.store.restart(number, self.lease.owner, 1, "")
            self._finish(number, TrialState.FAIL, None, reason=str(error), metrics={})
            return False
        self.store.set_values(number, values, self.plan.space.distributions)
        return True

    def _is_surplus(self, frozen: FrozenTrial) -> bool:
        is_enqueued = frozen.state == TrialState.WAITING and TrialClaim.of(frozen) is None
        return is_enqueued and frozen.number >= self.plan.total

    def _is_abandoned(self, number: int, claim: TrialClaim) -> bool:
        if claim.owner == self.lease.owner:
            return number not in self._running
        return claim.owner is None or self.lease.is_dead(claim.owner)

    def _is_own(self, number: int) -> bool:
        """False when another process took this one for dead, for example after the database was restarted."""
        frozen = self.store.trial(number)
        claim = TrialClaim.of(frozen)
        return frozen.state == TrialState.RUNNING and claim is not None and claim.owner == self.lease.owner

    def _finish(
        self,
        number: int,
        state: TrialState,
        values: list[float] | None,
        *,
        reason: str | None,
        metrics: Mapping[str, float],
    ) -> None:
        self.store.end(number, state, values, reason=reason, metrics=metrics)
        frozen = self.store.trial(number)
        self.notifier.end(frozen)
        self.on_trial_end(frozen, self.store.trials())
