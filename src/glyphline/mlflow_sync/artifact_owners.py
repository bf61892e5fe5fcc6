"""Which stores put files into one folder: none of them may remove the files of another."""

import hashlib
from pathlib import Path

from glyphline import files
from glyphline.redaction import redact

MARKER = ".stores"


def identity(uri: str, artifacts: Path, created_ms: int | None) -> str:
    """The name of a store in the folder of its files, which does not reveal its URI.

    Two databases that were at one URI one after the other are two stores, and a database that moved is another store:
    in case of doubt, a store is another one.

    Args:
        uri: of the store.
        artifacts: the folder, for one database may serve several checkouts.
        created_ms: when the oldest experiment of the store was created.
    """
    parts = (redact(uri), str(artifacts.resolve()), str(created_ms))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def add(artifacts: Path, store: str) -> None:
    """Record a store as an owner of a folder; the caller holds the stores' lock.

    A folder with files and without a record is older than the records. Its owners are unknown, so that it gets none.
    """
    owners = _owners(artifacts)
    if store in owners or (not owners and artifacts.is_dir() and any(artifacts.iterdir())):
        return
    files.write_text(artifacts / MARKER, "".join(f"{name}\n" for name in sorted({*owners, store})))


def is_sole_owner(artifacts: Path, store: str) -> bool:
    """Whether this store alone ever put files into a folder."""
    return _owners(artifacts) == {store}


def _owners(artifacts: Path) -> set[str]:
    marker = artifacts / MARKER
    return set(marker.read_text(encoding="utf-8").split()) if marker.is_file() else set()
