"""DVC's cache: the contents of files and folders, by their MD5."""

import configparser
import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError

from glyphline.paths import is_inside

FOLDER = ".dir"
"""The end of the MD5 of a folder, which is that of the list of its files."""
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


def is_md5(text: str) -> bool:
    """Whether a text from a file of DVC names an object of its cache, and no other place."""
    return _MD5.fullmatch(text) is not None


def _inside(path: str) -> str:
    if not is_inside(path):
        raise ValueError(f"{path!r} leads out of its folder")
    return path


class _Entry(BaseModel):
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    relpath: Annotated[str, AfterValidator(_inside)]


_ENTRIES = TypeAdapter(list[_Entry])

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DvcCache:
    """A cache folder of DVC.

    Attributes:
        folder: where it is.
    """

    folder: Path

    @classmethod
    def of(cls, home: Path) -> Self:
        """The cache of the project at `home`: `cache.dir` of its DVC configuration, else `.dvc/cache`."""
        settings = configparser.ConfigParser(interpolation=None)
        # DVC's files indent their options, which configparser would take for continued lines under a value only.
        try:
            settings.read([home / ".dvc" / "config", home / ".dvc" / "config.local"], encoding="utf-8")
            folder = settings.get("cache", "dir", fallback=None)
        except (configparser.Error, UnicodeDecodeError):
            # DVC itself tells of a damaged one.
            folder = None
        return cls((home / ".dvc" / folder).resolve() if folder else home / ".dvc" / "cache")

    def path(self, md5: str) -> Path:
        """Where the object of this MD5, see `is_md5`, is, if it is in the cache."""
        return self.folder / "files" / "md5" / md5[:2] / md5[2:]

    def holds(self, real: Path, md5: str) -> bool:
        """Whether a path without links is the object of this MD5 itself, and no file that a link in the cache names."""
        return real == (self.folder / "files" / "md5").resolve() / md5[:2] / md5[2:]

    def files(self, path: str, md5: str) -> dict[PurePosixPath, Path]:
        """The files of an out, a file or a folder.

        Args:
            path: of the out.
            md5: of the out, as dvc.lock has it.

        Returns:
            Path in the project -> its place in the cache, where it may be missing; empty when the list of a folder is
            missing, or names a place outside that folder, or, after a warning, when it is damaged.
        """
        place = PurePosixPath(path)
        if not is_md5(md5) or not is_inside(path):
            return {}
        if not md5.endswith(FOLDER):
            return {place: self.path(md5)}
        listing = self.path(md5)
        try:
            content = listing.read_bytes()
            if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5.removesuffix(FOLDER):
                log.warning(
                    "%s in DVC's cache is damaged, and %s of that time is left out\nfix: remove it, then `dvc fetch`",
                    listing,
                    path,
                )
                return {}
            entries = _ENTRIES.validate_json(content)
        except (FileNotFoundError, ValidationError):
            return {}
        return {place / entry.relpath: self.path(entry.md5) for entry in entries}
