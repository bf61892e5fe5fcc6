"""DVC's cache: the contents of files and folders, by their MD5."""

import configparser
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self


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

    def files(self, path: str, md5: str) -> dict[PurePosixPath, Path]:
        """The files of an out, a file or a folder.

        Args:
            path: of the out.
            md5: of the out, as dvc.lock has it.

        Returns:
            Path in the project -> its place in the cache, where it may be missing; empty when the list of a folder is.
        """
        place = PurePosixPath(path)
        if not md5.endswith(".dir"):
            return {place: self.path(md5)}
        if not self.path(md5).is_file():
            return {}
        entries = json.loads(self.path(md5).read_text(encoding="utf-8"))
        return {place / entry["relpath"]: self.path(entry["md5"]) for entry in entries}
