"""Which store, whether it answers, and that no password is ever shown."""

import hashlib
import logging
import os
import socket
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from glyphline.errors import TrackingError
from glyphline.files import exclusive
from glyphline.journal import run_files
from glyphline.mlflow_client import StoreUri, store_uri
from glyphline.mlflow_sync import experiment_view, projector_launch, store, ui_server
from glyphline.mlflow_sync.dvc_cache import DvcCache
from glyphline.mlflow_sync.file_locator import FileLocator
from glyphline.mlflow_sync.projection_lock import projection_lock
from glyphline.params import overlay
from glyphline.paths import Paths
from glyphline.redaction import redact
from tests import calls


@pytest.fixture
def paths(tmp_path):
    return Paths(work=tmp_path, home=tmp_path)


def test_params_win_over_the_environment_and_that_over_the_file(default_params, paths):
    named = overlay(default_params, {"tracking.uri": "http://params"})
    environ = {"MLFLOW_TRACKING_URI": "http://environment"}
    assert store_uri(named, paths, environ).text == "http://params"
    assert store_uri(default_params, paths, environ).text == "http://environment"
    assert store_uri(default_params, paths, {}).text == f"sqlite:///{paths.home}/mlflow.db"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sqlite:///mlflow.db", "sqlite:///HOME/mlflow.db"),
        ("sqlite:///./runs/mlflow.db?timeout=30", "sqlite:///HOME/runs/mlflow.db?timeout=30"),
        ("sqlite+pysqlite:///mlflow.db", "sqlite+pysqlite:///HOME/mlflow.db"),
        ("sqlite:////srv/mlflow.db?timeout=30", "sqlite:////srv/mlflow.db?timeout=30"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("postgresql://ann:pw@host/db?sslmode=require", "postgresql://ann:pw@host/db?sslmode=require"),
        ("https://ann:pw@host/x", "https://ann:pw@host/x"),
    ],
)
def test_a_relative_database_begins_at_the_main_checkout(default_params, tmp_path, given, expected):
    home = tmp_path / "home"
    queued = Paths(work=home / ".dvc" / "tmp" / "exps" / "one", home=home)
    expected = expected.replace("HOME", str(home))
    assert store_uri(overlay(default_params, {"tracking.uri": given}), queued, {}).text == expected
    assert store_uri(default_params, queued, {"MLFLOW_TRACKING_URI": given}).text == expected
    assert store_uri(overlay(default_params, {"tracking.uri": expected}), queued, {}).text == expected


def test_the_file_of_a_database_is_known_without_its_query(tmp_path):
    assert StoreUri.parse(f"sqlite:///{tmp_path}/mlflow.db?timeout=30").sqlite_file == tmp_path / "mlflow.db"
    assert StoreUri.parse("postgresql://host/db").sqlite_file is None
    store.analyze(StoreUri.parse(f"sqlite:///{tmp_path}/mlflow.db?timeout=30"))
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


UNREADABLE = [
    "http://localhost:99999",
    "postgresql://ann:hidden@host:port/db",
    "http://[::1",
    "http://.example:5000",
    "http://a..b",
    "postgresql://ann:hid[den@host/db",
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_an_unreadable_uri_is_told_without_its_text(default_params, paths, text):
    for ask in (
        lambda: StoreUri.parse(text).reach(timeout_s=1),
        lambda: store_uri(default_params, paths, {"MLFLOW_TRACKING_URI": text}),
        lambda: ui_server.server(default_params, paths, environ={"MLFLOW_TRACKING_URI": text}),
    ):
        with pytest.raises(TrackingError, match="cannot be read") as caught:
            ask()
        assert "hid" not in caught.value.problem
        assert "tracking.uri" in caught.value.fix


@pytest.mark.parametrize("sign", ["#", "/"])
def test_a_sign_in_a_password_does_not_hide_the_host(sign):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(TrackingError, match="out of reach") as caught:
            StoreUri.parse(f"postgresql://ann:hid{sign}den@127.0.0.1:{port}/db").reach(timeout_s=5)
    assert "hid" not in caught.value.problem


def test_a_stage_works_on_when_the_store_has_no_readable_uri(default_params, paths, caplog):
    unreadable = overlay(default_params, {"tracking.uri": "http://localhost:99999"})
    assert projector_launch.start(unreadable, paths, "train").warning() is None
    (warning,) = [entry.getMessage() for entry in caplog.records]
    assert len(warning.splitlines()) == 2
    assert "cannot be read" in warning


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ann:pw@host/x", "https://***@host/x"),
        ("postgresql+psycopg://ann:p@ss@host:5432/db", "postgresql+psycopg://***@host:5432/db"),
        ("two http://a:b@c and http://d:e@f", "two http://***@c and http://***@f"),
        ("postgresql://ann:s3cr/et@host/db", "postgresql://***@host/db"),
        ("postgresql://ann:'s\"<3>/@host/db", "postgresql://***@host/db"),
        ("postgresql://ann:a@b:c/d@host/db", "postgresql://***@host/db"),
        ("http://a:b@c,http://d:e/f@g", "http://***@g"),
        ("http://ann:x://y@host", "http://***@host"),
        ("'http://host'@decorator", "'http://host'@decorator"),
        ("http://host/?user=ann&password=pw&x=1", "http://host/?user=ann&password=***&x=1"),
        ("https://host/@ann/page", "https://host/@ann/page"),
        ("sqlite:////tmp/mlflow.db", "sqlite:////tmp/mlflow.db"),
        ("ann@host", "ann@host"),
    ],
)
def test_redact(text, shown):
    assert redact(text) == shown


