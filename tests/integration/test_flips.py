"""One changed bit in any file that Glyphline reads: it is noticed, repaired, or changes nothing that is read.

`make soak` runs the same with 1,000 flips.
"""

import logging
import os
import random
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glyphline import (
    data,
    epoch_history,
    files,
    journal,
    keras_archive,
    mlflow_client,
    mlflow_sync,
    records,
    stage_times,
    tuning,
)
from glyphline.data import raw, readers
from glyphline.errors import PipelineError, RegistryError
from glyphline.journal import journal_file
from glyphline.mlflow_sync import store
from glyphline.mlflow_sync.store_runs import StoreRuns
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Best, Cost, Decision, Latency, PreprocessReport, Training
from glyphline.registry import EvaluatedModel, RegistryLocation, integrity, open_session, verified_model
from glyphline.stages import fetch, preprocess, register
from glyphline.training.checkpoint import Checkpoint, FitState
from glyphline.tuning.overview import study_overview
from tests.conftest import changed, made_evaluation
from tests.integration.conftest import silent
from tests.registered import made_archive, right_on, training, written_predictions
from tests.searches import STUDY, light, recorded, trials

SEED = 5
FLIPS = int(os.environ.get("GLYPHLINE_FLIPS", "60"))
# A database is much larger than what is read of it, and many of its bytes mean nothing.
DATABASE_WEIGHT = 8
NOTICED, REPAIRED, HARMLESS = "noticed", "repaired", "changes nothing"
pytestmark = pytest.mark.timeout(max(300, FLIPS))
SHAPES = [(3, 2), (2,)]
STATE = FitState(
    history=[{"val_loss": 0.5}, {"val_loss": 0.4}],
    best_epoch=1,
    best_weights=[np.full(shape, 0.25, np.float32) for shape in SHAPES],
    network=[np.full(shape, 0.5, np.float32) for shape in SHAPES],
    optimizer=[np.full(shape, 0.75, np.float32) for shape in SHAPES],
)


@dataclass(frozen=True)
class ReadFile:
    """A file, and what a command reads of it.

    Attributes:
        path: the file.
        read: returns what it stands for, in a form that can be compared.
        weight: how many flips it gets for each one of a small file.
    """

    path: Path
    read: Callable[[], Any]
    weight: int = 1


@pytest.fixture(scope="module")
def paths(tmp_path_factory, migrated_store) -> Paths:
    folder = tmp_path_factory.mktemp("flips")
    (folder / "mlruns").mkdir()
    shutil.copy(migrated_store, folder / "mlflow.db")
    (folder / "dvc.yaml").write_text("stages: {}\n")
    return Paths(work=folder, home=folder)


@pytest.fixture(scope="module")
def params(paths, default_params) -> Params:
    images = np.random.default_rng(SEED).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    np.savez(paths.work / "mine.npz", x_train=images, y_train=np.arange(60) % 2)
    return changed(
        default_params,
        {
            "data.path": str(paths.work / "mine.npz"),
            "data.dataset": "shapes",
            "registry.name": "shapes",
            "registry.min_accuracy": 0.5,
        },
    )


@pytest.fixture(scope="module")
def finished(params, paths) -> Paths:
    """A project whose stages have all run, with stand-ins for the search and the fit."""
    fetch.run(params, paths)
    preprocess.run(params, paths)
    recorded(light(trials=4), paths.study, paths.work)
    found = {"values": {"train.learning_rate": 0.004}, "trial": 2, "val_loss": 0.25, "study": STUDY}
    records.write(paths.best, Best(**found, complete=3, pruned=1, failed=0))
    weights = "f" * 64
    train(params, paths, weights)
    evaluate(params, paths, weights)
    register.run(params, paths)
    checkpoint(paths).save(STATE)
    with stage_times.measured(paths.stage_times, "train", paths.training):
        pass
    return paths


def train(params: Params, paths: Paths, weights: str) -> None:
    split = data.load(paths.split("train"))
    with journal.record(params, paths, stage="train", environ={}, launch=silent) as recorder:
        run = recorder.start(experiment="shapes")
        run.params({"train.learning_rate": 0.004})
        rows = [{"epoch": epoch, "loss": 1 / (epoch + 2), "val_loss": 1 / (epoch + 1)} for epoch in range(3)]
        for row in rows:
            run.metrics({"val_loss": row["val_loss"]}, step=row["epoch"])
        made_archive(paths.model)
        epoch_history.write(paths.history, rows)
        records.write(paths.training, training(weights, files.sha256(paths.model)))
        run.artifact(paths.training)
        run.artifact(paths.history)
        run.model(paths.model, image_shape=split.image_shape, classes=split.classes)
        run.end()


