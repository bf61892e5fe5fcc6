"""A search that continues where it stopped, in one process or in many."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import BasePruner, NopPruner
from optuna.storages import RDBStorage

from glyphline.errors import SearchError
from glyphline.params import Params
from glyphline.tuning import process_lease, study
from glyphline.tuning.figures import draw
from glyphline.tuning.finalists import finalists, pareto_front, recheck_results
from glyphline.tuning.identity import IDENTITY
from glyphline.tuning.interrupt import handled_signals
from glyphline.tuning.launchers import Launcher, WorkerSetup, choose_launcher
from glyphline.tuning.plan import RecheckPlan, SearchPlan, TrialPlan
from glyphline.tuning.process_lease import ProcessLease
from glyphline.tuning.report import SearchResult, check_rechecked, check_usable, search_result
from glyphline.tuning.space import Space
from glyphline.tuning.storage import StudyLocation, connect, storage_errors
from glyphline.tuning.trial import Objective, fit_candidate
from glyphline.tuning.trial_progress import trial_progress
from glyphline.tuning.trial_scheduler import TrialScheduler
from glyphline.tuning.trial_seal import check_trials
from glyphline.tuning.trial_store import TrialStore
from glyphline.tuning.watcher import Notifier, Watcher

log = logging.getLogger(__name__)

WAIT_FOR_OTHERS_S = 1.0


def search(
    params: Params,
    name: str,
    location: StudyLocation,
    watcher: Watcher,
    prepare: Callable[[], Any],
    *,
    identity: Mapping[str, Any],
    objective: Objective = fit_candidate,
    figures: Path | None = None,
) -> SearchResult:
    """Run what is missing of `tune.trials` trials, check the best again, and choose.

    Args:
        params: parameters with the search space; trial 0 is params.yaml itself.
        name: of the study.
        location: of the studies.
        watcher: follows every trial.
        prepare: returns device and data; called once per process, and only when a trial has to be run. Other processes
            get it by pickle.
        identity: dotted key -> value of all that the trials depend on.
        objective: fits one candidate and returns its metrics; pickled too.
        figures: folder for figures of the study, with a page beside it; None draws none.

    Raises:
        SearchError: the study cannot be used, or no trial was completed.
        KeyboardInterrupt: somebody pressed Ctrl-C; the same call continues from there.
    """
    storage = connect(location)
    with storage_errors(location), process_lease.acquire(location, name) as lease:
        search_run = _SearchRun(params, name, storage, lease, watcher)
        with choose_launcher(WorkerSetup(params, prepare, objective), params.tune) as launcher:
            result = search_run.run(launcher, identity)
        if figures is not None:
            draw(search_run.study, params.tune.objectives, figures)
    return result


class _SearchRun:
    def __init__(self, params: Params, name: str, storage: RDBStorage, lease: ProcessLease, watcher: Watcher) -> None:
        self._params, self._name, self._storage, self._lease, self._watcher = params, name, storage, lease, watcher
        self._space = Space(params)
        self.study: optuna.Study | None = None

    def run(self, launcher: Launcher, identity: Mapping[str, Any]) -> SearchResult:
        tune = self._params.tune
        plan = SearchPlan(self._params, self._space, self._warm_start())
        opened = self._open(self._name, tune.objectives, study.pruner(self._params), identity)
        self._run_trials(launcher, opened, plan)
        # An earlier run with a larger budget may have left more; what is chosen must not depend on that.
        self.study = study.first_trials(opened, plan.total)
        trials = self.study.get_trials(deepcopy=False)
        check_usable(trials)
        front = pareto_front(self.study)
        best = finalists(front if len(tune.objectives) > 1 else trials, tune.finalists)
        rechecked = []
        if best:
            recheck = RecheckPlan(self._params, self._space, best)
            again = self._open(
                recheck.study_name(self._name), recheck.objectives, NopPruner(), {**identity, **recheck.identity}
            )
            self._run_trials(launcher, again, recheck)
            fits = TrialStore(again).trials()
            rechecked = recheck_results(recheck, best, fits)
            check_rechecked(rechecked, fits)
        other_objectives = [name for name in tune.objectives if name != "val_loss"]
        return search_result(self._name, trials, front, rechecked, other_objectives)

    def _open(
        self, name: str, objectives: Sequence[str], pruner: BasePruner, identity: Mapping[str, Any]
    ) -> optuna.Study:
        with self._lease.study_lock():
            return study.open_study(
                self._storage,
                name,
                objectives=objectives,
                pruner=pruner,
                identity=identity,
                settings=study.settings(self._params, self._space),
            )

    def _run_trials(self, launcher: Launcher, opened: optuna.Study, plan: TrialPlan) -> None:
        store, notifier = TrialStore(opened), Notifier(self._watcher, plan.name)
        ended = [trial for trial in store.trials() if trial.state.is_finished()]
        if ended:
            log.info("study %s already has %d finished trials", opened.study_name, len(ended))
        with handled_signals() as interrupt, trial_progress(plan.name, plan.total, ended=ended) as on_trial_end:
            scheduler = TrialScheduler(store, plan, self._lease, notifier, interrupt, on_trial_end)
            scheduler.notify_ends()
            try:
                launcher.run(scheduler)
                while not interrupt.is_requested and not scheduler.is_done():
                    # Other processes run the last trials; one of them may die.
                    time.sleep(WAIT_FOR_OTHERS_S)
                    launcher.run(scheduler)
            except BaseException:
                # Workers first: after the release their messages would be about trials that are not theirs any more.
                launcher.kill_workers()
                scheduler.release()
                raise
            if interrupt.is_requested:
                # The workers that lived have ended their trials; the trial of a worker that died must not stay open.
                scheduler.release()
            scheduler.notify_ends()
            if waiting := scheduler.surplus():
                words = "%ss %s were enqueued beyond the %d %ss of params.yaml, and wait for more"
                log.warning(words, plan.name, waiting, plan.total, plan.name)

    def _warm_start(self) -> list[dict[str, Any]]:
        """The best candidates of the study `tune.warm_start` that fit the space of this one."""
        name = self._params.tune.warm_start
        if name is None:
            return []
        try:
            earlier = optuna.load_study(study_name=name, storage=self._storage)
        except KeyError:
            known = optuna.get_all_study_names(self._storage)
            raise SearchError(
                f"tune.warm_start={name}, and there is no study of that name",
                fix=f"choose one of {', '.join(known[-5:])}" if known else "set it to null; there are no studies yet",
            ) from None
        if IDENTITY not in earlier.user_attrs:
            raise SearchError(
                f"tune.warm_start={name}, and that study was made by another program",
                fix="choose one that `glyphline study` shows with its search, or set it to null",
            )
        check_trials(earlier)
        best = finalists(TrialStore(earlier).trials(), self._params.tune.startup_trials)
        candidates = [values for one in best if (values := self._space.adopt(one.values)) is not None]
        log.info("%d of the best %d trials of study %s are tried first", len(candidates), len(best), name)
        return candidates
