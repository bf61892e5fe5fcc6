"""The one door to MLflow: what its exceptions mean for people, and listings of several pages."""

import errno
import os
import sqlite3
from contextlib import contextmanager

import pytest

from glyphline import mlflow_client
from glyphline.errors import DriverMissingError, ReadOnlyError, RegistryError, TrackingError
from glyphline.mlflow_client import Failure, StoreFailedError, StoreUri, failures

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
    from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

    def sqlite(code, words, kind=sqlite3.OperationalError):
        error = kind(words)
        error.sqlite_errorcode = code
        wrapped = (OperationalError if kind is sqlite3.OperationalError else DatabaseError)("INSERT", {}, error)
        return handled(wrapped, str(wrapped), "TEMPORARILY_UNAVAILABLE")

    def answer(status, path="runs/create"):
        response = requests.Response()
        response.status_code = status
        return requests.HTTPError(f"{status} for url: http://host/api/2.0/{path}", response=response)

    def retried(status, path="mlflow/runs/create"):
        words = f"url: /api/2.0/{path} (Caused by ResponseError('too many {status} error responses'))"
        return handled(requests.exceptions.RetryError(words), f"API request failed with exception {words}")

    def coded(name, words="no"):
        return MlflowException(words, ErrorCode.Value(name))

    artifact = "mlflow-artifacts/artifacts/1/a.png"
    closed = OperationalError("INSERT", {}, sqlite3.OperationalError("attempt to write a readonly database"))
    stranger = OperationalError("", {}, Exception('FATAL: password authentication failed for user "ann"'))
    return {
        "no connection": (handled(requests.ConnectionError("no route"), "API request"), Failure.NO_ANSWER),
        "no answer in time": (handled(requests.Timeout("too slow"), "API request"), Failure.NO_ANSWER),
        "a bare request": (requests.exceptions.ChunkedEncodingError("cut"), Failure.NO_ANSWER),
        "a bare socket": (ConnectionResetError("reset by peer"), Failure.NO_ANSWER),
        "a bare database": (OperationalError("", {}, Exception("no route to host")), Failure.NO_ANSWER),
        "a gateway": (retried(502), Failure.NO_ANSWER),
        "files of several threads": (MlflowException("failures: ... IncompleteRead(7 bytes)"), Failure.NO_ANSWER),
        "a locked database": (sqlite(sqlite3.SQLITE_BUSY, "database is locked"), Failure.BUSY),
        "a busy server": (coded("TEMPORARILY_UNAVAILABLE"), Failure.BUSY),
        "too many requests": (retried(429), Failure.BUSY),
        "too many requests for files": (answer(429, artifact), Failure.BUSY),
        "a database that is read-only": (handled(closed, str(closed)), Failure.READ_ONLY),
        "a server over it": (
            RestException({"message": "cannot execute in a read-only transaction"}),
            Failure.READ_ONLY,
        ),
        "no database": (sqlite(sqlite3.SQLITE_NOTADB, "not a database", sqlite3.DatabaseError), Failure.DAMAGED),
        "a torn page": (sqlite(sqlite3.SQLITE_CORRUPT, "malformed", sqlite3.DatabaseError), Failure.DAMAGED),
        "a full disk": (sqlite(sqlite3.SQLITE_FULL, "database or disk is full"), Failure.DISK_FULL),
        "a file at its limit": (sqlite(sqlite3.SQLITE_IOERR | 3 << 8, "disk I/O error"), Failure.DISK_FULL),
        "older tables": (MlflowException("Detected out-of-date database schema (found ...)"), Failure.OLD_TABLES),
        "no password": (coded("UNAUTHENTICATED"), Failure.UNKNOWN_USER),
        "no password for files": (answer(401, artifact), Failure.UNKNOWN_USER),
        "no password for the database": (stranger, Failure.UNKNOWN_USER),
        "a forbidden request": (RestException({"error_code": "PERMISSION_DENIED", "message": "no"}), Failure.FORBIDDEN),
        "a forbidden file": (answer(403, artifact), Failure.FORBIDDEN),
        "a certificate": (handled(requests.exceptions.SSLError("self-signed"), "API request"), Failure.UNTRUSTED),
        "an older server": (coded("ENDPOINT_NOT_FOUND"), Failure.NOT_MLFLOW_3),
        "another server": (coded("INTERNAL_ERROR", "the response body was not in a valid JSON format"),
                           Failure.NOT_MLFLOW_3),
        "a server that cannot write files": (retried(500, artifact), Failure.ARTIFACTS),
        "a server that takes no such file": (answer(413, artifact), Failure.ARTIFACTS),
        "a server's own mistake": (retried(500), Failure.FAILED),
        "an answer that is no": (answer(404), Failure.REFUSED),
        "a broken rule": (handled(IntegrityError("INSERT", {}, Exception()), "x", "BAD_REQUEST"), Failure.REFUSED),
        "a run that is gone": (coded("RESOURCE_DOES_NOT_EXIST"), Failure.REFUSED),
        "a file": (FileNotFoundError("no"), Failure.FAILED),
        # What was being handled when the server refused says nothing about this request.
        "a refusal after a loss": (handled(handled(requests.Timeout("slow"), "one"), "two"), Failure.FAILED),
    }  # fmt: skip


