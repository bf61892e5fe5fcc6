"""Where the files of a run are when its journal is read later.

A file is found by its content, in the working folder first and then in DVC's cache: a queued experiment works in a copy
of the project that is thrown away, and a later experiment overwrites the outs of an earlier one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from glyphline import files
from glyphline.journal.run_events import FileDigest
from glyphline.mlflow_sync.dvc_cache import DvcCache
from glyphline.paths import Paths


@dataclass(frozen=True, slots=True)
class FileLocator:
    """The two places where a run's files may be.

    Attributes:
        work: the folder that the paths in the journal are relative to.
        cache: DVC's cache of file contents.
    """

    work: Path
    cache: DvcCache

    @classmethod
    def of(cls, paths: Paths) -> Self:
        """The locator of a project."""
        return cls(work=paths.work, cache=DvcCache.of(paths.home))

    def find(self, file: FileDigest) -> Path | None:
        """A file with exactly this content; None when it is in neither place."""
        for candidate in (self.work / file.path, self.cache.path(file.md5)):
            try:
                if candidate.stat().st_size == file.size_bytes and files.sha256(candidate) == file.sha256:
                    return candidate
            except (FileNotFoundError, NotADirectoryError):
                continue
        return None
