"""Servers that say no, are slow or say nothing: each cause has an error and a fix of its own, and stops no stage."""

import logging
import shutil
import threading
from itertools import count

import pytest

from glyphline import journal, mlflow_client, mlflow_sync
from glyphline.cli import run
from glyphline.errors import TrackingError
from glyphline.mlflow_client import Failure, StoreUri
from glyphline.mlflow_sync import projector_launch, store
from glyphline.params import overlay
from tests import servers
from tests.integration.conftest import record_evaluation, record_model
from tests.proxies import Answer, proxy
from tests.waiting import until

TOO_MANY = Answer(429, "slow down")
REFUSALS = {
    "401": (Answer(401, "You are not authenticated."), Failure.UNKNOWN_USER, "MLFLOW_TRACKING_USERNAME"),
    "403": (
        Answer(403, '{"error_code": "PERMISSION_DENIED", "message": "Permission denied"}'),
        Failure.FORBIDDEN,
        "permission",
    ),
    "MLflow 2": (Answer(404, "<!doctype html><title>404 Not Found</title>"), Failure.NOT_MLFLOW_3, "to MLflow 3"),
    "a page": (Answer(200, "<html>Welcome</html>"), Failure.NOT_MLFLOW_3, "tracking.uri"),
    "its own fault": (Answer(500, "oops"), Failure.FAILED, "log of the tracking server"),
    "no more requests": (
        Answer(429, "slow down", {"Retry-After": "3600"}),
        Failure.BUSY,
        "ask less",
    ),
}


@pytest.fixture
def at(default_params):
    """Parameters for a store: `at(uri)`."""
    return lambda uri, timeout_s=2.0: overlay(
        default_params, {"tracking.uri": uri, "tracking.timeout_s": timeout_s, "registry.name": "shapes"}
    )


@pytest.fixture
def command(project, root, monkeypatch, capfd):
    """Run a command of the project over a store: `command(uri, "sync")` gives the exit code and the error's lines."""

    def run_over(uri, *arguments):
        text = (root / "params.yaml").read_text().replace("timeout_s: 10.0\n", "timeout_s: 2.0\n")
        project.params.write_text(text)
        monkeypatch.chdir(project.work)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        capfd.readouterr()
        code = run(arguments)
        output = capfd.readouterr()
        assert output.out == ""
        return code, output.err.splitlines()

    return run_over


@pytest.mark.parametrize("name", REFUSALS)
def test_each_refusal_is_named_with_a_fix_of_its_own(command, name):
    answer, kind, fix_word = REFUSALS[name]
    with proxy(lambda _: answer) as address:
        for arguments in (["sync"], ["models"]):
            code, (error, fix) = command(address.replace("://", "://ann:swordfish@"), *arguments)
            assert code == 7 if arguments == ["models"] and kind is Failure.FAILED else 5
            assert kind.value in error
            assert fix_word in fix
            assert "start the tracking server" not in fix
            assert "make ui" not in fix
            assert "swordfish" not in error


@pytest.mark.parametrize("arguments", [["models"], ["history"], ["promote", "1"]], ids=lambda words: words[0])
def test_a_dead_port_is_two_lines_for_the_commands_of_the_registry(command, arguments):
    code, lines = command(f"http://127.0.0.1:{servers.free_port()}", *arguments)
    assert code == 5
    assert [line.partition(":")[0] for line in lines] == ["error", "fix"]
    assert "then run the same command again" in lines[1]


@pytest.mark.parametrize("uri", ["file:///tmp/runs", "mlruns", "ftp://host/x", "ann:swordfish@host"])
@pytest.mark.parametrize("arguments", [["sync"], ["models"], ["ui"]], ids=lambda words: words[0])
def test_what_is_no_store_is_told_before_mlflow_is_asked(command, uri, arguments):
    code, (error, fix) = command(uri, *arguments)
    assert code == 5
    assert Failure.NO_STORE.value in error
    assert "sqlite:///" in fix
    assert "swordfish" not in error


def damage(path):
    path.write_bytes(b"no database at all" * 1000)


def tear(path):
    content = bytearray(path.read_bytes())
    # The first page after its header: the table of tables.
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)


@pytest.mark.parametrize("hurt", [damage, tear])
@pytest.mark.parametrize("arguments", [["sync"], ["models"]], ids=lambda words: words[0])
def test_a_damaged_database_is_named_at_once(command, project, hurt, arguments):
    file = project.work / "other.db"
    shutil.copy(project.store, file)
    hurt(file)
    code, (error, fix) = command(f"sqlite:///{file}", *arguments)
    assert code == 5
    assert f"{file} is damaged" in error
    assert "backup" in fix


@pytest.mark.parametrize("uri", ["file:///tmp/runs", "sqlite:///DAMAGED"])
def test_a_stage_is_warned_before_it_works_and_starts_no_projector(at, project, caplog, uri):
    damage(project.work / "damaged.db")
    params = at(uri.replace("DAMAGED", str(project.work / "damaged.db")))
    with caplog.at_level(logging.WARNING, logger="glyphline"):
        handle = projector_launch.start(params, project, "train")
    (warning,) = [entry.getMessage() for entry in caplog.records]
    assert warning.splitlines()[1].startswith("fix: ")
    assert "glyphline sync" in warning
    assert handle.warning() is None
    assert not (project.mlruns / "projector.log").exists()