def evaluate(params: Params, paths: Paths, weights: str) -> None:
    with journal.record(params, paths, stage="evaluate", environ={}, launch=silent) as recorder:
        run = recorder.resume(journal.last_key(paths.journal("train")))
        sha256 = written_predictions(paths.predictions, right_on(980), "a" * 64, weights)
        scores = made_evaluation(980, 1000, test_digest="a" * 64, weights_digest=weights, predictions_sha256=sha256)
        records.write(paths.evaluation, scores)
        speed = Latency(batch=1, calls=100, median_s=0.0021, p99_s=0.0043)
        records.write(paths.cost, Cost(device="cpu", parameters=100, model_bytes=5000, latency=(speed,)))
        paths.model_card.write_text("# The card\n\naccuracy 0.98, `models:/NAME/VERSION`\n")
        run.metrics({"test_accuracy": scores.accuracy})
        for path in (paths.evaluation, paths.predictions, paths.cost, paths.model_card):
            run.artifact(path)
        run.end()


def checkpoint(paths: Paths) -> Checkpoint:
    return Checkpoint(paths.checkpoints, {"seed": SEED})


def arrays(state: FitState | None) -> Any:
    if state is None:
        return None
    parts = (state.best_weights, state.network, state.optimizer)
    return state.history, state.best_epoch, [[array.tolist() for array in part] for part in parts]


def split_content(paths: Paths, name: str) -> Any:
    split = data.load(paths.split(name))
    return split.name, split.digest, split.classes, split.images.tobytes(), split.labels.tobytes()


def raw_content(paths: Paths, scratch: Path) -> Any:
    manifest = raw.verified(paths.raw)
    with_images = readers.read(paths.raw, manifest, resizing=None, scratch=scratch)
    return manifest, {name: (part.images.tobytes(), part.labels.tobytes()) for name, part in with_images.items()}


def trained(paths: Paths) -> Any:
    """What evaluate reads of train."""
    journal.check_recorded(paths.journal("train"), paths.model, paths.training, paths.history)
    key = journal.last_key(paths.journal("train"))
    keras_archive.check(paths.model, "restore it")
    record, history = records.read(paths.training, Training, stage="train"), epoch_history.read(paths.history)
    return key, record, history, files.sha256(paths.model)


def evaluated(paths: Paths) -> Any:
    """What register reads of train and evaluate."""
    model = EvaluatedModel.read(paths)
    return model.training, model.artifacts.scores, files.sha256(model.artifacts.predictions), model.card


def registry_content(params: Params, paths: Paths, folder: Path) -> Any:
    """What `register`, `models`, `history`, `promote` and `glyphline.load` read of the store."""
    # Under another address each time: MLflow keeps a database open as long as the process lives.
    database = folder / f"{len(list(folder.iterdir()))}.db"
    shutil.copy(paths.store, database)
    params = changed(params, {"tracking.uri": f"sqlite:///{database}"})
    sent = mlflow_sync.flush(params, paths).get(journal.last_key(paths.journal("train")))
    if sent is None or sent.model_location is None:
        raise RegistryError("the store holds no model of the run", fix="as the register stage says")
    location = replace(RegistryLocation.of(params, paths), lock=folder.parent / "machine.lock")
    with integrity.fetched(location, sent.model_location) as model:
        trained_model = integrity.digests(model)
    with open_session(location) as session:
        view = session.reconcile()
        events = session.updater.log.read().events
        champion = view.state.judgement(view.state.champion)
        artifacts = session.artifacts.of_version(champion)
        measured = artifacts.scores, files.sha256(artifacts.predictions), session.artifacts.card(champion)
    versions = {number: (version.run_id, version.source) for number, version in view.versions.items()}
    with verified_model.verified_model(location, "@champion") as model:
        loaded = model.judged.version, files.sha256(model.archive)
    return trained_model, view.state, events, versions, measured, loaded


def lineage_content(params: Params, paths: Paths, folder: Path) -> Any:
    """What `compare` reads of a run that the store alone has."""
    opened = store.connect(mlflow_client.store_uri(params, paths), paths, params.tracking.timeout_s)
    target = Path(tempfile.mkdtemp(dir=folder))
    stored = StoreRuns(opened, target)
    (run,) = [run for run in map(stored.find, stored.names()) if "glyphline.run_key" in run.data.tags]
    return replace(stored.fetch(run), files={})


def study_content(paths: Paths) -> Any:
    """What a search reads of its study."""
    location = tuning.StudyLocation(paths.study)
    overview = study_overview(location, STUDY)
    return replace(overview, settings={}), trials(paths.study)


