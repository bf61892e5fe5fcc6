"""Find a run by what people call it: in the journals, among DVC's experiments and git's revisions, in the store."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline.journal.journal_file import History
from glyphline.journal.run_events import KEY_TAG
from glyphline.journal.run_files import FileLocator
from glyphline.mlflow_sync import journal_sources, store
from glyphline.mlflow_sync.recorded_run import RecordedRun, recorded_run, trained_runs
from glyphline.params import Params
from glyphline.paths import EVALUATION, PREDICTIONS, Paths

WORKSPACE = "workspace"
NEEDED = (EVALUATION, PREDICTIONS)
KEY_START = 8
"""Characters of a run key that are enough to name a run."""
CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")


class Journals:
    """What the journals of the workspace, of the last commits and of the experiments tell."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._shelf = FileLocator.of(paths.work, paths.home)
        here = journal_sources.workspace(paths)
        self._histories = journal_sources.histories([*here, *journal_sources.past(paths, self._shelf)])
        self._here = journal_sources.histories(here)

    def find(self, reference: str) -> RecordedRun | None:
        """The run called so: `workspace`, a run key or its beginning, a run name, an experiment, a git revision."""
        if reference == WORKSPACE:
            return self._last(self._here)
        runs = trained_runs(self._histories)
        for key, start in reversed(runs.items()):
            # The last of those with one name: names may repeat.
            if reference in {key, start.name} or (len(reference) >= KEY_START and key.startswith(reference)):
                return recorded_run(key, self._histories, self._shelf)
        journals = journal_sources.revision(self._paths, self._shelf, reference)
        return self._last(journal_sources.histories(journals)) if journals else None

    def by_key(self, key: str) -> RecordedRun | None:
        """The run of a key."""
        return recorded_run(key, self._histories, self._shelf)

    def names(self) -> list[str]:
        """What `find` knows, but for revisions."""
        started = [start.name for start in trained_runs(self._histories).values()]
        return [WORKSPACE, *dict.fromkeys([*started, *journal_sources.experiments(self._paths.work)])]

    def _last(self, histories: list[History]) -> RecordedRun | None:
        runs = list(trained_runs(histories))
        return recorded_run(runs[-1], histories, self._shelf) if runs else None


@dataclass
class StoreRuns:
    """The runs of an open store.

    Attributes:
        client: an `MlflowClient`.
        uri: of the store.
        folder: where files of runs are put that are fetched.
    """

    client: Any
    uri: str
    folder: Path

    def find(self, reference: str) -> Any | None:
        """The MLflow run with this id, or the last one with this name; None when there is none."""
        with store.refusals(self.uri):
            ids = [experiment.experiment_id for experiment in self.client.search_experiments(max_results=1000)]
            quoted = reference.replace("'", "")
            for condition in (f"attributes.run_id = '{quoted}'", f"attributes.run_name = '{quoted}'"):
                found = self.client.search_runs(ids, condition, max_results=1)
                if found:
                    return found[0]
        return None

    def names(self) -> list[str]:
        """Names of the last runs that are no trials."""
        with store.refusals(self.uri):
            ids = [
                experiment.experiment_id
                for experiment in self.client.search_experiments(max_results=1000)
                if not experiment.name.endswith("/tuning")
            ]
            return [run.info.run_name for run in self.client.search_runs(ids, max_results=200)] if ids else []

    def fetch(self, run: Any) -> RecordedRun:
        """What the store itself holds of a run whose journals are elsewhere."""
        run_id = run.info.run_id
        with store.refusals(self.uri):
            held = {item.path for item in self.client.list_artifacts(run_id)}
            files = {
                name: Path(self.client.download_artifacts(run_id, name, str(self._folder_of(run_id))))
                for name in NEEDED
                if name in held
            }
            facts: dict[str, Any] = {}
            if "lineage.json" in held:
                text = self.client.download_artifacts(run_id, "lineage.json", str(self._folder_of(run_id)))
                facts = json.loads(Path(text).read_text(encoding="utf-8"))
            curves = {
                name: tuple((point.step, point.value) for point in self.client.get_metric_history(run_id, name))
                for name in CURVES
                if name in run.data.metrics
            }
        key = run.data.tags.get(KEY_TAG, run_id)
        return RecordedRun(key, run.info.run_name, run.data.params, curves, facts, files, {})

    def _folder_of(self, run_id: str) -> Path:
        folder = self.folder / run_id
        folder.mkdir(exist_ok=True)
        return folder


@contextmanager
def opened(params: Params, paths: Paths) -> Iterator[StoreRuns]:
    """The store for as long as the block runs; what was fetched from it is gone after that.

    Raises:
        TrackingError: it is out of reach.
    """
    uri = store.uri(params, paths)
    client = store.connect(uri, paths, params.tracking.timeout_s).client
    with tempfile.TemporaryDirectory(prefix="glyphline-compare-") as folder:
        yield StoreRuns(client, uri, Path(folder))
