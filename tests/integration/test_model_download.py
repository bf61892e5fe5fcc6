"""A server that dies while a model is fetched is told apart from files that are gone."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from glyphline.errors import ArtifactError, TrackingError
from glyphline.registry import RegistryLocation, integrity


@contextmanager
def serving(answer):
    """A store of files whose answers a function gives; its address as MLflow writes it."""

    class Store(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api/2.0/mlflow-artifacts/artifacts/model"
        server.shutdown()


def send(request, content: bytes, *, promised: int | None = None, status: int = 200):
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(promised or len(content)))
    request.end_headers()
    request.wfile.write(content)


def dies_while_sending(request):
    if request.path.endswith("MLmodel"):
        send(request, b"flavors", promised=10_000)
    else:
        send(request, b'{"files": [{"path": "MLmodel", "is_dir": false, "file_size": 10000}]}')


def dies_before_the_files(request):
    if not request.path.endswith("MLmodel"):
        send(request, b'{"files": [{"path": "MLmodel", "is_dir": false, "file_size": 10000}]}')


def has_lost_the_files(request):
    send(request, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "gone"}', status=404)


@pytest.fixture
def impatient(monkeypatch):
    """As `connected` sets it: MLflow by itself tries for minutes."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")


@pytest.fixture
def location(tmp_path):
    return RegistryLocation("sqlite://", "shapes", 5, tmp_path / "mlruns" / "registry.lock")


@pytest.mark.parametrize("answer", [dies_while_sending, dies_before_the_files])
def test_a_server_that_dies_during_the_download_is_out_of_reach_and_no_reason_to_register_again(
    impatient, answer, location
):
    with (
        serving(answer) as source,
        pytest.raises(TrackingError, match="does not answer") as caught,
        integrity.fetched(location, source),
    ):
        pass
    assert "the same command again" in caught.value.fix


def test_a_server_that_nobody_started_is_out_of_reach(impatient, location):
    with serving(has_lost_the_files) as source:
        pass
    with pytest.raises(TrackingError, match="does not answer"), integrity.fetched(location, source):
        pass


def test_files_that_are_gone_are_no_matter_of_the_server(impatient, tmp_path, location):
    for source in (str(tmp_path / "gone"), (tmp_path / "gone").as_uri()):
        with pytest.raises(ArtifactError, match="not where the registry says"), integrity.fetched(location, source):
            pass
    with (
        serving(has_lost_the_files) as source,
        pytest.raises(ArtifactError, match="not where the registry says"),
        integrity.fetched(location, source),
    ):
        pass
