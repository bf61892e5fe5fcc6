"""Which stores put files into one folder: none of them may take another's for rubbish."""

import hashlib
from pathlib import Path

from glyphline import files
from glyphline.redaction import redact

MARKER = ".stores"


def identity(uri: str, artifacts: Path, born_ms: int | None) -> str:
    """What a store is known by in the folder of its files; it tells nobody the address.

    Two databases that were at one address one after the other are two stores, and so is one that moved: when in doubt,
    another.

    Args:
        uri: of the store.
        artifacts: the folder, for one database may serve several checkouts.
        born_ms: when the oldest experiment of the store was made.
    """
    parts = (redact(uri), str(artifacts.resolve()), str(born_ms))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def claim(artifacts: Path, store: str) -> None:
    """Note that a store may put files into a folder; hold the stores' lock.

    A folder with files and without a note is older than the notes: whose it is, nobody can say, so it gets none.
    """
    known = _noted(artifacts)
    if store in known or (not known and artifacts.is_dir() and any(artifacts.iterdir())):
        return
    files.write_text(artifacts / MARKER, "".join(f"{name}\n" for name in sorted({*known, store})))


def is_sole(artifacts: Path, store: str) -> bool:
    """Whether nobody but this store ever put files into a folder."""
    return _noted(artifacts) == {store}


def _noted(artifacts: Path) -> set[str]:
    marker = artifacts / MARKER
    return set(marker.read_text(encoding="utf-8").split()) if marker.is_file() else set()
