"""The runs that journals hold: those of the workspace, of the last commits and of DVC's experiments."""

from collections.abc import Iterable

from glyphline.journal.journal_file import Journal
from glyphline.journal.run_events import RunStarted
from glyphline.mlflow_sync import dvc_lock, journal_sources
from glyphline.mlflow_sync.dvc_cache import DvcCache
from glyphline.mlflow_sync.file_locator import FileLocator
from glyphline.mlflow_sync.recorded_run import RecordedRun, recorded_run
from glyphline.paths import Paths

WORKSPACE = "workspace"
TRAIN = "train"
MIN_KEY_CHARACTERS = 8
"""Characters of a run key that are enough to name a run."""


class JournalRuns:
    """The runs of all journals of a project."""

    def __init__(self, paths: Paths) -> None:
        self._work = paths.work
        self._locator = FileLocator.of(paths)
        workspace = paths.journals()
        past = journal_sources.past(dvc_lock.past(paths.work), self._locator.cache)
        self._all = journal_sources.read([*workspace, *past])
        self._workspace = journal_sources.read(workspace)

    def find(self, reference: str) -> RecordedRun | None:
        """The run that a reference names; None when no journal has it.

        Args:
            reference: `workspace`, a run key or its beginning, a run name, an experiment or a git revision.
        """
        if reference == WORKSPACE:
            return self._last(self._workspace)
        for key, start in reversed(_trained_runs(self._all).items()):
            # The last of those with one name: names may repeat.
            if reference in {key, start.name} or (len(reference) >= MIN_KEY_CHARACTERS and key.startswith(reference)):
                return self.by_key(key)
        lock = dvc_lock.at(self._work, reference)
        return self._last(journal_sources.read(journal_sources.past([lock], self._locator.cache)))

    def by_key(self, key: str) -> RecordedRun | None:
        """The run of a key."""
        return recorded_run(key, self._all, self._locator)

    def names(self) -> list[str]:
        """The references that `find` knows, but for revisions."""
        names = [start.name for start in _trained_runs(self._all).values()]
        workspace = [WORKSPACE] if _trained_runs(self._workspace) else []
        return [*workspace, *dict.fromkeys([*names, *dvc_lock.experiments(self._work)])]

    def _last(self, journals: list[Journal]) -> RecordedRun | None:
        keys = list(_trained_runs(journals))
        return recorded_run(keys[-1], journals, self._locator) if keys else None


def needed_keys(paths: Paths) -> frozenset[str]:
    """Keys of the trained runs that the workspace stands on, or a branch, a tag, an experiment or DVC's queue.

    `dvc repro` takes such a training from DVC's cache, and registers its model from the store.
    """
    file = paths.work / "dvc.lock"
    present = dvc_lock.parse(file.read_text(encoding="utf-8", errors="replace")) if file.is_file() else {}
    trained = [{TRAIN: lock[TRAIN]} for lock in (present, *dvc_lock.needed(paths.work)) if TRAIN in lock]
    cached = journal_sources.past(trained, DvcCache.of(paths.home))
    workspace = [path for path in [paths.journal(TRAIN)] if path.is_file()]
    return frozenset(_trained_runs(journal_sources.read([*workspace, *cached])))


def _trained_runs(journals: Iterable[Journal]) -> dict[str, RunStarted]:
    """Key -> start of every run that a train stage made, oldest first."""
    starts = (events[0] for journal in journals if journal.stage == TRAIN for events in journal.runs.values())
    return {start.run: start for start in starts if isinstance(start, RunStarted) and start.parent is None}
