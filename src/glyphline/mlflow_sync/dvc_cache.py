"""DVC's cache: the contents of files and folders, by their MD5."""

import configparser
import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

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
        settings.read([home / ".dvc" / "config", home / ".dvc" / "config.local"])
        folder = settings.get("cache", "dir", fallback=None)
        return cls((home / ".dvc" / folder).resolve() if folder else home / ".dvc" / "cache")

    def path(self, md5: str) -> Path:
        """Where the object of this MD5 is, if it is in the cache."""
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
            Path in the project -> its place in the cache, where it may be missing; empty when the list of a folder is,
            or, after a warning, when that is damaged.
        """
        place = PurePosixPath(path)
        if not md5.endswith(".dir"):
            return {place: self.path(md5)}
        listing = self.path(md5)
        if not listing.is_file():
            return {}
        content = listing.read_bytes()
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5.removesuffix(".dir"):
            log.warning(
                "%s in DVC's cache is damaged, and %s of that time is left out\nfix: remove it, then `dvc fetch`",
                listing,
                path,
            )
            return {}
        entries = json.loads(content)
        return {place / entry["relpath"]: self.path(entry["md5"]) for entry in entries}
