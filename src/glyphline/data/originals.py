"""The user's own files where they are, with the digests of what was fetched, for `data.copy: false`.

The digests are written as `sha256sum` writes them: `sha256sum --check` in the folder of the files compares them too.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from glyphline import files
from glyphline.data import decoding
from glyphline.data.raw import FETCH_AGAIN
from glyphline.errors import DataError
from glyphline.paths import is_inside
from glyphline.pictures.stored import FilePiece, check_original, read_original
from glyphline.records import RawManifest

NAME = "SHA256SUMS"
DIGITS = 64


def write(path: Path, digests: Mapping[str, str]) -> None:
    """Write the SHA-256 of files, by their paths below the folder of all."""
    files.write_text(path, "".join(_line(name, digest) for name, digest in sorted(digests.items())))


def read(path: Path) -> dict[str, str]:
    """Path -> SHA-256, as `write` wrote them.

    Raises:
        DataError: it is no such list.
    """
    try:
        # Not `splitlines`: names may hold other signs that it takes for the end of a line.
        return dict(map(_entry, path.read_text(encoding="utf-8").removesuffix("\n").split("\n")))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", fix=f"fetch it again with `{FETCH_AGAIN}`") from None


def folder(manifest: RawManifest, home: Path) -> Path | None:
    """The folder of the files that data/raw refers to; None where it holds copies of them.

    Args:
        manifest: of data/raw.
        home: where relative paths of `data.path` begin.

    Raises:
        DataError: there is nothing at that path.
    """
    if manifest.originals is None:
        return None
    path = home / Path(manifest.originals).expanduser()
    if not path.exists():
        raise DataError(
            f"the images of {manifest.dataset} were not copied (data.copy is false), and {path} is not there",
            fix="bring them back to data.path; or where they are at hand, fetch a copy with data.copy: true",
        )
    return path if path.is_dir() else path.parent


def only_file(raw: Path, below: Path) -> Path:
    """The file that data/raw has the digest of, after its content has been compared with it.

    Raises:
        DataError: it is missing or has changed.
    """
    [(name, expected)] = read(raw / NAME).items()
    path = below / name
    check_original(path, read_original(path, files.sha256), expected)
    return path


class OriginalImages:
    """Images in files of their own, as `decoding` takes them.

    Args:
        root: the folder of all.
        digests: path below it -> SHA-256 of the content that is expected.
        names: which of them.
    """

    def __init__(self, root: Path, digests: Mapping[str, str], names: Sequence[str]) -> None:
        self._root = root
        self._digests = digests
        self.names = names

    @cached_property
    def sizes(self) -> list[int]:
        """Of the encoded images in bytes; 0 where that is not known, which is an error when it is read."""
        return [decoding.size_bytes(self._root / name) for name in self.names]

    def piece(self, rows: range) -> FilePiece:
        """Some of the images, for the process that decodes them."""
        return FilePiece(self._root, [(name, self._digests[name]) for name in self.names[rows.start : rows.stop]])


def _line(name: str, digest: str) -> str:
    r"""One line of `sha256sum`.

    >>> _line("a\\b.png", "0f")
    '\\0f  a\\\\b.png\n'
    """
    # Names with a line break are refused when they are listed, so that a backslash is all that needs another one.
    return f"\\{digest}  {name.replace(chr(92), chr(92) * 2)}\n" if "\\" in name else f"{digest}  {name}\n"


def _entry(line: str) -> tuple[str, str]:
    digest, separator, name = line.removeprefix("\\").partition("  ")
    if not separator or len(digest) != DIGITS:
        raise ValueError(f"{line[:80]!r} is no line of sha256sum")
    name = name.replace("\\\\", "\\") if line.startswith("\\") else name
    if not is_inside(name):
        raise ValueError(f"{name[:80]!r} leads out of the folder")
    return name, digest