def test_an_exception_tells_what_is_the_matter_with_the_store(subtests):
    cases = made()
    for name, (error, kind) in cases.items():
        with subtests.test(name):
            check(error, kind)
    # What a check finds before a request is made.
    assert {kind for _, kind in cases.values()} == {*Failure} - {Failure.AMBIGUOUS, Failure.NO_STORE}


def check(error, kind):
    assert mlflow_client.failure(error) is kind
    with pytest.raises(StoreFailedError, match=kind.value) as shown, mlflow_client.tracking_errors(URI):
        raise error
    assert shown.value.exit_code == TrackingError.exit_code
    assert "glyphline sync" in shown.value.fix
    assert "swordfish" not in shown.value.problem
    expected = {
        Failure.READ_ONLY: ReadOnlyError, Failure.REFUSED: RegistryError, Failure.FAILED: RegistryError,
    }.get(kind, StoreFailedError)  # fmt: skip
    with pytest.raises(expected, match=kind.value) as registered, failures.registry_errors(URI):
        raise error
    assert type(registered.value) is expected
    assert "the same command again" in registered.value.fix
    assert "swordfish" not in registered.value.problem


def test_each_failure_of_a_store_has_a_remedy_of_its_own():
    fixes = {kind: mlflow_client.store_failed(URI, kind, "so it is").fix for kind in Failure}
    assert len({*fixes.values()}) == len(Failure)
    only_of = [kind for kind, fix in fixes.items() if "start the tracking server" in fix]
    assert only_of == [Failure.NO_ANSWER]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS], ids=errno.errorcode.get)
def test_a_local_file_that_the_system_refuses_is_no_failure_of_the_store(number):
    with pytest.raises(OSError, match=r"mlruns/store\.lock") as caught, mlflow_client.tracking_errors(URI):
        raise OSError(number, "no", "mlruns/store.lock")
    assert caught.value.errno == number


def test_what_to_do_after_the_remedy_is_said_by_the_outermost_block():
    with (
        pytest.raises(StoreFailedError) as caught,
        mlflow_client.tracking_errors(URI, mlflow_client.THEN_REPRO),
        mlflow_client.tracking_errors(URI),
    ):
        raise ConnectionResetError("reset by peer")
    assert caught.value.fix.endswith("then `glyphline sync` and `dvc repro`")
    assert caught.value.fix.count("glyphline sync") == 1


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
    database = project.store
    content = bytearray(database.read_bytes())
    # The head of a page in the middle.
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8] = b"\xff" * 8
    database.write_bytes(content)
    with pytest.raises(TrackingError, match=r"mlflow\.db is damaged: ") as caught:
        mlflow_client.check_store(StoreUri.parse(f"sqlite:///{database}"), 5.0)
    assert "move it away so that a new one is made, then `glyphline sync`" in caught.value.fix
