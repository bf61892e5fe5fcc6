"""The parts of the search that need no fit and no database."""

import time
from types import SimpleNamespace

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.errors import ParamsError, SearchError, TrainingError
from glyphline.tuning.finalists import recheck_results, usable
from glyphline.tuning.identity import differences, identity, recheck_seed, sampler_seed, study_name, trial_seed
from glyphline.tuning.interrupt import Interrupt
from glyphline.tuning.launchers.choice import choose_launcher
from glyphline.tuning.launchers.gpus import visible_devices
from glyphline.tuning.launchers.worker_pool import WorkerPool
from glyphline.tuning.plan import Finalist, RecheckPlan, SearchPlan
from glyphline.tuning.process_lease import LocalLease
from glyphline.tuning.report import check_rechecked, check_usable, rows, tables
from glyphline.tuning.space import Space
from glyphline.tuning.study import pruner
from glyphline.tuning.trial import TooLargeError, TrialSpec
from glyphline.tuning.trial_runner import TrialResult, run_trial
from glyphline.tuning.trial_scheduler import TrialScheduler
from glyphline.tuning.trial_store import CLAIM, METRICS, REASON, SECONDS, TrialStore, seconds_spent
from glyphline.tuning.watcher import Notifier
from tests.conftest import changed

DIGESTS = {"train": "a", "val": "b"}
SPEC = TrialSpec(0, {}, 1, 1)


def name(params, digests=DIGESTS, code="c"):
    return study_name(params, identity(params, digests, code))


def test_a_range_of_a_whole_number_parameter_is_whole(default_params):
    params = changed(default_params, {"tune.space": {"model.dense_units": {"low": 8, "high": 64, "step": 8}}})
    assert Space(params).dimensions["model.dense_units"].distribution == optuna.distributions.IntDistribution(
        8, max(64, params.model.dense_units), step=8
    )


def test_the_space_is_widened_to_the_value_of_params_yaml(default_params):
    params = changed(default_params, {"train.learning_rate": 0.05, "train.batch_size": 48})
    space = Space(params)
    assert space.dimensions["train.learning_rate"].distribution.high == 0.05
    assert 48 in space.dimensions["train.batch_size"].distribution.choices
    assert all(space.dimensions[key].contains(value) for key, value in space.current_values().items())


@pytest.mark.parametrize(
    ("entry", "current", "expected"),
    [
        ({"low": 64, "high": 192, "step": 64}, 64, optuna.distributions.IntDistribution(64, 192, step=64)),
        ({"low": 64, "high": 256, "step": 64}, 320, optuna.distributions.IntDistribution(64, 320, step=64)),
        ({"low": 64, "high": 192, "step": 32}, 32, optuna.distributions.IntDistribution(32, 192, step=32)),
        ({"low": 16, "high": 256, "log": True}, 0, optuna.distributions.IntDistribution(0, 256)),
    ],
)
def test_a_widened_range_keeps_its_steps_and_trial_0_its_value(default_params, entry, current, expected):
    space = Space(changed(default_params, {"model.dense_units": current, "tune.space": {"model.dense_units": entry}}))
    assert space.dimensions["model.dense_units"].distribution == expected
    assert space.dimensions["model.dense_units"].contains(current)


CONDITIONAL = {
    "train.learning_rate": {"low": 0.001, "high": 0.01},
    "model.kernel_size": {"choices": [3, 5], "kinds": ["resnet"]},
    "model.kind": {"choices": ["cnn", "resnet"]},
}


def test_a_parameter_is_searched_only_with_the_networks_that_it_is_for(default_params):
    space = Space(changed(default_params, {"tune.space": CONDITIONAL}))
    study = optuna.create_study()
    candidates = [space.draw(study, optuna.samplers.RandomSampler(seed=number), number) for number in range(20)]
    assert {("model.kernel_size" in values, values["model.kind"]) for values in candidates} == {
        (True, "resnet"),
        (False, "cnn"),
    }
    assert space.is_conditional
    assert "model.kernel_size" not in space.current_values()


def test_a_parameter_for_another_network_than_that_of_params_yaml_is_left_out(default_params):
    space = Space(changed(default_params, {"tune.space": {key: CONDITIONAL[key] for key in list(CONDITIONAL)[:2]}}))
    assert list(space.draw(optuna.create_study(), optuna.samplers.RandomSampler(), 0)) == ["train.learning_rate"]
    assert not space.is_conditional


