"""What a search costs besides its trials: time around them, what a second worker brings, memory from trial to trial.

    python benchmarks/search_cost.py around     asking, reporting, logging and launching, as a part of the wall time
    python benchmarks/search_cost.py workers    two workers on two cores against one, one thread per trial in both
    python benchmarks/search_cost.py memory     resident memory of one worker over 500 trials

The images are scikit-learn's digits. `workers` needs a machine that does nothing else; the others are ratios and sizes.
"""

import json
import os
import platform
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np

from glyphline import journal, params, training, tuning
from glyphline.journal.trial_runs import TrialRuns
from glyphline.mlflow_sync.projector_launch import ProjectorHandle
from glyphline.params import Params, overlay
from glyphline.paths import Paths
from glyphline.tuning.trial import fit_candidate
from glyphline.values import Split

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SPENT = "BENCHMARK_SPENT"
EQUAL = {"train.learning_rate": {"low": 0.005, "high": 0.0051}}


def _splits() -> tuple[Split, Split]:
    """1,200 and 300 of the digits."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = (images.reshape(-1, 8, 8, 1) * 15.9).astype(np.uint8)
    names = tuple(map(str, range(10)))
    return tuple(
        Split(name, pixels[part], labels[part].astype(np.int64), names, digest=name)
        for name, part in (("train", slice(0, 1200)), ("val", slice(1200, 1500)))
    )  # type: ignore[return-value]


def prepare(values: Params) -> training.FitContext:
    """Device and data."""
    return training.prepare(values, *_splits())


def timed(values: Params, spec: tuning.TrialSpec, fit_context: Any, *, on_epoch: Any) -> Mapping[str, float]:
    """A fit; its seconds, without those of its hook, are added to a file."""
    waited = 0.0

    def watched(epoch: int, metrics: Mapping[str, float]) -> None:
        nonlocal waited
        began = time.perf_counter()
        on_epoch(epoch, metrics)
        waited += time.perf_counter() - began

    began = time.perf_counter()
    metrics = fit_candidate(values, spec, fit_context, on_epoch=watched)
    line = {"began": began, "seconds": time.perf_counter() - began - waited, "rss": _resident_mb()}
    with Path(os.environ[SPENT]).open("a") as stream:
        stream.write(json.dumps(line) + "\n")
    return metrics


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _search(values: Params) -> tuple[float, list[dict[str, float]]]:
    """Seconds of a whole search, journal included; and one record per trial."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ[SPENT] = str(folder / "spent.jsonl")
        paths = Paths(work=folder, home=folder)
        began = time.perf_counter()
        with journal.record(values, paths, stage="tune", environ={}, launch=lambda *_: ProjectorHandle()) as recorder:
            parent = recorder.start(experiment="digits/tuning", name="benchmark")
            tuning.search(
                values,
                "benchmark",
                tuning.StudyLocation(folder / "optuna.db"),
                TrialRuns(recorder, "digits/tuning", parent),
                partial(prepare, values),
                identity={},
                objective=timed,
            )
        seconds = time.perf_counter() - began
        return seconds, [json.loads(line) for line in (folder / "spent.jsonl").read_text().splitlines()]


def _base(**values: Any) -> Params:
    fixed = {"tune.finalists": 0, "tune.pruner": "none", "train.precision": "float32", "model.filters": (16, 32)}
    return overlay(params.read(ROOT / "params.yaml"), fixed | {key.replace("__", "."): v for key, v in values.items()})


def _write(name: str, result: dict[str, Any]) -> None:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    packages = {package: version(package) for package in ("optuna", "tensorflow", "keras")}
    text = json.dumps({"machine": machine, "versions": packages, **result}, indent=2)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"search_{name}.json").write_text(text + "\n")
    click.echo(text)


def around(*, quick: bool) -> None:
    """Time around the trials as a part of the wall time from the first trial's beginning."""
    trials = 6 if quick else 40
    seconds, records = _search(_base(tune__trials=trials, tune__epochs=10, train__epochs=12, train__patience=12))
    # Loading TensorFlow comes before the first trial, and every way of training has it.
    wall = records[-1]["began"] - records[0]["began"]
    fits = sum(one["seconds"] for one in records[:-1])
    result = {"trials": trials, "epochs": 10, "wall_s": wall, "fits_s": fits, "part": 1 - fits / wall, "all_s": seconds}
    _write("around", result)


def workers(*, quick: bool) -> None:
    """A study of equal trials with one worker of one thread, and with two."""
    trials, epochs = (6, 3) if quick else (24, 15)
    seconds: dict[int, list[float]] = {}
    for count in (1, 2, 2, 1):
        values = _base(
            tune__trials=trials,
            tune__epochs=epochs,
            train__epochs=epochs,
            train__patience=epochs,
            tune__workers=count,
            tune__launcher="processes",
            tune__space=EQUAL,
        )
        affinity = os.sched_getaffinity(0)
        if count == 1:
            # One thread in both: the second worker's core stands idle beside one worker.
            os.sched_setaffinity(0, set(sorted(affinity)[:1]))
        try:
            seconds.setdefault(count, []).append(_search(values)[0])
        finally:
            os.sched_setaffinity(0, affinity)
    best = {count: min(each) for count, each in seconds.items()}
    _write("workers", {"trials": trials, "epochs": epochs, "seconds": seconds, "ratio": best[2] / best[1]})


def memory(*, quick: bool) -> None:
    """Resident memory of one worker and of those that replace it, fitted with a line after the first tenth."""
    trials = 60 if quick else 500
    _, records = _search(
        _base(tune__trials=trials, tune__epochs=1, train__batch_size=128, tune__space=EQUAL, tune__sampler="random")
    )
    sizes = np.array([one["rss"] for one in records])
    rest = np.arange(len(sizes)) >= len(sizes) // 10
    # A small worker after a large one is a new one.
    replaced = int((np.diff(sizes) < -100).sum())
    slope = float(np.polyfit(np.flatnonzero(rest), sizes[rest], 1)[0])
    result = {"trials": len(sizes), "first_mb": sizes[0], "highest_mb": sizes.max(), "last_mb": sizes[-1]}
    _write("memory", result | {"workers": replaced + 1, "mb_per_trial": slope})


MEASURED = {"around": around, "workers": workers, "memory": memory}


@click.command()
@click.argument("what", nargs=-1, type=click.Choice(list(MEASURED)))
@click.option("--quick", is_flag=True, help="A few trials, to see that it works.")
def main(what: tuple[str, ...], *, quick: bool) -> None:
    """Measure WHAT, by default everything; print and write JSON."""
    for name in what or MEASURED:
        MEASURED[name](quick=quick)


if __name__ == "__main__":
    main()
