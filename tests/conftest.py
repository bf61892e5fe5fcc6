"""What every suite shares: parameters shrunk to seconds, made images, and the project's root."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glyphline import environment as variables
from glyphline import git
from glyphline import params as parameters
from glyphline.params import Params
from glyphline.records import ClassScore, Evaluation
from glyphline.scoring.intervals import wilson
from glyphline.values import Split

ROOT = Path(__file__).resolve().parents[1]
SEARCH_PATH = f"{ROOT / 'src'}{os.pathsep}{ROOT}"

# What a test may not inherit from the shell that started it.
FOREIGN = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "GLYPHLINE_MIRROR",
    "DVC_ROOT",
    "DVC_EXP_NAME",
    "GLYPHLINE_STUDY_URL",
)
# The last ones are there when a hook runs the tests.
for _name in (*FOREIGN, *git.NOT_INHERITED):
    os.environ.pop(_name, None)
variables.remove_foreign()
# A shell without job control starts background jobs deaf to Ctrl-C, and their children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"


MEMORY = Path("/dev/shm")
# Several times what a suite leaves.
NEEDED_BYTES = 4 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Keep the files of the tests in memory, where there is room; `--basetemp` keeps them in a folder that stays.

    A disk takes milliseconds for each commit of SQLite, and nothing here has to outlive the machine.
    """
    if config.getoption("basetemp") or not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < NEEDED_BYTES:
        return
    folder = tempfile.mkdtemp(prefix="glyphline-tests-", dir=MEMORY)
    os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
    config.add_cleanup(partial(shutil.rmtree, folder, ignore_errors=True))


def environment(**more: str) -> dict[str, str]:
    """Of a process that imports this checkout's code and tests, whatever is installed and wherever it starts."""
    return {**os.environ, "PYTHONPATH": SEARCH_PATH, **more}


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def default_params() -> Params:
    return parameters.read(ROOT / "params.yaml")


def changed(params: Params, values: Mapping[str, Any]) -> Params:
    return parameters.overlay(params, values)


def made_split(name: str, count: int, *, seed: int = 0, side: int = 8, classes: int = 3, channels: int = 1) -> Split:
    """Images that a small network learns in an epoch: a bright bar whose place is the class, under noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count).astype(np.int64)
    images = rng.integers(0, 60, (count, side, side, channels), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[label * side // classes] = 255
    return Split(name, images, labels, tuple(f"bar-{n}" for n in range(classes)), digest=f"{name}-{count}-{seed}")


def made_evaluation(correct: int, count: int, **fields: Any) -> Evaluation:
    """What evaluate leaves for a model that is right on `correct` images; the other numbers are filled in."""
    low, high = wilson(correct, count)
    accuracy = correct / count
    shares = {"precision": accuracy, "recall": accuracy, "f1": accuracy}
    ends = {f"{name}_interval": (low, high) for name in shares}
    known: dict[str, Any] = {
        "dataset": "shapes", "test_digest": "t" * 64, "weights_digest": "w" * 64, "predictions_sha256": "p" * 64,
        "count": count, "correct": correct, "accuracy": accuracy, "accuracy_low": low, "accuracy_high": high,
        "balanced_accuracy": accuracy, "balanced_accuracy_low": low, "balanced_accuracy_high": high,
        "top_k": None, "top_k_accuracy": None, "log_loss": 0.2, "log_loss_low": 0.1, "log_loss_high": 0.3,
        "brier_score": 0.1, "macro_f1": accuracy, "macro_f1_low": low, "macro_f1_high": high, "weighted_f1": accuracy,
        "calibration_error": 0.02, "adaptive_calibration_error": 0.01, "risk_coverage_area": 0.01,
        "worst_class": "bar", "worst_class_recall": accuracy, "class_gap": 0.0, "corruption_accuracy": None,
        "classes": (ClassScore(name="bar", count=count, predicted=count, correct=correct, **shares, **ends),),
        "slices": (), "corruptions": (),
    }  # fmt: skip
    return Evaluation(**(known | fields))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The default pipeline, run once. Tests that use it must leave it as it is."""
    from tests.project import clone

    project = clone(tmp_path_factory.mktemp("finished"))
    project.run("dvc", "repro")
    return project


@pytest.fixture(scope="session")
def two_models(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A copy of the default pipeline with a second model beside the first: the DVC experiment `shorter`."""
    from tests.project import copied

    project = copied(finished, tmp_path_factory.mktemp("two") / "project")
    project.commit("The first model")
    project.run("dvc", "exp", "run", "-n", "shorter", "-S", "tune.trials=0", "-S", "train.epochs=6")
    return project


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small pipeline, run once, with parameters that are not committed. Tests take a copy and leave it as it is."""
    from tests.project import SHRUNK, clone

    project = clone(tmp_path_factory.mktemp("small"))
    project.set_params(SHRUNK)
    project.run("dvc", "repro")
    return project


@pytest.fixture(scope="module")
def shrunk(small_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A copy of the small pipeline, committed; the tests of one module build on it."""
    from tests.project import copied

    project = copied(small_run, tmp_path_factory.mktemp("shrunk") / "project")
    project.commit("A small run")
    return project


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Any]:
    """A PostgreSQL server. In CI its absence is an error; elsewhere the tests that need it are skipped."""
    from tests import servers

    if servers.binaries() is None and not os.environ.get("CI"):
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    with servers.postgresql() as server:
        yield server
