"""A journal is input: it may come with a project that somebody else made. What it asks for is sent only from inside."""

import json
import logging
import os
from pathlib import Path

import pytest

from glyphline import mlflow_sync
from glyphline.journal import journal_file, run_files
from glyphline.journal.run_events import RunEnded, encode
from glyphline.mlflow_client import StoreUri
from glyphline.mlflow_sync import projector, projector_launch, store
from tests.integration.conftest import put_in_dvc, record_model, rows

ID = "0123456789abcdef01234567"
KEY = f"{ID}00000001"
SECRET = b"a private key"


def line(kind: str, **fields) -> bytes:
    return json.dumps({"kind": kind, "run": KEY, "time": 1_000} | fields).encode() + b"\n"


HEADER = line("journal", id=ID, stage="train").replace(f'"run": "{KEY}", '.encode(), b"")
START = line("start", experiment="shapes", name="theirs")
END = line("end", status="FINISHED")
GOOD = line("metrics", values={"good": 0.5}, step=3)


def put(project, *lines: bytes, stage: str = "train") -> None:
    project.journal(stage).parent.mkdir(parents=True, exist_ok=True)
    project.journal(stage).write_bytes(b"".join(lines))


@pytest.fixture
def secret(tmp_path_factory):
    path = tmp_path_factory.mktemp("home of the user") / "key"
    path.write_bytes(SECRET)
    return path


def entry(secret: Path, path: str) -> dict:
    return run_files.digest(secret, secret.parent).model_dump() | {"path": path}


def uploaded(project) -> list[bytes]:
    return [path.read_bytes() for path in (project.mlruns / "artifacts").rglob("*") if path.is_file()]


def sent_run(project):
    opened = store.connect(StoreUri.parse(f"sqlite:///{project.store}"), project, 5)
    (run,) = opened.client.search_runs([*opened.experiments()], f"tags.`glyphline.run_key` = '{KEY}'")
    return run


WAYS = ("absolute", "parents", "link", "folder that is a link", "link in the cache")


@pytest.mark.parametrize(("way", "kind"), [(way, kind) for way in WAYS for kind in ("artifact", "model")])
def test_no_file_outside_the_project_is_sent(default_params, project, secret, caplog, *, way, kind):
    inside = project.work / "artifacts" / "train"
    inside.mkdir(parents=True)
    path = {
        "absolute": str(secret),
        "parents": os.path.relpath(secret, project.work),
        "link": "artifacts/train/link",
        "folder that is a link": "artifacts/train/folder/key",
        "link in the cache": "artifacts/train/gone",
    }[way]
    (inside / "link").symlink_to(secret)
    (inside / "folder").symlink_to(secret.parent)
    file = entry(secret, path)
    cached = project.home / ".dvc" / "cache" / "files" / "md5" / file["md5"][:2] / file["md5"][2:]
    if way == "link in the cache":
        cached.parent.mkdir(parents=True)
        cached.symlink_to(secret)
    shape = {"signature": {"input_shape": [-1, 8, 8, 1], "output_shape": [-1, 3]}} if kind == "model" else {}
    put(project, HEADER, START, line(kind, file=file, **shape), GOOD, END)
    with caplog.at_level(logging.WARNING, logger="glyphline"):
        mlflow_sync.sync(default_params, project)
    assert SECRET not in uploaded(project)
    assert sent_run(project).info.status == "FINISHED"
    assert sent_run(project).data.metrics == {"good": 0.5}
    assert path in caplog.text


def test_a_cache_that_is_set_to_the_whole_disk_lets_no_link_out(default_params, project, secret):
    (project.home / ".dvc").mkdir()
    (project.home / ".dvc" / "config").write_text(f"[cache]\n    dir = {secret.anchor}\n")
    link = project.work / "artifacts" / "train" / "link"
    link.parent.mkdir(parents=True)
    link.symlink_to(secret)
    put(project, HEADER, START, line("artifact", file=entry(secret, "artifacts/train/link")), END)
    mlflow_sync.sync(default_params, project)
    assert SECRET not in uploaded(project)


def test_a_file_that_dvc_has_linked_to_its_cache_is_sent(default_params, project, train_split):
    record_model(default_params, project, train_split)
    put_in_dvc(project)
    cache = project.home / ".dvc" / "cache" / "files" / "md5"
    linked = cache / (digest := run_files.digest(project.history, project.work).md5)[:2] / digest[2:]
    project.history.unlink()
    project.history.symlink_to(linked)
    assert mlflow_sync.sync(default_params, project).missing == ()


