"""Which stores put files into one folder: none of them may remove the files of another."""

import hashlib
from collections.abc import Set
from pathlib import Path
from urllib.parse import unquote

from glyphline import files
from glyphline.mlflow_client import StoreUri
from glyphline.paths import Paths
from glyphline.redaction import redact

MARKER = ".stores"


def identity(uri: StoreUri, paths: Paths, created_ms: int | None) -> str:
    """The name of a store in the folder of its files, which does not reveal its URI.

    Two databases that were at one URI one after the other are two stores, and a database outside the project that moved
    is another store: in case of doubt, a store is another one. A file in the project's folder moves with it.

    Args:
        uri: of the store.
        paths: of the project, for one database may serve several checkouts.
        created_ms: when the oldest experiment of the store was created.
    """
    file = uri.sqlite_file
    if file is not None and file.is_relative_to(paths.home):
        return _digest(file.relative_to(paths.home).as_posix(), str(created_ms))
    return _identity_by_place(uri.text, paths, created_ms)


def earlier_identities(uri: StoreUri, paths: Paths, created_ms: int | None) -> Set[str]:
    """The names that earlier releases gave to a store in the project's folder."""
    file = uri.sqlite_file
    if file is None or not file.is_relative_to(paths.home):
        return frozenset()
    texts = [unquote(uri.text)] + ([f"sqlite:///{paths.former_store}"] if file == paths.store else [])
    return {_identity_by_place(text, paths, created_ms) for text in texts}


def add(artifacts: Path, store: str, earlier: Set[str] = frozenset()) -> None:
    """Record a store as an owner of a folder; the caller holds the stores' lock.

    A folder with files and without a record is older than the records. Its owners are unknown, so that it gets none.

    Args:
        artifacts: the folder.
        store: identity of the store.
        earlier: identities of the same store that this one replaces.
    """
    owners = _owners(artifacts)
    if store in owners or (not owners and artifacts.is_dir() and any(artifacts.iterdir())):
        return
    files.write_text(artifacts / MARKER, "".join(f"{name}\n" for name in sorted({*(owners - earlier), store})))


def is_sole_owner(artifacts: Path, store: str) -> bool:
    """Whether this store alone ever put files into a folder."""
    return _owners(artifacts) == {store}


def _owners(artifacts: Path) -> set[str]:
    marker = artifacts / MARKER
    return set(marker.read_text(encoding="utf-8", errors="replace").split()) if marker.is_file() else set()


def _identity_by_place(uri: str, paths: Paths, created_ms: int | None) -> str:
    return _digest(redact(uri), str((paths.mlruns / "artifacts").resolve()), str(created_ms))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