def test_a_refused_connection_is_known_from_one_knock_and_named_without_the_password():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with (
            calls.noted(calls.CONNECT, "time.sleep") as noted,
            pytest.raises(TrackingError, match="out of reach") as caught,
        ):
            StoreUri.parse(f"http://ann:hidden@127.0.0.1:{port}").reach(timeout_s=5)
    assert [call.name for call in noted] == [calls.CONNECT]
    assert "hidden" not in caught.value.problem
    assert "glyphline sync" in caught.value.fix


def test_a_listening_port_is_within_reach():
    with socket.create_server(("127.0.0.1", 0)) as server:
        StoreUri.parse(f"http://127.0.0.1:{server.getsockname()[1]}").reach(timeout_s=5)


def test_a_file_needs_no_reaching():
    StoreUri.parse("sqlite:////nowhere/mlflow.db").reach(timeout_s=5)


def test_waiting_for_another_process_ends(paths):
    with (
        exclusive(paths.mlruns / "projection.lock"),
        pytest.raises(TrackingError, match="another process"),
        projection_lock(paths, patience_s=0.1),
    ):
        pass


@pytest.mark.parametrize("patience_s", [None, 60.0])
def test_a_lock_that_another_process_gives_up_is_taken_after_that(paths, patience_s):
    order = []

    def wait():
        with projection_lock(paths, patience_s):
            order.append("second")

    waiting = threading.Thread(target=wait)
    with exclusive(paths.mlruns / "projection.lock"):
        waiting.start()
        waiting.join(timeout=0.3)
        assert waiting.is_alive()
        order.append("first")
    waiting.join(timeout=60)
    assert order == ["first", "second"]


def test_a_free_lock_is_taken_at_once(paths):
    with projection_lock(paths, patience_s=0.1):
        pass
    with projection_lock(paths):
        pass


def test_the_ui_gets_its_uri_by_the_environment_and_starts_no_job_workers(default_params, paths):
    secret = overlay(default_params, {"tracking.uri": "postgresql://ann:hidden@host/db"})
    command, environment = ui_server.server(secret, paths, "127.0.0.1", 0, environ={})
    assert not any("hidden" in word for word in command)
    assert environment["MLFLOW_BACKEND_STORE_URI"] == "postgresql://ann:hidden@host/db"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_server_has_its_own_ui(default_params, paths):
    remote = overlay(default_params, {"tracking.uri": "https://ann:hidden@host"})
    with pytest.raises(TrackingError) as caught:
        ui_server.server(remote, paths, environ={})
    assert "hidden" not in caught.value.problem
    assert "browser" in caught.value.fix


def test_a_port_that_another_program_has_is_told_with_one_that_is_free(default_params, paths):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(TrackingError, match=f"port {taken} of 127.0.0.1") as caught:
            ui_server.server(default_params, paths, port=taken, environ={})
        port = int(caught.value.fix.split("--port ")[1].split("`")[0])
        assert ui_server.server(default_params, paths, port=port, environ={})


def test_the_address_opens_the_experiments_for_machine_learning(default_params, paths):
    everything = "http://127.0.0.1:5001/#/experiments?workflowType=machine_learning"
    assert ui_server.address(default_params, paths, port=5001, environ={}) == everything
    assert not paths.store.exists()
    unreadable = overlay(default_params, {"tracking.uri": "http://host:port"})
    assert ui_server.address(unreadable, paths, port=5001, environ={}) == everything


def test_runs_on_a_server_are_looked_at_there(default_params, paths):
    assert ui_server.remote_address(default_params, paths, environ={}) is None
    here = ui_server.remote_address(
        default_params, paths, environ={"MLFLOW_TRACKING_URI": "http://ann:hidden@host:8080/"}
    )
    assert here.endswith("host:8080/#/experiments?workflowType=machine_learning")
    assert "hidden" not in here


