"""Whatever a password looks like, no piece of four characters of it is shown, however a library tears its URI apart."""

import socket
from contextlib import suppress
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from glyphline import mlflow_client
from glyphline.errors import PipelineError
from glyphline.mlflow_client import Failure, failures
from glyphline.params import overlay
from glyphline.paths import Paths

# Letters that stand together in no word of a message, and every sign that means something in a URI or to a library.
LETTERS = "qxzjvQXZJV"
SIGNS = "@:/?#[]%&=+;,.'\"<> \\{}"
PIECE = 4

passwords = st.text(LETTERS + SIGNS, min_size=1, max_size=24)
SCHEMES = st.sampled_from(["http", "https", "postgresql+psycopg", "mysql+pymysql", "htp", "file"])
HOSTS = st.sampled_from(["127.0.0.1:PORT", "[::1]:PORT", "127.0.0.1:port", "127.0.0.1:99999", "[::1", "a..b"])
addresses = st.tuples(SCHEMES, HOSTS, st.booleans())


@pytest.fixture(scope="module")
def port():
    """A port at which nobody answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def pieces(password):
    """What may not be shown: pieces of the password that hold a letter, which no other text has."""
    all_of = (password[start : start + PIECE] for start in range(len(password) - PIECE + 1))
    return [piece for piece in all_of if any(character in LETTERS for character in piece)]


def shown(call):
    """What a person reads of the error that a call raises."""
    try:
        call()
    except PipelineError as error:
        return f"error: {error.problem}\nfix: {error.fix}\n"
    return ""


def words_of_libraries(uri, password):
    """Exceptions about the URI, as libraries raise them when they read it, and with parts of it in their words."""
    import requests
    import urllib3
    from mlflow.exceptions import MlflowException
    from sqlalchemy import make_url

    readers = (
        lambda: requests.Request("GET", f"{uri}/api").prepare(),
        lambda: urllib3.util.parse_url(uri),
        lambda: make_url(uri),
        lambda: urlsplit(uri).port,
        lambda: int(uri.rpartition(":")[2]),
    )
    for read in readers:
        try:
            read()
        except Exception as error:
            yield error
    with suppress(ValueError):
        yield OSError(f"Failed to resolve '{urlsplit(uri).hostname}'")
    for part in (uri, password, quote(password, safe=""), *password.split("@"), *password.split("/")):
        yield MlflowException(f"API request failed with exception HTTPConnectionPool(host='{part}', port=80)")


@settings(max_examples=300, deadline=None)
@given(passwords, addresses)
@example("pa@ssqxzj", ("http", "127.0.0.1:PORT", False))
@example("qxzj:vqxz", ("postgresql+psycopg", "127.0.0.1:PORT", False))
@example("qx/zjvqx", ("http", "127.0.0.1:PORT", False))
@example("qx@zjvq:xzjv", ("postgresql+psycopg", "127.0.0.1:PORT", False))
@example("qxzj#vqxz", ("http", "[::1]:PORT", True))
def test_no_piece_of_a_password_is_shown(default_params, tmp_path_factory, port, password, address):
    scheme, host, is_quoted = address
    paths = Paths(work=tmp_path_factory.getbasetemp(), home=tmp_path_factory.getbasetemp())
    written = quote(password, safe="") if is_quoted else password
    uri = f"{scheme}://ann:{written}@{host.replace('PORT', str(port))}"
    text = shown(lambda: check(default_params, paths, uri))
    for error in words_of_libraries(uri, password):
        for errors in (mlflow_client.tracking_errors, failures.registry_errors):
            text += shown(lambda errors=errors, error=error: raised(errors(uri), error))
    text += mlflow_client.store_failed(uri, Failure.DAMAGED, "so it is").problem
    for piece in (*pieces(password), *pieces(written)):
        assert piece.lower() not in text.lower()


@pytest.mark.parametrize("uri", ["ann:qxzjvq@host", "//ann:qxzjvq@host", "http:/ann:qxzjvq@host", "http:ann:qxzj@host"])
def test_no_piece_is_shown_where_the_slashes_are_missing(default_params, tmp_path, uri):
    paths = Paths(work=tmp_path, home=tmp_path)
    text = shown(lambda: check(default_params, paths, uri))
    assert text.startswith("error: ")
    assert not any(piece in text for piece in pieces("qxzjvq"))


def check(params, paths, uri):
    mlflow_client.check_store(mlflow_client.store_uri(overlay(params, {"tracking.uri": uri}), paths), 1.0)


def raised(context, error):
    with context:
        # As the library below MLflow's would, whose exceptions are no kind of those.
        raise error if isinstance(error, failures.exception_types()) else OSError(str(error))