def test_values_of_an_earlier_study_are_adopted_as_far_as_they_fit(default_params):
    space = Space(changed(default_params, {"tune.space": CONDITIONAL}))
    assert space.adopt({"train.learning_rate": 0.002, "train.warmup": 0.1}) == {
        "model.kind": "cnn",
        "train.learning_rate": 0.002,
    }
    assert space.adopt({"train.learning_rate": 0.5}) is None
    assert space.adopt({"train.warmup": 0.1}) is None


@pytest.mark.parametrize(
    "values",
    [
        {"seed": 8},
        {"train.learning_rate": 0.002},
        {"model.filters": (8,)},
        {"tune.epochs": 2},
        {"tune.pruner": "hyperband"},
        {"tune.max_parameters": 1000},
        {"data.dataset": "mnist"},
        {"train.augment.shift": 0.1},
        {"train.precision": "float32"},
    ],
)
def test_what_changes_a_trial_changes_the_study(default_params, values):
    assert name(changed(default_params, values)) != name(default_params)


@pytest.mark.parametrize(
    "values",
    [
        {"tune.trials": 9},
        {"tune.timeout_s": 1.0},
        {"tune.workers": 3},
        {"tune.finalists": 2},
        {"tune.storage": "postgresql://host/db"},
        {"registry.min_accuracy": 0.1},
        {"train.memory_mb": 1},
        {"train.gpu_memory_mb": 512},
    ],
)
def test_what_changes_no_trial_keeps_the_study(default_params, values):
    assert name(changed(default_params, values)) == name(default_params)


def test_other_data_or_other_code_is_another_study(default_params):
    assert len({name(default_params, {"train": d, "val": "b"}, c) for d in "xy" for c in "cd"}) == 4


def test_a_named_study_has_its_name(default_params):
    assert name(changed(default_params, {"tune.study": "mine"})) == "mine"


def test_differences_name_the_key_and_both_values():
    assert differences({"a": 1, "b": [1], "c": 0}, {"a": 1, "b": [2]}) == [
        "b [1] there, [2] now",
        "c 0 there, null now",
    ]


@given(st.integers(0, 2**32 - 1), st.integers(0, 10_000))
def test_seeds_of_neighbours_differ(seed, number):
    own, next_trial, next_seed = trial_seed(seed, number), trial_seed(seed, number + 1), (seed + 1) % 2**32
    drawn = {own, next_trial, trial_seed(next_seed, number), sampler_seed(seed, number), recheck_seed(seed, number)}
    assert len(drawn) == 5
    assert all(0 <= one < 2**32 for one in drawn)


def raising(error):
    def objective(params, spec, fit_context, *, on_epoch):
        raise error

    return objective


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's."""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TrainingError("the fit diverged at epoch 2", fix="x"), "the fit diverged at epoch 2"),
        (ParamsError("train.xla: must be text", fix="x"), "train.xla: must be text"),
        (MemoryError(), "out of memory: MemoryError"),
        (ResourceExhaustedError("no room\nmore"), "out of memory: no room"),
        (RuntimeError("CUDA_ERROR_OUT_OF_MEMORY: out of memory"), "out of memory: CUDA_ERROR_OUT_OF_MEMORY"),
    ],
)
def test_a_candidate_that_cannot_be_fitted_is_failed_with_its_reason(error, reason):
    result = run_trial(raising(error), None, None, SPEC, lambda *_: None)
    assert (result.state, result.error) == ("FAIL", None)
    assert result.reason.startswith(reason)


def test_a_mistake_of_this_program_is_kept_with_its_traceback():
    result = run_trial(raising(ZeroDivisionError("x")), None, None, SPEC, lambda *_: None)
    assert isinstance(result.error, ZeroDivisionError)
    assert "raise error" in result.traceback
    assert result.without_error().error is None


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("out of memory")])
def test_what_the_scheduler_raises_is_no_fault_of_the_candidate(error):
    def objective(params, spec, fit_context, *, on_epoch):
        on_epoch(0, {"val_loss": 0.5})

    def report(epoch, metrics):
        raise error

    with pytest.raises(type(error)) as caught:
        run_trial(objective, None, None, SPEC, report)
    assert caught.value is error


