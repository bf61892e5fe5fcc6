"""The files by which a version is judged: its evaluation, its costs, its predictions image by image."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Self

from glyphline import files, records
from glyphline.errors import ArtifactError, PipelineError
from glyphline.paths import COST, EVALUATION, MODEL_CARD, PREDICTIONS
from glyphline.records import Cost, Evaluation
from glyphline.registry.gate_input import ChampionComparison, ModelScores
from glyphline.registry.log_events import VersionJudged
from glyphline.registry.rescoring import Rescore
from glyphline.registry.state import RegistryState
from glyphline.scoring import paired_tests, predictions
from glyphline.scoring.paired_tests import Disagreements
from glyphline.scoring.predictions import Predictions


@dataclass(frozen=True, slots=True)
class VersionArtifacts:
    """What evaluate left of a model.

    Attributes:
        scores: its records.
        predictions: the file.
        evaluation_sha256: of the file with the evaluation.
        cost_sha256: of the file with the costs; None where there is none.
    """

    scores: ModelScores
    predictions: Path
    evaluation_sha256: str
    cost_sha256: str | None

    @classmethod
    def read(cls, evaluation: Path, cost: Path | None, predictions: Path) -> Self:
        """The artifacts in files; the predictions are opened only when they are compared.

        Raises:
            ArtifactError: a record is missing or damaged.
        """
        scores = ModelScores(
            records.read(evaluation, Evaluation, stage="evaluate"),
            records.read(cost, Cost, stage="evaluate") if cost else None,
        )
        return cls(scores, predictions, files.sha256(evaluation), files.sha256(cost) if cost else None)

    @property
    def evaluation(self) -> Evaluation:
        """The scores on the test split."""
        return self.scores.evaluation


@dataclass
class RunArtifacts:
    """Files of runs in a store, each fetched once; they are removed when it is closed.

    Attributes:
        client: an `MlflowClient`.
        rescore: makes predictions that are gone; None where that is not possible.
    """

    client: Any
    rescore: Rescore | None = None
    _folder: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="glyphline-run-artifacts-")
    )
    _artifact_uris: dict[str, dict[str, str]] = field(default_factory=dict)
    _comparisons: dict[tuple[str, str], Disagreements | str] = field(default_factory=dict)

    def close(self) -> None:
        """Remove what was fetched."""
        self._folder.cleanup()

    def of_version(self, judged: VersionJudged) -> VersionArtifacts:
        """The artifacts of a version's run, which must be those that it was judged by.

        Raises:
            ArtifactError: the files are gone, or were changed after the version was judged.
        """
        artifacts = self._of_run(judged.run_id)
        for name, difference in _differences(artifacts, judged):
            raise ArtifactError(
                f"{name} of version {judged.version} is not the one that it was judged by: {difference} differs",
                fix="if it was evaluated again, have it judged again: `dvc repro register`; else somebody edited the"
                f" file in run {judged.run_id}",
            )
        return artifacts

    def card(self, run_id: str) -> str:
        """The model card of a run, Markdown; empty where it has none."""
        path = self._fetch(run_id, MODEL_CARD)
        return path.read_text(encoding="utf-8") if path else ""

    def compare(self, version: int, state: RegistryState, challenger: VersionArtifacts) -> ChampionComparison:
        """Compare a version, as the champion, with a challenger; the result says why where that is not possible."""
        judged = state.judgement(version)
        if judged is None:
            return ChampionComparison(version, None, None, "it was never evaluated by Glyphline")
        result: Disagreements | str = "they were scored on different test splits"
        if judged.test_digest == challenger.evaluation.test_digest:
            pair = (judged.predictions_sha256, challenger.evaluation.predictions_sha256)
            if pair not in self._comparisons:
                self._comparisons[pair] = self._disagreements(judged, challenger)
            result = self._comparisons[pair]
        return ChampionComparison(version, judged.test_digest, judged.weights_digest, result)

    def _of_run(self, run_id: str) -> VersionArtifacts:
        evaluation = self._fetch(run_id, EVALUATION)
        predictions = self._fetch(run_id, PREDICTIONS)
        if evaluation is None or predictions is None:
            raise ArtifactError(
                f"run {run_id} has no {EVALUATION if evaluation is None else PREDICTIONS}: it was not evaluated, or"
                " the file was deleted",
                fix="evaluate it with `dvc repro evaluate`, or bring its files back with `glyphline sync`",
            )
        return VersionArtifacts.read(evaluation, self._fetch(run_id, COST), predictions)

    def _disagreements(self, judged: VersionJudged, challenger: VersionArtifacts) -> Disagreements | str:
        try:
            return paired_tests.disagreements(
                self._champion_predictions(judged),
                predictions.read(challenger.predictions, challenger.evaluation.predictions_sha256),
            )
        except PipelineError as error:
            return error.problem

    def _champion_predictions(self, judged: VersionJudged) -> Predictions:
        path, sha256 = self._fetch(judged.run_id, PREDICTIONS), judged.predictions_sha256
        if self.rescore is not None:
            is_kept = path is not None and files.sha256(path) == sha256
            return predictions.read(path if path is not None and is_kept else self.rescore(judged))
        if path is None:
            raise ArtifactError(
                f"the predictions of version {judged.version} are gone from its run {judged.run_id}",
                fix="bring its files back with `glyphline sync`",
            )
        return predictions.read(path, sha256)

    def _fetch(self, run_id: str, name: str) -> Path | None:
        from mlflow import artifacts
        from mlflow.exceptions import MlflowException

        target = Path(self._folder.name) / run_id
        if (target / name).is_file():
            return target / name
        if run_id not in self._artifact_uris:
            # By the URI of the files and not by the run: MLflow would ask for the run and its models for each file.
            try:
                folder = self.client.get_run(run_id).info.artifact_uri
            except MlflowException as error:
                # `mlflow gc` has removed a deleted run from the store: it has no files.
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                self._artifact_uris[run_id] = {}
                return None
            listed = artifacts.list_artifacts(artifact_uri=folder, tracking_uri=self.client.tracking_uri)
            names = [PurePosixPath(item.path).name for item in listed]
            self._artifact_uris[run_id] = {name: f"{folder}/{name}" for name in names}
        uri = self._artifact_uris[run_id].get(name)
        if uri is None:
            return None
        target.mkdir(exist_ok=True)
        return Path(artifacts.download_artifacts(uri, dst_path=str(target), tracking_uri=self.client.tracking_uri))


def _differences(artifacts: VersionArtifacts, judged: VersionJudged) -> Iterator[tuple[str, str]]:
    """File and what differs in it between the artifacts and what a version was judged by."""
    for name in ("accuracy", "test_digest", "weights_digest", "predictions_sha256"):
        if getattr(artifacts.evaluation, name) != getattr(judged, name):
            yield EVALUATION, name
    # Logs of earlier releases have no digests of the files.
    if judged.evaluation_sha256 is not None:
        if artifacts.evaluation_sha256 != judged.evaluation_sha256:
            yield EVALUATION, "its SHA-256"
        if artifacts.cost_sha256 != judged.cost_sha256:
            yield COST, "its SHA-256"
