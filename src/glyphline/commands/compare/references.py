"""The models that references name: runs, versions, aliases, experiments, revisions."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from glyphline import mlflow_client, records
from glyphline.errors import ArtifactError
from glyphline.journal.run_events import KEY_TAG
from glyphline.mlflow_sync import dvc_lock, store_runs
from glyphline.mlflow_sync.journal_runs import WORKSPACE, JournalRuns
from glyphline.mlflow_sync.recorded_run import RecordedRun
from glyphline.nearest import nearest
from glyphline.params import Params
from glyphline.paths import EVALUATION, PREDICTIONS, Paths
from glyphline.records import Evaluation
from glyphline.registry import version_reference
from glyphline.scoring import predictions
from glyphline.scoring.predictions import Predictions


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """One of the models that are compared.

    Attributes:
        label: what the person wrote.
        run: the record of its run.
        scores: of its evaluation.
        predictions: for every test image.
    """

    label: str
    run: RecordedRun
    scores: Evaluation
    predictions: Predictions


@contextmanager
def compared_models(references: Sequence[str], params: Params, paths: Paths) -> Iterator[tuple[ComparedModel, ...]]:
    """The models that the references name; their files exist while the block runs.

    Args:
        references: run ids, keys or names, versions (`models:/NAME/3`, `NAME@alias`, `@alias`, `3`), DVC experiments,
            git revisions, or `workspace`.
        params: for the store and the name of the registered model.
        paths: of the project.

    Raises:
        ArtifactError: a reference names nothing that is known, or its files are gone or were edited.
        RegistryError: there is no such version or alias.
        TrackingError: the store is out of reach.
    """
    with ExitStack() as stack:
        finder = _Finder(params, paths, stack)
        yield tuple(_model(reference, finder.find(reference)) for reference in references)


class _Finder:
    """Searches the journals first, which needs no import of MLflow, and the store only for what they do not contain."""

    def __init__(self, params: Params, paths: Paths, stack: ExitStack) -> None:
        self._params, self._paths, self._stack = params, paths, stack
        self._journals = JournalRuns(paths)
        self._opened: store_runs.StoreRuns | None = None

    def find(self, reference: str) -> RecordedRun:
        version = version_reference.parse_reference(reference, self._params.model_name)
        if version is not None:
            uri = mlflow_client.project_store(self._params, self._paths).text
            return self._in_store(version_reference.source_run(version, uri, self._params.tracking.timeout_s))
        return self._journals.find(reference) or self._in_store(reference)

    def _in_store(self, reference: str) -> RecordedRun:
        run = self._store.find(reference)
        if run is None:
            raise self._unknown(reference)
        known = self._journals.by_key(run.data.tags.get(KEY_TAG, ""))
        return known or self._store.fetch(run)

    def _unknown(self, reference: str) -> ArtifactError:
        if reference == WORKSPACE:
            return ArtifactError(
                "the workspace holds no run: none was made here, or its files are gone",
                fix="restore it with `dvc checkout`, or make it with `dvc repro`",
            )
        if dvc_lock.at(self._paths.work, reference):
            return ArtifactError(
                f"the run of {reference} is not in DVC's cache",
                fix="fetch it with `dvc fetch --all-commits`; what was made and is not committed yet is `workspace`",
            )
        near = nearest(reference, [*self._journals.names(), *self._store.names()])
        known = f"nearest: {', '.join(near)}" if near else "make a run with `dvc repro`"
        return ArtifactError(
            f"{reference!r} is no run, version, experiment or git revision that is known here",
            fix=f"{known}; versions are written models:/NAME/3 or NAME@alias",
        )

    @property
    def _store(self) -> store_runs.StoreRuns:
        if self._opened is None:
            self._opened = self._stack.enter_context(store_runs.opened(self._params, self._paths))
        return self._opened


def _model(reference: str, run: RecordedRun) -> ComparedModel:
    scores = records.read(run.file(EVALUATION), Evaluation, stage="evaluate")
    stored = predictions.read(run.file(PREDICTIONS), scores.predictions_sha256)
    # The digest in the evaluation binds the predictions to it; an edited evaluation may name an edited file.
    count, digest = int(stored.right.sum()), stored.weights_digest
    if (scores.weights_digest, scores.correct) != (digest, count):
        raise ArtifactError(
            f"{EVALUATION} and {PREDICTIONS} of {reference} do not belong together:"
            f" {scores.correct:,} right with weights {scores.weights_digest[:12]}, and {count:,} right with weights"
            f" {digest[:12]}",
            fix=predictions.FIX,
        )
    return ComparedModel(reference, run, scores, stored)