def test_a_candidate_beyond_a_limit_is_pruned_and_says_by_how_much():
    result = run_trial(
        raising(TooLargeError("tune.max_parameters", 0.5, "too many")), None, None, SPEC, lambda *_: None
    )
    assert (result.state, result.constraint, result.surplus) == ("PRUNED", "tune.max_parameters", 0.5)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_fails_the_candidate_at_its_epoch(loss):
    def objective(params, spec, fit_context, *, on_epoch):
        on_epoch(0, {"val_loss": loss})

    result = run_trial(objective, None, None, SPEC, lambda *_: None)
    assert (result.state, result.reason) == ("FAIL", f"epoch 1: val_loss {loss}")
    result = run_trial(lambda *_, **__: {"val_loss": loss}, None, None, SPEC, lambda *_: None)
    assert (result.state, result.reason) == ("FAIL", f"val_loss is {loss}")


def test_a_candidate_that_reports_no_val_loss_is_a_mistake_and_not_never_pruned():
    def objective(params, spec, fit_context, *, on_epoch):
        on_epoch(0, {"loss": 0.5})

    assert isinstance(run_trial(objective, None, None, SPEC, lambda *_: None).error, KeyError)


def spent(*spans):
    trials = [
        optuna.trial.create_trial(
            state=optuna.trial.TrialState.WAITING,
            user_attrs={CLAIM: {"owner": "me", "attempt": 1, "began": began, "worker": ""}}
            | ({} if seconds is None else {SECONDS: seconds}),
        )
        for began, seconds in spans
    ]
    return seconds_spent(trials, now=100.0)


def test_time_is_counted_once_however_many_work_and_not_while_nobody_does():
    assert spent() == 0
    assert spent((10, 5)) == 5
    assert spent((10, 5), (12, 5), (13, 1)) == 7
    assert spent((10, 5), (50, 5)) == 10
    assert spent((10, 5), (90, None)) == 15


def ended(number, losses, reason="the fit diverged"):
    """A trial of a re-check: one loss, or none."""
    state = optuna.trial.TrialState
    trial = optuna.trial.create_trial(
        state=state.FAIL if losses is None else state.COMPLETE,
        value=losses,
        user_attrs={REASON: reason} if losses is None else {METRICS: {"val_loss": losses}},
    )
    trial.number = number
    return trial