@pytest.mark.timeout(300)
def test_a_stage_is_warned_of_a_refusal_while_it_works_and_loses_nothing(at, project, caplog):
    answer = REFUSALS["401"][0]
    with (
        proxy(lambda _: answer) as address,
        caplog.at_level(logging.WARNING, logger="glyphline"),
        journal.record(at(address), project, stage="train", environ={}, launch=projector_launch.start) as recorder,
    ):
        run_of_stage = recorder.start("shapes")
        until(lambda: caplog.records, 120)
        run_of_stage.metrics({"val_loss": 1.0})
    (warning,) = [entry.getMessage() for entry in caplog.records]
    assert Failure.UNKNOWN_USER.value in warning
    assert "MLFLOW_TRACKING_USERNAME" in warning


@pytest.mark.timeout(120)
def test_a_server_that_drips_is_given_up_and_the_wait_is_told(at, project, caplog):
    is_over = threading.Event()

    def drip(request):
        while not is_over.wait(0.2):
            request.wfile.write(b"H")
            request.wfile.flush()
        return TOO_MANY

    with (
        proxy(drip) as address,
        caplog.at_level(logging.INFO, logger="glyphline"),
        pytest.raises(TrackingError, match="no whole answer within 6 s"),
    ):
        mlflow_sync.flush(at(address, 1.0), project)
    is_over.set()
    (line,) = [entry.getMessage() for entry in caplog.records]
    assert line.startswith(f"waiting for the tracking store {address}: ")


@pytest.fixture(scope="module")
def server(tmp_path_factory, migrated_store):
    """A real server, and the folder where it keeps the files of runs; to be an obstacle, it is made a file."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(migrated_store, folder / "mlflow.db")
    with servers.mlflow_server(f"sqlite:///{folder / 'mlflow.db'}", folder, artifacts=folder / "served") as address:
        yield address, folder


@pytest.mark.timeout(300)
def test_a_server_that_asks_for_a_pause_gets_it(at, project, train_split, server, caplog):
    record_model(at(server[0]), project, train_split)
    numbers, busy = count(), {*range(6), *range(40, 43)}
    with (
        proxy(
            lambda _: Answer(429, "slow down", {"Retry-After": "1"}) if next(numbers) in busy else None, server[0]
        ) as address,
        caplog.at_level(logging.INFO, logger="glyphline"),
    ):
        assert mlflow_sync.flush(at(address, 5.0), project)
    assert any("takes no more requests for now" in entry.getMessage() for entry in caplog.records)


@pytest.mark.timeout(300)
def test_a_command_waits_for_a_slow_sender_as_long_as_it_makes_progress(at, project, train_split, server):
    key = record_model(at(server[0]), project, train_split)
    record_evaluation(at(server[0]), project)
    # A request takes 0.3 s, and whoever waits is told that 1 s without progress is enough.
    pause, has_begun = threading.Event(), threading.Event()

    def slow(request):
        pause.wait(0.3)
        if request.path.endswith("runs/create"):
            has_begun.set()

    with proxy(slow, server[0]) as address:
        sender = threading.Thread(target=mlflow_sync.sync, args=(at(address), project))
        sender.start()
        assert has_begun.wait(120)
        found = mlflow_sync.flush(at(server[0]), project)
        sender.join(120)
    assert found[key].model_id


@pytest.mark.timeout(300)
def test_files_that_a_server_cannot_keep_are_no_reason_to_start_it(at, project, train_split, server):
    address, folder = server
    shutil.rmtree(folder / "served", ignore_errors=True)
    (folder / "served").write_text("no folder")
    record_model(at(address), project, train_split)
    with pytest.raises(TrackingError, match=Failure.ARTIFACTS.value) as caught:
        mlflow_sync.sync(at(address), project)
    (folder / "served").unlink()
    assert "artifact root" in caught.value.fix
    assert "start the tracking server" not in caught.value.fix


@pytest.mark.timeout(300)
def test_a_folder_of_a_server_that_this_machine_cannot_write_is_named(at, project, train_split, server):
    address, folder = server
    (folder / "root").write_text("no folder")
    opened = store.connect(StoreUri.parse(address), project, 5.0)
    opened.client.create_experiment("elsewhere", artifact_location=(folder / "root" / "elsewhere").as_uri())
    with journal.record(at(address), project, stage="train", environ={}, launch=lambda *_: silent()) as recorder:
        run_of_stage = recorder.start("elsewhere")
        project.history.write_text("epoch\n")
        run_of_stage.artifact(project.history)
    with pytest.raises(TrackingError, match=Failure.ARTIFACTS.value) as caught:
        mlflow_sync.sync(at(address), project)
    assert str(folder / "root") in caught.value.problem
    assert "--artifacts-destination" in caught.value.fix


def silent():
    return projector_launch.ProjectorHandle()


def test_a_database_that_refuses_the_password_is_told_at_the_first_try(command, postgresql_server):
    uri = postgresql_server.new_database("closed").replace("postgresql://", "postgresql+psycopg://")
    code, (error, fix) = command(uri.replace(servers.PASSWORD, "Another-Word"), "sync")
    assert code == 5
    assert Failure.UNKNOWN_USER.value in error
    assert "Another-Word" not in error
    assert "its URI" in fix


def test_a_check_finds_nothing_wrong_with_a_good_store(project, server):
    mlflow_client.check_store(StoreUri.parse(server[0]), 5.0)
    mlflow_client.check_store(StoreUri.parse(f"sqlite:///{project.store}"), 5.0)
    missing = project.work / "new.db"
    mlflow_client.check_store(StoreUri.parse(f"sqlite:///{missing}"), 5.0)
    assert not missing.exists()
