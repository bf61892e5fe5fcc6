"""A server that is lost in the middle of a command: before a request gets through, or before its answer comes back."""

import http.client
import shutil
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import urlsplit

import pytest

from glyphline.errors import TrackingError
from glyphline.registry import RegistryLocation, open_session, promotion, register_run
from glyphline.registry.log_events import VersionJudged
from tests.registered import Runs
from tests.servers import mlflow_server

# Every how manyth request of a command is the one at which the server is lost: there are some thirty.
EVERY = 6


@contextmanager
def line(address: str, requests: int, *, carried_out: bool):
    """A way to a server that is cut for good after some requests; gives its address.

    Args:
        address: of the server.
        requests: how many are answered.
        carried_out: the first one without an answer still reaches the server.
    """
    server, numbers = urlsplit(address), count(1)

    class Line(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self):
            number = next(numbers)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.close_connection = number > requests
            if number > requests + carried_out:
                return
            behind = http.client.HTTPConnection(server.hostname, server.port)
            behind.request(self.command, self.path, body, dict(self.headers))
            answer = behind.getresponse()
            content = answer.read()
            behind.close()
            if number > requests:
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.getheader("Content-Type"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    for method in ("GET", "POST", "PATCH", "DELETE"):
        setattr(Line, f"do_{method}", Line.pass_on)
    with ThreadingHTTPServer(("127.0.0.1", 0), Line) as passing:
        threading.Thread(target=passing.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{passing.server_port}"
        passing.shutdown()


@pytest.fixture(scope="module")
def rules(default_params):
    return default_params.registry


@pytest.fixture(scope="module")
def to(tmp_path_factory, migrated_store, rules):
    """A model with three champions in a row, behind a server."""
    from mlflow.tracking import MlflowClient

    folder = tmp_path_factory.mktemp("lost")
    shutil.copy(migrated_store, folder / "mlflow.db")
    with mlflow_server(f"sqlite:///{folder / 'mlflow.db'}", folder) as uri:
        stand = RegistryLocation(uri, "shapes", 5, folder / "registry.lock", lease_s=0.2)
        runs = Runs(MlflowClient(uri, uri), folder / "runs")
        for correct in (955, 970, 990):
            assert register_run(runs.make(correct), stand, rules).promoted
        yield stand


@pytest.mark.timeout(300)
@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("goal", [2, 3])
def test_a_server_lost_at_any_request_of_a_move_leaves_the_champion_of_before_or_after(to, rules, goal, carried_out):
    def move(destination, goal):
        with open_session(destination) as session:
            if goal == 3:
                return promotion.promote(session, 3, rules).version
            return promotion.roll_back(session, 2, "smoke", rules).version

    for cut in count(0, EVERY):
        if champion(to) == goal:
            move(to, 5 - goal)
        moved = None
        with line(to.uri, cut, carried_out=carried_out) as through, suppress(TrackingError):
            moved = move(replace(to, uri=through), goal)
        found = champion(to)
        if moved is not None:
            assert found == goal
            break
        assert found in {goal, 5 - goal}
        if found != goal:
            assert move(to, goal) == goal == champion(to)
    assert cut > 2 * EVERY


@pytest.mark.timeout(300)
@pytest.mark.parametrize("carried_out", [False, True])
def test_a_server_lost_at_any_request_of_a_registration_leaves_no_version_without_a_verdict(
    to, rules, tmp_path, carried_out
):
    from mlflow.tracking import MlflowClient

    runs = Runs(MlflowClient(to.uri, to.uri), tmp_path / "runs")
    for cut in count(0, EVERY):
        before = champion(to)
        candidate = runs.make(960, weights=f"{carried_out:x}{cut:x}".rjust(64, "7"))
        decided = None
        with line(to.uri, cut, carried_out=carried_out) as through, suppress(TrackingError):
            decided = register_run(candidate, replace(to, uri=through), rules)
        again = register_run(candidate, to, rules)
        with open_session(to) as session:
            assert isinstance(session.updater.reconcile().judgement(again.version), VersionJudged)
        assert champion(to) == before
        if decided is not None:
            assert decided == again
            break
    assert cut > 2 * EVERY


def champion(to: RegistryLocation) -> int:
    """What the next command finds, after it has done what was left undone."""
    with open_session(to) as session:
        state = session.reconcile().state
        assert state.aliases == session.model.aliases()
    return state.champion
