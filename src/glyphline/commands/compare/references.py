"""From what a person writes to what is compared: runs, versions, aliases, experiments, revisions."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from glyphline import mlflow_client, records
from glyphline.errors import ArtifactError
from glyphline.journal.run_events import KEY_TAG
from glyphline.mlflow_sync import store_runs
from glyphline.mlflow_sync.journal_runs import JournalRuns
from glyphline.mlflow_sync.recorded_run import RecordedRun
from glyphline.nearest import nearest
from glyphline.params import Params
from glyphline.paths import EVALUATION, PREDICTIONS, Paths
from glyphline.records import Evaluation
from glyphline.registry import version_reference as registry_lookup
from glyphline.scoring import predictions
from glyphline.scoring.predictions import Predictions


@dataclass(frozen=True, slots=True)
class Subject:
    """One of the models that are compared.

    Attributes:
        label: what the person wrote.
        run: what is recorded of it.
        scores: of its evaluation.
        said: of every test image.
    """

    label: str
    run: RecordedRun
    scores: Evaluation
    said: Predictions


@contextmanager
def subjects(references: Sequence[str], params: Params, paths: Paths) -> Iterator[tuple[Subject, ...]]:
    """What the references mean; their files are there as long as the block runs.

    Args:
        references: run ids, keys or names, versions (`models:/NAME/3`, `NAME@alias`, `@alias`, `3`), DVC experiments,
            git revisions, or `workspace`.
        params: for the store and the name of the registered model.
        paths: of the project.

    Raises:
        ArtifactError: a reference means nothing that is known, or its files are gone or were edited.
        RegistryError: there is no such version or alias.
        TrackingError: the store is out of reach.
    """
    with ExitStack() as stack:
        finder = _Finder(params, paths, stack)
        yield tuple(_subject(reference, finder.find(reference)) for reference in references)


class _Finder:
    """Asks the journals first, which costs no import, and the store only for what they do not know."""

    def __init__(self, params: Params, paths: Paths, stack: ExitStack) -> None:
        self._params, self._paths, self._stack = params, paths, stack
        self._journals = JournalRuns(paths)
        self._opened: store_runs.StoreRuns | None = None

    def find(self, reference: str) -> RecordedRun:
        version = registry_lookup.parse_reference(reference, self._params.model_name)
        if version is not None:
            uri = mlflow_client.store_uri(self._params, self._paths).text
            return self._in_store(registry_lookup.source_run(version, uri, self._params.tracking.timeout_s))
        return self._journals.find(reference) or self._in_store(reference)

    def _in_store(self, reference: str) -> RecordedRun:
        run = self._store.find(reference)
        if run is None:
            near = nearest(reference, [*self._journals.names(), *self._store.names()])
            raise ArtifactError(
                f"{reference!r} is no run, version, experiment or git revision that is known here",
                fix=f"nearest: {', '.join(near)}; versions are written models:/NAME/3 or NAME@alias",
            )
        known = self._journals.by_key(run.data.tags.get(KEY_TAG, ""))
        return known or self._store.fetch(run)

    @property
    def _store(self) -> store_runs.StoreRuns:
        if self._opened is None:
            self._opened = self._stack.enter_context(store_runs.opened(self._params, self._paths))
        return self._opened


def _subject(reference: str, run: RecordedRun) -> Subject:
    scores = records.read(run.file(EVALUATION), Evaluation, stage="evaluate")
    said = predictions.read(run.file(PREDICTIONS), scores.predictions_sha256)
    _check_same(reference, scores, said)
    return Subject(reference, run, scores, said)


def _check_same(reference: str, scores: Evaluation, said: Predictions) -> None:
    # The digest in the evaluation binds the predictions to it; an edited evaluation may name an edited file.
    told, right = (scores.weights_digest, scores.correct), (said.weights_digest, int(said.right.sum()))
    if told != right:
        raise ArtifactError(
            f"{EVALUATION} and {PREDICTIONS} of {reference} do not belong together: {told[1]:,} right with"
            f" weights {told[0][:12]}, and {right[1]:,} right with weights {right[0][:12]}",
            fix=predictions.FIX,
        )
