"""A search that is picked up where it was left, by one process or by many."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import BasePruner, NopPruner
from optuna.storages import RDBStorage

from glyphline.errors import SearchError
from glyphline.params import Params
from glyphline.tuning import process_lease, study
from glyphline.tuning.figures import draw
from glyphline.tuning.finalists import finalists, pareto_front, rechecked
from glyphline.tuning.interrupt import Interrupt, listening
from glyphline.tuning.launchers import Launcher, WorkerSetup, launcher
from glyphline.tuning.plan import RecheckPlan, SearchPlan
from glyphline.tuning.process_lease import ProcessLease
from glyphline.tuning.progress import shown
from glyphline.tuning.report import SearchResult, check_rechecked, check_usable, search_result
from glyphline.tuning.space import Space
from glyphline.tuning.storage import StudyLocation, connect, refusals
from glyphline.tuning.trial import Objective, run_trial
from glyphline.tuning.trial_scheduler import TrialPlan, TrialScheduler, Watcher
from glyphline.tuning.trial_store import TrialStore

log = logging.getLogger(__name__)

WAIT_FOR_OTHERS_S = 1.0


def search(
    params: Params,
    name: str,
    place: StudyLocation,
    watcher: Watcher,
    prepare: Callable[[], Any],
    *,
    identity: Mapping[str, Any],
    objective: Objective = run_trial,
    figures: Path | None = None,
) -> SearchResult:
    """Run what is missing of `tune.trials` trials, check the best again, and choose.

    Args:
        params: parameters with the search space; trial 0 is params.yaml itself.
        name: of the study.
        place: where it is.
        watcher: told of every trial.
        prepare: gives device and data; called once per process, and only when a trial has to be run. Other processes
            get it by pickle.
        identity: dotted key -> value of all that the trials depend on.
        objective: fits one candidate and returns what was measured; pickled too.
        figures: folder for figures of the study; None draws none.

    Raises:
        SearchError: the study cannot be used, or no trial was completed.
        KeyboardInterrupt: somebody pressed Ctrl-C; the same call goes on from there.
    """
    storage = connect(place)
    with refusals(place), _seat(place, name) as taken:
        found = _Search(params, name, storage, taken, watcher)
        with launcher(WorkerSetup(params, prepare, objective), params.tune) as launched:
            result = found.run(launched, identity)
        if figures is not None:
            draw(found.study, params.tune.objectives, figures)
    return result


@contextmanager
def _seat(place: StudyLocation, name: str) -> Iterator[ProcessLease]:
    if place.url is None:
        # Digested: a study's name may be longer than a file's, and hold a slash.
        digest = hashlib.sha256(name.encode()).hexdigest()[:12]
        with process_lease.local(place.database.with_name(f".{digest}.lock")) as taken:
            yield taken
    else:
        with process_lease.shared(place.url, name) as shared:
            yield shared


class _Search:
    def __init__(self, params: Params, name: str, storage: RDBStorage, taken: ProcessLease, watcher: Watcher) -> None:
        self._params, self._name, self._storage, self._seat, self._watcher = params, name, storage, taken, watcher
        self._space = Space(params)
        self.study: optuna.Study | None = None

    def run(self, launched: Launcher, identity: Mapping[str, Any]) -> SearchResult:
        tune = self._params.tune
        plan = SearchPlan(self._params, self._space, self._warm())
        searched = self._open(self._name, tune.objectives, study.pruner(self._params), identity)
        self._work(launched, searched, plan)
        # An earlier run with a larger budget may have left more; what is chosen must not depend on that.
        self.study = study.beginning(searched, plan.total)
        trials = self.study.get_trials(deepcopy=False)
        check_usable(trials)
        front = pareto_front(self.study)
        best = finalists(front if len(tune.objectives) > 1 else trials, tune.finalists)
        checked = []
        if best:
            recheck = RecheckPlan(self._params, self._space, best)
            again = self._open(
                recheck.study_name(self._name), recheck.objectives, NopPruner(), {**identity, **recheck.identity}
            )
            self._work(launched, again, recheck)
            fits = TrialStore(again).trials()
            checked = rechecked(recheck, best, fits)
            check_rechecked(checked, fits)
        measures = [name for name in tune.objectives if name != "val_loss"]
        return search_result(self._name, trials, front, checked, measures)

    def _open(
        self, name: str, objectives: Sequence[str], pruner: BasePruner, identity: Mapping[str, Any]
    ) -> optuna.Study:
        with self._seat.turn():
            return study.open_study(
                self._storage,
                name,
                objectives=objectives,
                pruner=pruner,
                identity=identity,
                settings=study.settings(self._params, self._space),
            )

    def _work(self, launched: Launcher, opened: optuna.Study, plan: TrialPlan) -> None:
        with listening() as interrupt, shown(plan.name, plan.total) as ended:
            desk = TrialScheduler(TrialStore(opened), plan, self._seat, self._watcher, interrupt, ended)
            if there := sum(trial.state.is_finished() for trial in desk.book.trials()):
                log.info("study %s: %d trials are there already", opened.study_name, there)
            desk.tell_again()
            try:
                self._take_part(launched, desk, interrupt)
            except BaseException:
                # Workers first: what they would still say is about trials that are not theirs any more.
                launched.drop()
                desk.give_back()
                raise
            if interrupt.is_wanted:
                # The workers that lived have ended their trials; of one that died, the trial must not stay open.
                desk.give_back()
            desk.tell_again()

    def _take_part(self, launched: Launcher, desk: TrialScheduler, interrupt: Interrupt) -> None:
        while True:
            launched.run(desk)
            if interrupt.is_wanted or desk.is_done():
                return
            # Others are at the last trials; one of them may die.
            time.sleep(WAIT_FOR_OTHERS_S)

    def _warm(self) -> list[dict[str, Any]]:
        earlier = self._params.tune.warm_start
        if earlier is None:
            return []
        try:
            found = optuna.load_study(study_name=earlier, storage=self._storage)
        except KeyError:
            known = optuna.get_all_study_names(self._storage)
            raise SearchError(
                f"tune.warm_start={earlier}, and there is no study of that name",
                fix=f"choose one of {', '.join(known[-5:])}" if known else "set it to null; there are no studies yet",
            ) from None
        if study.IDENTITY not in found.user_attrs:
            raise SearchError(
                f"tune.warm_start={earlier}, and that study is another program's",
                fix="choose one that `glyphline study` shows with its search, or set it to null",
            )
        best = finalists(TrialStore(found).trials(), self._params.tune.startup_trials)
        warm = [values for one in best if (values := self._space.adopt(one.values)) is not None]
        log.info("%d of the best %d trials of %s are tried first", len(warm), len(best), earlier)
        return warm
