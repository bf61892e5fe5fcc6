"""Faults injected for real into a finished small project; each test leaves it working."""

import os
import signal
import time

import pytest

from tests.project import SHRUNK, table
from tests.waiting import until


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"train.learning_rate": "fast"}, "train.learning_rate"),
        ({"tune.trials": "true"}, "tune.trials"),
        ({"train.epochz": "3"}, "did you mean epochs"),
    ],
)
def test_a_mistake_in_params_is_told_in_two_lines_before_anything_heavy_is_loaded(shrunk, values, told):
    good = (shrunk.folder / "params.yaml").read_text()
    shrunk.set_params(values)
    ended = shrunk.attempt("python", "-X", "importtime", "-m", "glyphline", "train")
    (shrunk.folder / "params.yaml").write_text(good)
    said = [line for line in ended.err.splitlines() if not line.startswith("import time:")]
    assert ended.code == 2
    assert said[0].startswith("error: ")
    assert told in ended.err
    assert said[-1].startswith("fix: ")
    assert "Traceback" not in ended.err
    assert "tensorflow" not in ended.err


@pytest.mark.parametrize(
    ("stage", "file", "code"),
    [
        ("preprocess", "data/raw", 3),
        ("tune", "data/processed/train/images.npy", 4),
        ("evaluate", "data/processed/test/labels.npy", 4),
        ("evaluate", "artifacts/train/model.keras", 4),
        ("evaluate", "artifacts/train/history.csv", 4),
        ("train", "artifacts/tune/best.json", 4),
        ("register", "artifacts/train/journal.jsonl", 4),
        ("register", "artifacts/train/training.json", 4),
        ("register", "artifacts/evaluate/predictions.npz", 4),
        ("register", "artifacts/evaluate/model_card.md", 4),
        ("summary", "artifacts/register/decision.json", 4),
    ],
)
def test_one_changed_byte_is_noticed_and_named(shrunk, stage, file, code):
    path = shrunk.folder / file
    if path.is_dir():
        path = max(path.iterdir(), key=lambda entry: entry.stat().st_size)
    content, before = path.read_bytes(), path.stat()
    change_a_byte(path)
    ended = shrunk.attempt("python", "-m", "glyphline", stage)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    path.chmod(before.st_mode)
    assert ended.code == code, ended.err[-2000:]
    assert path.name in ended.err
    assert "Traceback" not in ended.err


def change_a_byte(path):
    """Change a byte of a file as a disk does, which leaves the time of the file."""
    before, damaged = path.stat(), bytearray(path.read_bytes())
    damaged[-7 if path.suffix != ".keras" else len(damaged) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(damaged)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_what_the_error_about_a_changed_byte_advises_makes_the_file_again(shrunk):
    decision = shrunk.folder / "artifacts/register/decision.json"
    # The last decision may be that of another store: a test before this one names a server.
    shrunk.run("dvc", "repro", "--force", "--single-item", "register")
    before = decision.read_bytes()
    change_a_byte(decision)
    refused = shrunk.attempt("python", "-m", "glyphline", "summary")
    assert "`dvc repro --force --single-item register`" in refused.err
    shrunk.run("dvc", "repro", "--force", "--single-item", "register")
    assert decision.read_bytes() == before
    shrunk.glyphline("summary")


def test_ctrl_c_in_the_search_leaves_no_half_output_and_the_next_run_goes_on(shrunk):
    shrunk.set_params({"train.learning_rate": "0.006", "tune.trials": "3", "tune.epochs": "2"})
    process = shrunk.start("dvc", "repro")
    study = shrunk.folder / "mlruns/optuna.db"
    before = study.stat().st_mtime
    until(lambda: study.stat().st_mtime != before, 300, process=process)
    time.sleep(3)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode != 0, out + err
    assert not (shrunk.folder / "artifacts/tune/best.json").exists()
    ended = shrunk.run("dvc", "repro")
    assert shrunk.stages_run(ended.text) == ["tune", "train", "evaluate", "register"]
    assert (shrunk.folder / "artifacts/tune/trials.csv").read_text().count("\n") == 4
    shrunk.set_params(SHRUNK | {"train.learning_rate": "0.005"})


def test_a_dead_tracking_server_stops_no_training_and_sync_shows_the_run_later(shrunk):
    dead = type(shrunk)(shrunk.folder, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})
    dead.set_params({"tracking.timeout_s": "1.0", "train.learning_rate": "0.007"})
    for stage in ("tune", "train", "evaluate"):
        ended = dead.glyphline(stage)
        assert ended.err.count("error:") <= 1
    refused = dead.attempt("python", "-m", "glyphline", "register", limit_s=120)
    assert refused.code == 5
    assert "fix: " in refused.err
    assert "Traceback" not in refused.err
    before = len(table(shrunk)["digits"])
    shrunk.glyphline("sync")
    assert len(table(shrunk)["digits"]) == before + 1
