"""Where the files of a run are when its journal is read later.

A file is found by its content, in the working folder first and then in DVC's cache: a queued experiment works in a copy
of the project that is thrown away, and a later experiment overwrites the outs of an earlier one. A journal may come
from somebody else: no link in the project or in the cache leads to a file anywhere else.
"""

from contextlib import suppress
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
        """A file with exactly this content; None when it is in neither place, or cannot be read."""
        for candidate in (self.work / file.path, self.cache.path(file.md5)):
            # RuntimeError: links that go round in a circle, in Python before 3.13.
            with suppress(OSError, RuntimeError):
                if self._is_inside(candidate.resolve(strict=True), file) and files.sha256(candidate) == file.sha256:
                    return candidate
        return None

    def _is_inside(self, real: Path, file: FileDigest) -> bool:
        is_ours = real.is_relative_to(self.work.resolve()) or self.cache.holds(real, file.md5)
        return is_ours and real.is_file() and real.stat().st_size == file.size_bytes
