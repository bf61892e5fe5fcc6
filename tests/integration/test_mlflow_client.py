"""The one door to MLflow: what its exceptions mean for people, and listings of several pages."""

import os
import sqlite3
from contextlib import contextmanager

import pytest

from glyphline import mlflow_client
from glyphline.errors import DriverMissingError, ReadOnlyError, RegistryError, TrackingError
from glyphline.mlflow_client import Failure, StoreFailedError, failures

URI = "postgresql://ann:swordfish@host/db"


def handled(cause: Exception, text: str, code: str = "INTERNAL_ERROR") -> Exception:
    """An exception of MLflow that was raised while it handled the exception of another library."""
    from mlflow.exceptions import ErrorCode, MlflowException

    with pytest.raises(MlflowException) as caught, handling(cause):
        raise MlflowException(text, ErrorCode.Value(code))
    assert caught.value.__context__ is cause
    return caught.value


@contextmanager
def handling(cause: Exception):
    """Run a block while an exception is being handled."""
    try:
        raise cause
    except type(cause):
        yield


def made() -> dict[str, tuple[Exception, Failure]]:
    import requests
    from mlflow.exceptions import ErrorCode, MlflowException, RestException
    from sqlalchemy.exc import IntegrityError, OperationalError

    not_found = requests.Response()
    not_found.status_code = 404
    locked = OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
    closed = OperationalError("INSERT", {}, sqlite3.OperationalError("attempt to write a readonly database"))
    return {
        "no connection": (handled(requests.ConnectionError("no route"), "API request"), Failure.NO_ANSWER),
        "no answer in time": (handled(requests.Timeout("too slow"), "API request"), Failure.NO_ANSWER),
        "a bare request": (requests.exceptions.ChunkedEncodingError("cut"), Failure.NO_ANSWER),
        "a bare socket": (ConnectionResetError("reset by peer"), Failure.NO_ANSWER),
        "a locked database": (handled(locked, str(locked), "TEMPORARILY_UNAVAILABLE"), Failure.NO_ANSWER),
        "a bare database": (locked, Failure.NO_ANSWER),
        "a busy server": (MlflowException("busy", ErrorCode.Value("TEMPORARILY_UNAVAILABLE")), Failure.NO_ANSWER),
        "files of several threads": (MlflowException("failures: ... IncompleteRead(7 bytes)"), Failure.NO_ANSWER),
        "a database that is read-only": (handled(closed, str(closed)), Failure.READ_ONLY),
        "a server over it": (
            RestException({"message": "cannot execute in a read-only transaction"}),
            Failure.READ_ONLY,
        ),
        "an answer that is no": (requests.HTTPError("gone", response=not_found), Failure.REFUSED),
        "a broken rule": (handled(IntegrityError("INSERT", {}, Exception()), "x", "BAD_REQUEST"), Failure.REFUSED),
        "a forbidden request": (RestException({"error_code": "PERMISSION_DENIED", "message": "no"}), Failure.REFUSED),
        "a file": (PermissionError("no"), Failure.REFUSED),
        # What was being handled when the server refused says nothing about this request.
        "a refusal after a loss": (handled(handled(requests.Timeout("slow"), "one"), "two"), Failure.REFUSED),
    }


def test_an_exception_tells_what_is_the_matter_with_the_store(subtests):
    for name, (error, kind) in made().items():
        with subtests.test(name):
            check(error, kind)


def check(error, kind):
    assert mlflow_client.failure(error) is kind
    with pytest.raises(StoreFailedError, match=kind.value) as shown, mlflow_client.tracking_errors(URI):
        raise error
    assert shown.value.exit_code == TrackingError.exit_code
    assert "glyphline sync" in shown.value.fix
    assert "swordfish" not in shown.value.problem
    expected = {Failure.READ_ONLY: ReadOnlyError, Failure.NO_ANSWER: StoreFailedError, Failure.REFUSED: RegistryError}
    with pytest.raises(expected[kind], match=kind.value) as registered, failures.registry_errors(URI):
        raise error
    assert type(registered.value) is expected[kind]
    assert "the same command again" in registered.value.fix
    assert "swordfish" not in registered.value.problem


@pytest.mark.parametrize("errors", [mlflow_client.tracking_errors, failures.registry_errors])
def test_a_missing_driver_is_named_and_what_is_no_failure_of_the_store_passes(errors):
    with pytest.raises(DriverMissingError, match="psycopg2") as caught, errors(URI):
        raise ImportError("No module named 'psycopg2'")
    assert "swordfish" not in caught.value.problem
    with pytest.raises(KeyError), errors(URI):
        raise KeyError("ours")


def test_credentials_in_the_words_of_an_exception_are_blanked():
    error = OSError("cannot\n reach https://ann:swordfish@host/x")
    assert mlflow_client.reason(error) == "cannot reach https://***@host/x"
    assert mlflow_client.reason(error, characters=6) == "cannot"


def test_a_listing_of_several_pages_is_asked_for_as_far_as_it_is_read(project):
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{project.store}"
    client = mlflow_client.client(uri)
    assert isinstance(client, MlflowClient)
    for number in range(5):
        client.create_registered_model(f"model-{number}")
    asked = []

    def search(**options):
        asked.append(options["page_token"])
        return client.search_registered_models(**options)

    names = [model.name for model in mlflow_client.pages(search, max_results=2)]
    assert names == [f"model-{number}" for number in range(5)]
    assert len(asked) == 3
    asked.clear()
    assert next(mlflow_client.pages(search, max_results=2)).name == "model-0"
    assert asked == [None]


def test_the_registrys_client_has_bounded_retries_and_gives_the_environment_back(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    with mlflow_client.registry_client(f"sqlite:///{project.store}", 2.5) as client:
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "3"
        assert client.search_registered_models() == []
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "7"
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def test_a_damaged_database_is_told_before_its_first_request(project):
    database = project.mlruns / "mlflow.db"
    content = bytearray(database.read_bytes())
    # The head of a page in the middle.
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8] = b"\xff" * 8
    database.write_bytes(content)
    with pytest.raises(TrackingError, match=r"mlflow\.db is damaged: ") as caught:
        mlflow_client.client(f"sqlite:///{database}")
    assert "move it away and run `glyphline sync`" in caught.value.fix