def read_files(params: Params, paths: Paths, folder: Path) -> list[ReadFile]:
    stores, scratch = folder / "stores", folder / "scratch"
    for place in (stores, scratch):
        place.mkdir()

    def registry() -> Any:
        return registry_content(params, paths, stores)

    read = [ReadFile(path, lambda: raw_content(paths, scratch)) for path in sorted(paths.raw.iterdir())]
    for name in ("train", "val", "test"):
        contents = sorted(paths.split(name).iterdir())
        read += [ReadFile(path, lambda name=name: split_content(paths, name)) for path in contents]
    report, best, decision = paths.preprocess_report, paths.best, paths.decision
    read += [
        ReadFile(report, lambda: records.read(report, PreprocessReport, stage="preprocess")),
        ReadFile(best, lambda: records.read(best, Best, stage="tune")),
        ReadFile(decision, lambda: records.read(decision, Decision, stage="register")),
        ReadFile(paths.stage_times, lambda: stage_times.seconds(paths.stage_times, "train", paths.training)),
        ReadFile(checkpoint(paths).path, lambda: arrays(checkpoint(paths).load([*SHAPES, *SHAPES]))),
    ]
    for stage in ("tune", "train", "evaluate"):
        read.append(ReadFile(paths.journal(stage), lambda stage=stage: journal_file.read(paths.journal(stage))))
    read += [ReadFile(path, lambda: trained(paths)) for path in (paths.model, paths.training, paths.history)]
    read += [
        ReadFile(path, lambda: evaluated(paths))
        for path in (paths.training, paths.evaluation, paths.predictions, paths.cost, paths.model_card)
    ]
    stored = sorted(path for path in (paths.mlruns / "artifacts").rglob("*") if path.is_file())
    read += [ReadFile(path, registry) for path in stored if path.name in READ_OF_RUNS or "models" in path.parts]
    lineages = [path for path in stored if path.name == "lineage.json" and "shapes" in path.parts]
    read += [ReadFile(path, lambda: lineage_content(params, paths, scratch)) for path in lineages]
    read.append(ReadFile(paths.mlruns / "artifacts" / ".stores", registry))
    read.append(ReadFile(paths.store, registry, DATABASE_WEIGHT))
    read.append(ReadFile(paths.study, lambda: study_content(paths), DATABASE_WEIGHT))
    return read


READ_OF_RUNS = {"evaluation.json", "predictions.npz", "cost.json", "model_card.md"}


def outcome(file: ReadFile, whole: Any, caplog: pytest.LogCaptureFixture) -> str:
    caplog.clear()
    try:
        value = file.read()
    except PipelineError as error:
        return NOTICED if error.fix else f"NO FIX {error.problem}"
    except Exception as error:
        # The whole traceback of what should have been two lines.
        return f"TRACEBACK\n{''.join(traceback.format_exception(error))[-1500:]}"
    if any(record.levelno >= logging.WARNING for record in caplog.records):
        return REPAIRED
    return HARMLESS if value == whole else "SILENT"


@contextmanager
def flipped(path: Path, place: int, bit: int) -> Iterator[None]:
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[place] ^= 1 << bit
    path.write_bytes(damaged)
    try:
        yield
    finally:
        path.write_bytes(content)


def test_a_flipped_bit_is_noticed_repaired_or_changes_nothing(params, finished, tmp_path, caplog, capsys):
    luck = random.Random(SEED)
    read = read_files(params, finished, tmp_path)
    turns = [file for file in read for _ in range(file.weight)]
    counts: dict[Path, Counter[str]] = {file.path: Counter() for file in read}
    wholes = {id(file): file.read() for file in read}
    faults = []
    for turn in range(FLIPS):
        file = turns[turn % len(turns)]
        # Not the zeros, which fill most of a database and hold nothing.
        place = luck.choice([place for place, byte in enumerate(file.path.read_bytes()) if byte])
        bit = luck.randrange(8)
        with caplog.at_level(logging.WARNING, logger="glyphline"), flipped(file.path, place, bit):
            result = outcome(file, wholes[id(file)], caplog)
        counts[file.path][result.split("\n")[0]] += 1
        if result not in {NOTICED, REPAIRED, HARMLESS}:
            faults.append(f"{file.path.relative_to(finished.work)}, byte {place}, bit {bit}: {result}")
    with capsys.disabled():
        print(f"\nseed {SEED}, {FLIPS} flips")
        for path, results in counts.items():
            shown = ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
            print(f"  {path.relative_to(finished.work)}: {shown}")
    assert not faults, "\n".join(faults)