def test_the_address_opens_the_runs_of_the_data_set_with_the_columns_that_matter(default_params, paths):
    with closing(sqlite3.connect(paths.store)) as database:
        database.executescript("""
            CREATE TABLE experiments (experiment_id INTEGER, name TEXT, lifecycle_stage TEXT);
            CREATE TABLE experiment_tags (experiment_id INTEGER, key TEXT, value TEXT);
            INSERT INTO experiments VALUES (1, 'digits/tuning', 'active'), (2, 'digits', 'active');
            INSERT INTO experiments VALUES (3, 'mine', 'active');
            INSERT INTO experiment_tags VALUES (1, 'mlflow.sharedViewState.glyphline', '{}');
            INSERT INTO experiment_tags VALUES (2, 'mlflow.sharedViewState.glyphline', '{}');
        """)
    address = ui_server.address(default_params, paths, environ={})
    assert address == f"http://127.0.0.1:5000/{experiment_view.route('2')}"
    # A view that is not there is an error on MLflow's page.
    other = ui_server.address(overlay(default_params, {"data.dataset": "mine"}), paths, environ={})
    assert other == "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning"


def test_a_file_is_found_by_content_in_the_workspace_then_in_the_cache(paths):
    original = paths.work / "run_files" / "a.txt"
    original.parent.mkdir()
    original.write_text("one")
    digest = run_files.digest(original, paths.work)
    locator = FileLocator.of(paths)
    assert locator.find(digest) == original
    original.write_text("two")
    assert locator.find(digest) is None
    cached = locator.cache.path(digest.md5)
    cached.parent.mkdir(parents=True)
    cached.write_text("one")
    assert locator.find(digest) == cached
    cached.write_text("0ne")
    assert locator.find(digest) is None


def test_a_damaged_list_of_a_folder_is_left_out_with_a_warning(tmp_path, caplog):
    cache = DvcCache(tmp_path)
    content = b'[{"md5": "0123456789abcdef0123456789abcdef", "relpath": "journal.jsonl"}]'
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + ".dir"
    cache.path(md5).parent.mkdir(parents=True)
    cache.path(md5).write_bytes(content)
    (place,) = cache.files("artifacts/tune", md5)
    assert place.as_posix() == "artifacts/tune/journal.jsonl"
    for damaged in (content.replace(b"0", b"1", 1), content[:-1]):
        cache.path(md5).write_bytes(damaged)
        caplog.clear()
        assert cache.files("artifacts/tune", md5) == {}
        assert f"{cache.path(md5)} in DVC's cache is damaged" in caplog.text
        assert "fix: " in caplog.text


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("", ".dvc/cache"),
        ("[core]\n    analytics = false\n    autostage = true\n", ".dvc/cache"),
        ("[core]\n    analytics = false\n[cache]\n    type = copy\n    dir = ../elsewhere\n", "elsewhere"),
    ],
)
def test_the_cache_folder_is_the_one_that_dvc_uses(tmp_path, config, expected):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text(config)
    assert DvcCache.of(tmp_path).folder == tmp_path / expected


def test_the_wait_for_a_holder_that_sends_nothing_is_as_long_as_was_asked_for(paths):
    began = time.monotonic()
    with (
        exclusive(paths.mlruns / "projection.lock"),
        pytest.raises(TrackingError, match=r"held the store and sent nothing for 0\.3 s"),
        projection_lock(paths, patience_s=0.3),
    ):
        pass
    assert time.monotonic() - began >= 0.3


def test_a_holder_that_makes_progress_is_waited_for_longer_than_the_patience(paths):
    has_begun, is_waiting = threading.Event(), threading.Event()

    def hold():
        with projection_lock(paths) as progress:
            has_begun.set()
            is_waiting.wait(60)
            end, done = time.monotonic() + 1.5, 0
            while time.monotonic() < end:
                done += 1
                progress.report("train-1a2b3c4d", done, 10_000)

    holder = threading.Thread(target=hold)
    holder.start()
    assert has_begun.wait(60)
    is_waiting.set()
    with projection_lock(paths, patience_s=0.8):
        assert not holder.is_alive() or holder.join(60) is None
    holder.join(60)


def test_who_waits_and_who_sends_are_told_how_much_is_left(paths, caplog):
    has_reported, may_end = threading.Event(), threading.Event()

    def hold():
        with projection_lock(paths, line_s=0) as progress:
            progress.report("train-1a2b3c4d", 30, 1200)
            has_reported.set()
            may_end.wait(60)

    holder = threading.Thread(target=hold)
    with caplog.at_level(logging.INFO, logger="glyphline"):
        holder.start()
        assert has_reported.wait(60)
        with pytest.raises(TrackingError) as caught, projection_lock(paths, patience_s=0.2, line_s=0):
            pass
        may_end.set()
        holder.join(60)
    lines = [entry.getMessage() for entry in caplog.records]
    assert lines[0] == "sending runs to the tracking store: 1,170 of 1,200 events of train-1a2b3c4d are left"
    waiting = f"waiting for process {os.getpid()}, which sends runs to the tracking store: 1,170 of 1,200 events"
    assert lines[1].startswith(waiting)
    assert f"({os.getpid()})" in caught.value.problem
    assert "projector.log" in caught.value.fix
