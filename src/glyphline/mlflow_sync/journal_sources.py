"""The journals in DVC's cache, which the commits and experiments of the past have left, and reading many at once."""

import logging
from collections.abc import Iterable
from pathlib import Path

from glyphline.errors import ArtifactError
from glyphline.journal import journal_file
from glyphline.journal.journal_file import Journal
from glyphline.mlflow_sync.dvc_cache import DvcCache
from glyphline.mlflow_sync.dvc_lock import DvcLock
from glyphline.paths import JOURNAL

log = logging.getLogger(__name__)


def past(locks: Iterable[DvcLock], cache: DvcCache) -> list[Path]:
    """The journals in DVC's cache that lock files name, each once."""
    outs = [out for lock in locks for stage in lock.values() for out in stage["outs"].items()]
    files = [file for path, md5 in outs for file in cache.files(path, md5).items()]
    return list(dict.fromkeys(file for path, file in files if path.name == JOURNAL and file.is_file()))


def read(journals: Iterable[Path]) -> list[Journal]:
    """The contents of the journals, each once, oldest first; what is no journal is left out with a warning."""
    contents: dict[str, Journal] = {}
    for path in journals:
        try:
            journal = journal_file.scan(path)
        except ArtifactError as error:
            log.warning("%s\nfix: %s", error.problem, error.fix)
            continue
        if journal is not None:
            contents.setdefault(journal.id, journal)
    # A run must be in the store before the journal of a later stage adds to it.
    return sorted(contents.values(), key=lambda journal: journal.time)
