"""The files by which a version is judged: its evaluation, its costs, its predictions image by image."""

import dataclasses
import logging
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Self

from glyphline import files, mlflow_client, records
from glyphline.errors import ArtifactError, PipelineError
from glyphline.journal.run_events import WEIGHTS_TAG, WEIGHTS_TAG_CHARACTERS
from glyphline.paths import COST, EVALUATION, MODEL_CARD, PREDICTIONS
from glyphline.records import Cost, Evaluation
from glyphline.registry.gate_input import ChampionComparison, ModelScores, PairedScores
from glyphline.registry.log_events import VersionJudged
from glyphline.registry.rescoring import Rescore
from glyphline.registry.state import RegistryState
from glyphline.scoring import paired_tests, predictions
from glyphline.scoring.equal_confidence import brier_differences
from glyphline.scoring.predictions import Predictions

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VersionArtifacts:
    """What evaluate left of a model.

    Attributes:
        scores: its records.
        predictions: the file.
        evaluation_sha256: of the file with the evaluation.
        cost_sha256: of the file with the costs; None where there is none.
        card_sha256: of the file with the model card; None where it was not recorded.
    """

    scores: ModelScores
    predictions: Path
    evaluation_sha256: str
    cost_sha256: str | None
    card_sha256: str | None = None

    @classmethod
    def read(cls, evaluation: Path, cost: Path | None, predictions: Path, card: Path | None = None) -> Self:
        """The artifacts in files; the predictions are opened only when they are compared.

        Raises:
            ArtifactError: a record is missing or damaged.
        """
        scores = ModelScores(
            records.read(evaluation, Evaluation, stage="evaluate"),
            records.read(cost, Cost, stage="evaluate") if cost else None,
        )
        cost_sha256, card_sha256 = (files.sha256(path) if path else None for path in (cost, card))
        return cls(scores, predictions, files.sha256(evaluation), cost_sha256, card_sha256)

    @property
    def evaluation(self) -> Evaluation:
        """The scores on the test split."""
        return self.scores.evaluation


