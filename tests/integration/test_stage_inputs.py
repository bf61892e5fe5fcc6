"""What stages write down of the images that they read."""

import shutil

import pytest

from glyphline.cli import run
from glyphline.data import store
from glyphline.journal import journal_file, run_events
from glyphline.paths import Paths
from glyphline.stages import evaluate, train, tune
from tests.conftest import ROOT, made_split
from tests.project import set_params

READ = {train: {"training": "train", "validation": "val"}, evaluate: {"test": "test"}}


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """A project whose splits are there."""
    paths = Paths(work=tmp_path, home=tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    for seed, name in enumerate(("train", "val", "test")):
        split = made_split(name, 48, seed=seed)
        store.save(paths.split(name), name, split.images, split.labels, classes=split.classes, dataset="shapes")
    monkeypatch.chdir(tmp_path)
    smallest = {
        "model.filters": [2],
        "train.epochs": 1,
        "train.batch_size": 16,
        "tune.trials": 0,
        "evaluate.corruption_images": 0,
    }
    set_params(tmp_path, {"tracking.uri": "http://127.0.0.1:9", "tracking.timeout_s": 0.1, **smallest})
    return paths


def test_train_and_evaluate_note_each_split_that_they_read_and_no_other(paths):
    for stage in (tune, train, evaluate):
        assert run([stage.__name__.rpartition(".")[2]]) == 0
    for stage, contexts in READ.items():
        runs = journal_file.read(paths.journal(stage.__name__.rpartition(".")[2])).runs
        inputs = [event for events in runs.values() for event in events if isinstance(event, run_events.InputLogged)]
        digests = {context: store.load(paths.split(name)).digest for context, name in contexts.items()}
        assert {event.context: event.digest for event in inputs} == {
            context: digest[: len(inputs[0].digest)] for context, digest in digests.items()
        }