REFUSED = {
    "step": line("metrics", values={"a": 1.0}, step=2**70),
    "time": line("metrics", values={"a": 1.0}, time=-(2**70)),
    "nan time": line("metrics", values={"a": 1.0}).replace(b"1000", b"NaN"),
    "empty key": line("metrics", values={"": 1.0}),
    "key of dots": line("params", values={"../../a": 1}),
    "key of the root": line("tags", values={"/a": "b"}),
    "long key": line("metrics", values={"a" * 1000: 1.0}, step="x"),
    "nul in a param": line("params", values={"a": "b\0c"}),
    "nul in a tag": line("tags", values={"a": "b\0c"}),
    "lone surrogate": line("tags", values={"a": "\ud800"}),
    "no UTF-8": line("tags", values={"a": "b"}).replace(b'"b"', b'"\xff"'),
    "no JSON": b"metrics\n",
    "another kind": line("exec", command="rm"),
    "a second header": HEADER,
    "a number as key": line("metrics", values={"a": 1.0}, run=7),
    "a key that is a condition": line("metrics", values={"a": 1.0}, run="' OR '1'='1"),
    "deep": line("params", values={}).replace(b"{}", b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "huge": line("params", values={"a": 1}).replace(b'"a": 1', b'"a": ' + b"9" * 6000),
    "folder": line("artifact", file={"path": "params.yaml", "size_bytes": 1, "sha256": "0" * 64, "md5": "0" * 32},
                   folder="../../x"),
    "md5": line("artifact", file={"path": "params.yaml", "size_bytes": 1, "sha256": "0" * 64, "md5": "../../../x"}),
    "dataset": line("input", name="x" * 5000, digest="d", context="training", source="s", count=1),
    "dataset with nul": line("input", name="x\0", digest="d", context="training", source="s", count=1),
    "dtype": line("model", file={"path": "a", "size_bytes": 1, "sha256": "0" * 64, "md5": "0" * 32},
                  signature={"input_shape": [1], "output_shape": [1], "input_dtype": "evil"}),
    "stage of a lineage": line("lineage", stage="../../x", facts={"git": {}}, patch="x"),
    "facts": line("lineage", stage="train", facts={"git": 5}, patch="x"),
    "encoding": line("lineage", stage="train", facts={"git": {"patch_encoding": "idna"}}, patch="x"),
    "patch": line("lineage", stage="train", facts={"git": {"patch_encoding": "latin-1"}}, patch="ł"),
    "status": line("end", status="GREAT"),
}  # fmt: skip


@pytest.mark.parametrize("bad", REFUSED.values(), ids=REFUSED)
def test_one_bad_event_is_named_with_its_line_and_everything_else_is_sent(
    default_params, project, train_split, caplog, bad
):
    put(project, HEADER, START, bad, GOOD, END)
    with caplog.at_level(logging.WARNING, logger="glyphline"):
        mlflow_sync.sync(default_params, project)
    run = sent_run(project)
    assert run.data.metrics["good"] == 0.5
    assert run.info.status == "FINISHED"
    assert f"{project.journal('train')}:3" in caplog.text
    before = rows(project)
    mlflow_sync.sync(default_params, project)
    assert rows(project) == before


STARTS = {
    "tags": line("start", experiment="shapes", name="theirs", tags={"../a": "b"}),
    "nul": line("start", experiment="shapes", name="their\0s"),
    "long": line("start", experiment="shapes", name="x" * 1000),
    "counter": line("start", experiment="shapes", name="theirs", tags={"glyphline.sent": "no JSON"}),
    "counter of another type": line("start", experiment="shapes", name="x", tags={"glyphline.sent": '{"train-01234567":'
                                    ' "9", "x": []}', "glyphline.missing": '{"train-01234567": [99, "a"]}'}),
}  # fmt: skip


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_a_run_that_begins_badly_is_sent_all_the_same(default_params, project, start):
    put(project, HEADER, start, GOOD, END)
    mlflow_sync.sync(default_params, project)
    run = sent_run(project)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"good": 0.5})
    assert len(run.info.run_name) <= 250
    assert mlflow_sync.sync(default_params, project).events_sent == 0


@pytest.mark.parametrize("experiment", ["", "..", "a/../../b", "x" * 1000, "/etc", "a\0b", "x'y"])
def test_a_run_of_an_impossible_experiment_is_named_and_the_other_runs_are_sent(
    default_params, project, train_split, caplog, experiment
):
    record_model(default_params, project, train_split)
    put(project, HEADER, line("start", experiment=experiment, name="theirs"), GOOD, END, stage="tune")
    with caplog.at_level(logging.WARNING, logger="glyphline"):
        assert mlflow_sync.sync(default_params, project).runs_made == 1
    assert f"{project.journal('tune')}:2" in caplog.text
    assert {path.name for path in project.mlruns.iterdir() if path.is_dir()} <= {"artifacts", "scratch"}


@pytest.mark.parametrize(
    "header", [{"id": "%", "stage": "train"}, {"id": "'", "stage": "train"}, {"id": ID, "stage": "../x"}]
)
def test_a_journal_that_calls_itself_a_condition_is_left_out(default_params, project, train_split, caplog, header):
    record_model(default_params, project, train_split)
    put(project, json.dumps({"kind": "journal", "time": 1} | header).encode() + b"\n", START, END, stage="tune")
    with caplog.at_level(logging.WARNING, logger="glyphline"):
        assert mlflow_sync.sync(default_params, project).runs_made == 1
    assert f"{project.journal('tune')} is damaged at line 1" in caplog.text


def test_a_journal_that_is_a_folder_is_left_out(default_params, project, train_split, caplog):
    record_model(default_params, project, train_split)
    project.journal("tune").mkdir(parents=True)
    with caplog.at_level(logging.WARNING, logger="glyphline"):
        assert mlflow_sync.sync(default_params, project).runs_made == 1
    assert str(project.journal("tune")) in caplog.text


def test_a_projector_sends_what_is_good_and_tells_of_the_rest(default_params, project):
    put(project, HEADER, START, REFUSED["step"], REFUSED["empty key"], GOOD, END)
    warnings = []
    uri = f"sqlite:///{project.store}"
    job = projector_launch.ProjectorJob("train", str(project.work), str(project.home), uri, 5.0, warning_handle=-1)
    reader = journal_file.Reader.open(project.journal("train"))

    class Pipe:
        send = staticmethod(warnings.append)

    projector.Follower(job, reader, Pipe()).run()
    assert sent_run(project).data.metrics == {"good": 0.5}
    assert "2 lines" in warnings[-1]


def test_a_strict_reader_names_the_line(project):
    from glyphline.errors import ArtifactError

    put(project, HEADER, START, REFUSED["step"], encode(RunEnded(run=KEY, status="FINISHED")))
    with pytest.raises(ArtifactError, match="line 3"):
        journal_file.last_key(project.journal("train"))
