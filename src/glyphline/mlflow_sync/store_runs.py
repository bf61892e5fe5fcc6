"""The runs of a store, for people who compare them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline import mlflow_client
from glyphline.errors import ArtifactError
from glyphline.journal.run_events import KEY_TAG
from glyphline.mlflow_sync import store
from glyphline.mlflow_sync.experiment_view import TUNING
from glyphline.mlflow_sync.recorded_run import RecordedRun
from glyphline.mlflow_sync.store import Store
from glyphline.params import Params
from glyphline.paths import EVALUATION, PREDICTIONS, Paths
from glyphline.records.seal import unsealed
from glyphline.scratch import scratch_folder

FILES = (EVALUATION, PREDICTIONS)
LINEAGE = "lineage.json"
CURVES = ("val_loss", "val_accuracy")
MAX_NAMES = 200
DAMAGE_FIX = "restore the store's files from a backup, or compare another run"


@dataclass(frozen=True, slots=True)
class StoreRuns:
    """The runs of an open store.

    Attributes:
        store: where they are.
        folder: where the files of runs are put that are fetched.
    """

    store: Store
    folder: Path

    def find(self, reference: str) -> Any | None:
        """The MLflow run with this id, or the last one with this name; None when there is none."""
        with mlflow_client.tracking_errors(self.store.uri.text):
            ids = [*self.store.experiments()]
            name = reference.replace("'", "")
            for condition in (f"attributes.run_id = '{name}'", f"attributes.run_name = '{name}'"):
                if runs := self.store.client.search_runs(ids, condition, max_results=1):
                    return runs[0]
        return None

    def names(self) -> list[str]:
        """Names of the last runs that are no trials."""
        with mlflow_client.tracking_errors(self.store.uri.text):
            ids = [key for key, one in self.store.experiments().items() if not one.name.endswith(f"/{TUNING}")]
            runs = self.store.client.search_runs(ids, max_results=MAX_NAMES) if ids else []
            return [run.info.run_name for run in runs]

    def fetch(self, run: Any) -> RecordedRun:
        """What the store itself has of a run whose journals are elsewhere."""
        client, run_id = self.store.client, run.info.run_id
        folder = self.folder / run_id
        folder.mkdir(exist_ok=True)
        with mlflow_client.tracking_errors(self.store.uri.text):
            present = {item.path for item in client.list_artifacts(run_id)} & {*FILES, LINEAGE}
            files = {name: Path(client.download_artifacts(run_id, name, str(folder))) for name in sorted(present)}
            curves = {
                name: tuple((point.step, point.value) for point in client.get_metric_history(run_id, name))
                for name in CURVES
                if name in run.data.metrics
            }
        lineage = files.pop(LINEAGE, None)
        try:
            facts = unsealed(lineage.read_bytes()) if lineage else {}
        except ValueError as error:
            raise ArtifactError(f"{LINEAGE} of run {run_id} in the store is damaged: {error}", fix=DAMAGE_FIX) from None
        return RecordedRun(
            key=run.data.tags.get(KEY_TAG, run_id),
            name=run.info.run_name,
            params=run.data.params,
            curves=curves,
            facts=facts,
            files=files,
            changed={},
        )


@contextmanager
def opened(params: Params, paths: Paths) -> Iterator[StoreRuns]:
    """The store for as long as the block runs; the files that were fetched from it are removed after that.

    Raises:
        TrackingError: it does not answer.
    """
    uri = mlflow_client.project_store(params, paths)
    opened_store = store.connect(uri, paths, params.tracking.timeout_s)
    with scratch_folder(paths.scratch, "compare") as folder:
        yield StoreRuns(opened_store, folder)