@dataclass
class RunArtifacts:
    """Files of runs in a store, each fetched once.

    Attributes:
        client: an `MlflowClient`.
        folder: where to put them.
        rescore: makes predictions that are gone; None where that is not possible.
    """

    client: Any
    folder: Path
    rescore: Rescore | None = None
    _artifact_uris: dict[str, dict[str, str]] = field(default_factory=dict)
    _comparisons: dict[tuple[str, str], PairedScores | str] = field(default_factory=dict)

    def of_version(self, judged: VersionJudged) -> VersionArtifacts:
        """The artifacts of a version's run, which must be those that it was judged by.

        Raises:
            ArtifactError: the files are gone, or were changed after the version was judged.
        """
        artifacts = self._of_run(judged)
        # For logs of earlier releases, which have no digests of the files.
        for name in ("accuracy", "test_digest", "weights_digest", "predictions_sha256"):
            if getattr(artifacts.evaluation, name) != getattr(judged, name):
                raise _changed(judged, EVALUATION, name)
        # The card decides nothing, so that it is compared where it is shown.
        return replace(artifacts, card_sha256=judged.card_sha256)

    def card(self, judged: VersionJudged) -> str:
        """The model card of a version's run, Markdown; empty where it has none, or, after a warning, another one."""
        path = self._fetch(judged.run_id, MODEL_CARD)
        if path and judged.card_sha256 not in {None, files.sha256(path)}:
            log.warning(
                "%s of run %s was changed after version %d was judged; the description goes without it\n"
                "fix: if the model was evaluated again, have it judged again with `dvc repro register`",
                MODEL_CARD,
                judged.run_id,
                judged.version,
            )
            return ""
        return path.read_text(encoding="utf-8", errors="replace") if path else ""

    def compare(self, version: int, state: RegistryState, challenger: VersionArtifacts) -> ChampionComparison:
        """Compare a version, as the champion, with a challenger; the result says why where that is not possible."""
        judged = state.judgement(version)
        if judged is None:
            return ChampionComparison(version, None, None, "it was never evaluated by Glyphline")
        result: PairedScores | str = "they were scored on different test splits"
        if judged.test_digest == challenger.evaluation.test_digest:
            pair = (judged.predictions_sha256, challenger.evaluation.predictions_sha256)
            if pair not in self._comparisons:
                self._comparisons[pair] = self._paired_scores(judged, challenger)
            result = self._comparisons[pair]
        return ChampionComparison(version, judged.test_digest, judged.weights_digest, result)

    def _of_run(self, judged: VersionJudged) -> VersionArtifacts:
        run_id = self._run_with(judged, (EVALUATION, PREDICTIONS))
        evaluation, predictions, cost = (self._fetch(run_id, name) for name in (EVALUATION, PREDICTIONS, COST))
        if evaluation is None or predictions is None:
            raise ArtifactError(
                f"run {run_id} has no {EVALUATION if evaluation is None else PREDICTIONS}: it was not evaluated, or"
                " the file was deleted",
                fix="evaluate it with `dvc repro evaluate`, or bring its files back with `glyphline sync`",
            )
        recorded: list[tuple[Path | None, str, str | None]] = [(predictions, PREDICTIONS, judged.predictions_sha256)]
        if judged.evaluation_sha256 is not None:
            recorded += [(evaluation, EVALUATION, judged.evaluation_sha256), (cost, COST, judged.cost_sha256)]
        for path, name, sha256 in recorded:
            if (files.sha256(path) if path else None) != sha256:
                raise _changed(judged, name, "its SHA-256")
        return VersionArtifacts.read(evaluation, cost, predictions)

    def _paired_scores(self, judged: VersionJudged, challenger: VersionArtifacts) -> PairedScores | str:
        try:
            first = self._champion_predictions(judged)
            second = predictions.read(challenger.predictions, challenger.evaluation.predictions_sha256)
            table, differences = paired_tests.disagreements(first, second), brier_differences(first, second)
        except PipelineError as error:
            return error.problem
        return PairedScores(
            **dataclasses.asdict(table),
            brier_difference=float(differences.mean()),
            brier_p_value=paired_tests.sign_flip(differences),
        )

    def _champion_predictions(self, judged: VersionJudged) -> Predictions:
        run_id = self._run_with(judged, (PREDICTIONS,))
        path, sha256 = self._fetch(run_id, PREDICTIONS), judged.predictions_sha256
        if self.rescore is not None:
            is_kept = path is not None and files.sha256(path) == sha256
            return predictions.read(path if path is not None and is_kept else self.rescore(judged))
        if path is None:
            raise ArtifactError(
                f"the predictions of version {judged.version} are gone from its run {judged.run_id}",
                fix="bring its files back with `glyphline sync`",
            )
        return predictions.read(path, sha256)

    def _run_with(self, judged: VersionJudged, names: Collection[str]) -> str:
        """The run of a version; where its files are gone, one that `glyphline sync` made anew of the same model."""
        if all(self._fetch(judged.run_id, name) for name in names):
            return judged.run_id
        experiments = [experiment.experiment_id for experiment in self.client.search_experiments()]
        same = f"tags.`{WEIGHTS_TAG}` = '{judged.weights_digest[:WEIGHTS_TAG_CHARACTERS]}'"
        runs = (run.info.run_id for run in self.client.search_runs(experiments, same))
        return next((run for run in runs if all(self._fetch(run, name) for name in names)), judged.run_id)

    def _fetch(self, run_id: str, name: str) -> Path | None:
        from mlflow import artifacts
        from mlflow.exceptions import MlflowException

        target = self.folder / run_id
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
        return mlflow_client.download(uri, target, self.client.tracking_uri)


def _changed(judged: VersionJudged, name: str, difference: str) -> ArtifactError:
    return ArtifactError(
        f"{name} of version {judged.version} is not the one that it was judged by: {difference} differs",
        fix="if it was evaluated again, have it judged again: `dvc repro register`; else the file in run"
        f" {judged.run_id} was edited or damaged: with the version's commit checked out, `dvc repro --force"
        " --single-item evaluate`, then `dvc repro`",
    )