def recheck(default_params, *losses):
    """Two finalists, 0 better than 1 in the search, with a loss per trial of the re-check."""
    finalists = [Finalist(number, {}, 0.1 + number) for number in (0, 1)]
    plan = RecheckPlan(changed(default_params, {"tune.seeds": len(losses) // 2}), Space(default_params), finalists)
    return recheck_results(plan, finalists, [ended(number, loss) for number, loss in enumerate(losses)])


def test_a_finalist_that_mostly_diverges_does_not_win(default_params):
    results = recheck(default_params, 0.1, 0.5, None, 0.5, None, 0.5)
    assert [(one.finalist.number, one.failed) for one in results] == [(1, 0), (0, 2)]


def test_the_error_of_a_re_check_without_a_result_gives_the_most_common_reason(default_params):
    trials = [ended(0, None), ended(1, None, "out of memory"), ended(2, None), ended(3, None)]
    with pytest.raises(SearchError, match=r"none of 4 .*\(3 times\): the fit diverged") as caught:
        check_rechecked(recheck(default_params, None, None, None, None), trials)
    assert "tune.finalists" in caught.value.fix
    check_rechecked(recheck(default_params, 0.1, None, 0.1, None), trials)


def too_large(surplus, reason):
    trial = optuna.trial.create_trial(state=optuna.trial.TrialState.PRUNED, user_attrs={REASON: reason})
    trial.set_constraint("tune.max_parameters", surplus)
    return trial


def test_the_fix_is_that_of_the_most_common_reason():
    failed = [ended(number, None) for number in range(2)]
    large = [too_large(number, f"{number},000 parameters") for number in (1, 2, 3)]
    with pytest.raises(SearchError, match=r"3 times\): 1,000 parameters") as caught:
        check_usable([*failed, *large])
    assert "tune.max_parameters" in caught.value.fix
    with pytest.raises(SearchError, match=r"2 times\): the fit diverged") as caught:
        check_usable([*failed, *large[:1]])
    assert "tune.max_parameters" not in caught.value.fix


def test_a_trial_of_another_program_is_not_usable():
    theirs = optuna.trial.create_trial(state=optuna.trial.TrialState.COMPLETE, value=0.5)
    assert usable([theirs, ended(0, 0.5)])[0].number == 0
    assert len(usable([theirs, ended(0, 0.5)])) == 1


class SilentWatcher:
    """Follows a search and ignores every call."""

    def begin(self, name, number, values, worker):
        return self

    def epoch(self, epoch, metrics):
        pass

    def end(self, state, metrics, reason):
        pass


def test_a_trial_that_is_released_after_each_death_is_started_twice_and_then_failed(default_params):
    study = optuna.create_study()
    plan = SearchPlan(changed(default_params, {"tune.trials": 1}), Space(default_params))
    notifier = Notifier(SilentWatcher(), plan.name)
    scheduler = TrialScheduler(TrialStore(study), plan, LocalLease(), notifier, Interrupt(), lambda *_: None)
    for state in ("WAITING", "FAIL"):
        scheduler.worker_lost(scheduler.next_trial(), "signal 9")
        scheduler.release()
        assert study.trials[0].state.name == state
    assert scheduler.next_trial() is None
    assert study.trials[0].user_attrs[REASON] == "its process died 2 times"
    assert study.trials[0].user_attrs[CLAIM]["attempt"] == 2


def test_rows_hold_no_times():
    study = optuna.create_study()
    trial = study.ask({"train.learning_rate": optuna.distributions.FloatDistribution(0.1, 0.1)})
    trial.report(0.5, 0)
    trial.report(0.25, 1)
    study.tell(trial, 0.25)
    assert rows(study.get_trials()) == (
        {"trial": 0, "state": "COMPLETE", "best_val_loss": 0.25, "epochs": 2, "train.learning_rate": 0.1},
    )


def test_tables_of_no_search_have_their_headings():
    assert tables(None)["trials.csv"] == "trial,state,best_val_loss,epochs\n"
    assert tables(None)["finalists.csv"].startswith("trial,first_val_loss,mean_val_loss,spread,shrinkage")


@pytest.mark.parametrize(
    ("per_trial", "workers", "visible", "devices"),
    [
        (0.0, 3, "", []),
        (1.0, 2, "", ["0", "1"]),
        (1.0, 2, "1,3", ["1", "3"]),
        (2.0, 2, "", ["0,1", "2,3"]),
        (0.5, 4, "0,1", ["0", "1", "0", "1"]),
    ],
)
def test_gpus_are_shared_out_among_workers(per_trial, workers, visible, devices):
    assert visible_devices(per_trial, workers, ["A100"] * 4, {"CUDA_VISIBLE_DEVICES": visible}) == devices


@pytest.mark.parametrize(
    ("per_trial", "workers", "problem"),
    [(3.0, 1, "gpus_per_trial=3, and there are 2 GPUs"), (1.0, 3, "workers=3"), (0.5, 5, "workers=5")],
)
def test_more_gpus_than_there_are_are_refused(per_trial, workers, problem):
    with pytest.raises(SearchError, match=problem):
        visible_devices(per_trial, workers, ["A100"] * 2, {})


@pytest.mark.parametrize(
    ("names", "visible", "count"), [([], "0,1", 0), ([], "-1", 0), (["A100"], "0,1", 1), (["A100"] * 4, "2,-1,3", 1)]
)
def test_a_gpu_that_is_only_named_is_none(names, visible, count):
    with pytest.raises(SearchError, match=f"there are {count} GPUs"):
        visible_devices(2.0, 1, names, {"CUDA_VISIBLE_DEVICES": visible})


def test_gpus_may_be_named_by_their_ids():
    assert visible_devices(1.0, 2, ["A100"] * 2, {"CUDA_VISIBLE_DEVICES": "GPU-1a, MIG-2b"}) == ["GPU-1a", "MIG-2b"]


def test_trials_with_gpus_of_their_own_get_processes_and_a_missing_gpu_is_refused(default_params, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    tune = changed(default_params, {"tune.gpus_per_trial": 4.0}).tune
    with pytest.raises(SearchError, match="gpus_per_trial=4, and there are 0 GPUs"):
        choose_launcher(None, tune)


@pytest.mark.parametrize(
    ("values", "epochs"),
    [({}, 2), ({"train.warmup": 0.0}, 0), ({"train.schedule": "constant"}, 0), ({"tune.epochs": 3}, 0)],
)
def test_nothing_is_pruned_while_the_learning_rate_warms_up(default_params, values, epochs):
    params = changed(default_params, {"train.warmup": 0.25, "train.schedule": "cosine", "tune.epochs": 9} | values)
    assert pruner(params)._n_warmup_steps == epochs
    halving = pruner(changed(params, {"tune.pruner": "halving"}))
    assert halving._min_resource == max(epochs, 1)


def at_work(default_params, study, **values):
    """A scheduler over a study, as one run of the stage has it."""
    params = changed(default_params, {f"tune.{name}": value for name, value in values.items()})
    plan = SearchPlan(params, Space(params))
    notifier = Notifier(SilentWatcher(), plan.name)
    return TrialScheduler(TrialStore(study), plan, LocalLease(), notifier, Interrupt(), lambda *_: None)


COMPLETE = TrialResult("COMPLETE", {"val_loss": 0.5})


def test_a_trial_keeps_its_metrics_and_how_long_it_took(default_params):
    study = optuna.create_study()
    first = at_work(default_params, study, trials=2)
    began = time.time()
    spec = first.next_trial()
    time.sleep(0.05)
    first.end(spec, COMPLETE)
    assert study.trials[0].user_attrs[METRICS] == {"val_loss": 0.5}
    assert 0.05 <= study.trials[0].user_attrs[SECONDS] <= time.time() - began + 0.001


def test_a_search_that_goes_on_has_what_is_left_of_its_time(default_params):
    study = optuna.create_study()
    # An earlier run searched for 50 s.
    attributes = {CLAIM: {"owner": "me", "attempt": 1, "began": 1000.0, "worker": ""}, SECONDS: 50.0}
    study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs=attributes))
    assert at_work(default_params, study, trials=9, timeout_s=49.0).next_trial() is None
    assert at_work(default_params, study, trials=9, timeout_s=50.0).next_trial() is None
    again = at_work(default_params, study, trials=9, timeout_s=51.0)
    assert not again.is_done()
    assert again.next_trial().number == 1


@pytest.mark.parametrize(("budget", "taken"), [(1, []), (2, [1]), (3, [1, 2])])
def test_a_search_that_goes_on_has_what_is_left_of_its_trials(default_params, budget, taken):
    study = optuna.create_study()
    first = at_work(default_params, study, trials=1)
    first.end(first.next_trial(), COMPLETE)
    again = at_work(default_params, study, trials=budget)
    assert again.is_done() == (not taken)
    assert [spec.number for spec in iter(again.next_trial, None)] == taken


def test_a_candidate_exactly_at_its_limit_has_failed_for_its_own_reason():
    at_limit = [too_large(0, "the fit diverged") for _ in range(2)]
    with pytest.raises(SearchError, match=r"2 times\): the fit diverged") as caught:
        check_usable([*at_limit, too_large(1, "1,000 parameters")])
    assert "tune.max_parameters" not in caught.value.fix


def test_a_trial_keeps_how_far_it_is_from_a_limit(default_params):
    study = optuna.create_study()
    scheduler = at_work(default_params, study, trials=1)
    result = TrialResult("PRUNED", {}, reason="too many", constraint="tune.max_parameters", surplus=0.5)
    scheduler.end(scheduler.next_trial(), result)
    (trial,) = study.trials
    assert trial.constraints == {"tune.max_parameters": 0.5}
    assert (trial.state.name, trial.user_attrs[REASON]) == ("PRUNED", "too many")


class CountingPool(WorkerPool):
    """A pool that counts the workers that it is asked to start."""

    def __init__(self):
        super().__init__(2)
        self.slots = []

    def start_worker(self, slot):
        self.slots.append(slot)
        return SimpleNamespace(name=str(slot), kill=lambda: None)

    def receive(self, connections, timeout_s):
        raise AssertionError(f"waits for {len(connections)} workers that have nothing to do")


@pytest.mark.parametrize(("is_stopping", "is_done"), [(True, False), (False, True), (True, True)])
def test_a_search_that_stops_or_is_done_starts_no_worker(is_stopping, is_done):
    pool = CountingPool()
    pool.run(SimpleNamespace(is_stopping=lambda: is_stopping, is_done=lambda: is_done))
    assert pool.slots == []
