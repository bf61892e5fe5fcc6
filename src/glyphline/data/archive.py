"""The user's own images as one zip of the encoded files, unchanged.

One file, because DVC is slow with tens of thousands of small ones. Sorted names and fixed dates make equal images equal
archives.
"""

import hashlib
import os
import struct
import zipfile
from collections.abc import Mapping, Sequence, Set
from functools import cached_property
from pathlib import Path

from glyphline import files, progress
from glyphline.data.raw import FETCH_AGAIN
from glyphline.errors import DataError
from glyphline.pictures.stored import ArchivePiece, Member

NAME = "images.zip"


def write(root: Path, digests: Mapping[str, str], target: Path) -> None:
    """Write files as the zip `target`.

    Args:
        root: the folder of all.
        digests: path below it -> SHA-256 of what was found to be an image there.
        target: the file to write.

    Raises:
        DataError: a file was changed in the meantime.
    """
    with (
        files.atomic_file(target) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive,
        progress.bar(f"packing {root.name}", len(digests), "images") as advance,
    ):
        for name, digest in sorted(digests.items()):
            content = (root / name).read_bytes()
            if hashlib.sha256(content).hexdigest() != digest:
                raise DataError(f"{root / name} was changed while it was fetched", fix="run `dvc repro` again")
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            # Both differ between operating systems, and equal folders must make equal archives.
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content)
            advance()


class Archive:
    """A zip that `write` wrote.

    Args:
        path: of the zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with zipfile.ZipFile(path) as archive:
            self._members = {member.filename: member for member in archive.infolist()}

    @property
    def names(self) -> Set[str]:
        """Of all its images."""
        return self._members.keys()

    def images(self, names: Sequence[str]) -> "ArchivedImages":
        """Some of its images, in this order."""
        return ArchivedImages(self.path, [self._members[name] for name in names])


class ArchivedImages:
    """Images in a zip, as `decoding` takes them.

    Args:
        path: of the zip.
        members: which of it.
    """

    def __init__(self, path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
        self._path = path
        self._members = members

    @cached_property
    def names(self) -> list[str]:
        """Of the members."""
        return [member.filename for member in self._members]

    @cached_property
    def sizes(self) -> list[int]:
        """Of the encoded images in bytes."""
        return [member.file_size for member in self._members]

    def piece(self, rows: range) -> ArchivePiece:
        """Some of the images, for the process that decodes them."""
        with self._path.open("rb") as stream:
            members = [self._place(stream.fileno(), member) for member in self._members[rows.start : rows.stop]]
        return ArchivePiece(self._path, members)

    def _place(self, handle: int, member: zipfile.ZipInfo) -> Member:
        """Where the bytes of a member are: behind its name and an extra field, whose lengths its local header says.

        Source: PKWARE, ".ZIP File Format Specification", section 4.3.7.
        """
        if member.compress_type != zipfile.ZIP_STORED:
            raise DataError(
                f"{self._path} holds {member.filename} compressed", fix=f"fetch it again with `{FETCH_AGAIN}`"
            )
        name_bytes, extra_bytes = struct.unpack("<HH", os.pread(handle, 4, member.header_offset + 26))
        return Member(member.filename, member.header_offset + 30 + name_bytes + extra_bytes, member.file_size)
