"""Files of runs: their marks in a journal, and where they are when the journal is read later.

A file is looked for by its content, in the working folder first and then in DVC's cache: a queued experiment works
in a copy of the project that is thrown away, and a later experiment overwrites the outs of an earlier one.
"""

import configparser
import hashlib
from dataclasses import dataclass
from pathlib import Path

from glyphline import files
from glyphline.errors import ArtifactError
from glyphline.journal.run_events import FileMark


def mark(path: Path, work: Path) -> FileMark:
    """What a journal notes of a file.

    Raises:
        ArtifactError: the file is missing, or it lies outside `work`.
    """
    fix = "log only files that the stage has written below the project's folder"
    try:
        relative = path.resolve().relative_to(work.resolve())
        with path.open("rb") as stream:
            # DVC names the objects of its cache by MD5; it protects nothing here.
            md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        return FileMark(path=relative.as_posix(), size_bytes=path.stat().st_size, sha256=files.sha256(path), md5=md5)
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist, so it cannot be logged", fix=fix) from None
    except ValueError:
        raise ArtifactError(f"{path} is not below {work}", fix=fix) from None


@dataclass(frozen=True, slots=True)
class FileLocator:
    """The places where a run's files may be.

    Attributes:
        work: the folder that the paths in the journal are relative to.
        cache: DVC's cache of file contents.
    """

    work: Path
    cache: Path

    @classmethod
    def of(cls, work: Path, home: Path) -> "FileLocator":
        """The shelf of a project."""
        return cls(work=work, cache=cache_folder(home))

    def cached(self, md5: str) -> Path:
        """Where the object of this MD5 is, if it is in the cache."""
        return self.cache / "files" / "md5" / md5[:2] / md5[2:]

    def find(self, file: FileMark) -> Path | None:
        """A file with exactly this content, or None when there is none any more."""
        for candidate in (self.work / file.path, self.cached(file.md5)):
            try:
                if candidate.stat().st_size == file.size_bytes and files.sha256(candidate) == file.sha256:
                    return candidate
            except (FileNotFoundError, NotADirectoryError):
                continue
        return None


def cache_folder(home: Path) -> Path:
    """DVC's cache folder: `cache.dir` of its configuration, else `.dvc/cache`."""
    settings = configparser.ConfigParser(interpolation=None)
    # DVC's files indent their options, which configparser would take for continued lines under a value only.
    settings.read([home / ".dvc" / "config", home / ".dvc" / "config.local"])
    chosen = settings.get("cache", "dir", fallback=None)
    return (home / ".dvc" / chosen).resolve() if chosen else home / ".dvc" / "cache"
