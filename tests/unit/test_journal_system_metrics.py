"""The machine is sampled beside a run, under MLflow's names, and never after its end."""

import threading

from glyphline import journal
from glyphline.journal import journal_file, run_events
from glyphline.journal.system_metrics import SystemMetricsSampler, machine_reader
from glyphline.mlflow_sync.projector_launch import ProjectorHandle
from glyphline.paths import Paths


def test_processor_and_memory_are_read_under_the_names_that_the_ui_knows():
    found = machine_reader()()
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= set(found)
    assert all(name.startswith("system/") for name in found)
    assert 0 < found["system/system_memory_usage_percentage"] < 100
    assert 10 < found["system/process_memory_megabytes"] < found["system/system_memory_usage_megabytes"]


def test_samples_are_numbered_and_end_with_the_sampler():
    told, enough = [], threading.Event()

    def tell(values, number):
        told.append((values, number))
        if len(told) == 3:
            enough.set()

    sampler = SystemMetricsSampler(tell, lambda: {"system/x": 1.0}, first_s=0.01)
    assert enough.wait(10)
    sampler.stop()
    count = len(told)
    assert [number for _, number in told] == list(range(count))
    assert not any(thread.name == "system-metrics" and thread.is_alive() for thread in [sampler._thread])
    assert len(told) == count


def test_a_run_tells_of_the_machine_only_after_its_own_first_numbers(default_params, tmp_path):
    paths = Paths(tmp_path, tmp_path)
    with journal.record(
        default_params, paths, stage="train", environ={}, launch=lambda *_: ProjectorHandle()
    ) as recorder:
        run = recorder.start("shapes")
        threading.Event().wait(1.2)
        run.metrics({"val_loss": 1.0, "accuracy": 0.5})
        threading.Event().wait(1.2)
    told = [
        event
        for event in journal_file.read(paths.journal("train")).runs[run.key]
        if isinstance(event, run_events.MetricsLogged)
    ]
    assert list(told[0].values) == ["accuracy", "val_loss"]
    assert any("system/cpu_utilization_percentage" in event.values for event in told[1:])


def test_a_run_that_ends_before_the_first_sample_is_due_has_one_all_the_same():
    told: list[tuple[dict, int]] = []
    sampler = SystemMetricsSampler(
        lambda values, number: told.append((dict(values), number)), lambda: {"system/x": 1.0}, first_s=60
    )
    sampler.stop()
    assert told == [({"system/x": 1.0}, 0)]
