"""What is known of a version: its evaluation, its costs, its predictions image by image."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from glyphline import files, records
from glyphline.errors import ArtifactError, PipelineError
from glyphline.records import Cost, Evaluation
from glyphline.registry.gate_input import ChampionComparison, ModelScores, PairedResult
from glyphline.registry.log_events import VersionJudged
from glyphline.registry.state import RegistryState

EVALUATION = "evaluation.json"
COST = "cost.json"
PREDICTIONS = "predictions.npz"
CARD = "model_card.md"

Compare = Callable[[Path, str, Path, str], PairedResult]
"""Champion's predictions and their SHA-256, challenger's and theirs -> the comparison; an error when it cannot be."""

Rescore = Callable[[VersionJudged], Path]
"""A version whose predictions are gone -> new ones, from the registered model on the same test split."""


@dataclass(frozen=True, slots=True)
class VersionArtifacts:
    """What evaluate found of a model.

    Attributes:
        evaluation: its record.
        cost: null where it was not measured.
        predictions: the file.
        evaluation_sha256: of the file with the evaluation; null where nobody looked.
        cost_sha256: of the file with the costs; null where there is none.
    """

    evaluation: Evaluation
    cost: Cost | None
    predictions: Path
    evaluation_sha256: str | None = None
    cost_sha256: str | None = None

    def measured(self, version: int) -> ModelScores:
        """The numbers that the gate looks at."""
        found = self.evaluation
        single = [speed for speed in self.cost.latency if speed.batch == 1] if self.cost else []
        spoiled = found.corruption_accuracy
        return ModelScores(
            version=version,
            accuracy=found.accuracy,
            test_digest=found.test_digest,
            weights_digest=found.weights_digest,
            worst_class=found.worst_class,
            worst_class_recall=found.worst_class_recall,
            calibration_error=found.calibration_error,
            robustness_loss=None if spoiled is None else found.accuracy - spoiled,
            latency_ms=1000 * single[0].median_s if single else None,
            model_bytes=self.cost.model_bytes if self.cost else None,
        )


@dataclass
class RunArtifacts:
    """Files of runs in a store, each fetched once; they are gone when it is closed.

    Attributes:
        client: an `MlflowClient`.
        compare: of two files of predictions.
        rescore: makes predictions that are gone; None where nobody can.
    """

    client: Any
    compare: Compare
    rescore: Rescore | None = None
    _folder: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="glyphline-evidence-")
    )
    _places: dict[str, dict[str, str]] = field(default_factory=dict)
    _compared: dict[tuple[str, str], PairedResult | str] = field(default_factory=dict)

    def close(self) -> None:
        """Remove what was fetched."""
        self._folder.cleanup()

    def of_version(self, held: VersionJudged) -> VersionArtifacts:
        """What the artifacts of a version's run hold: what it was judged by, or an error.

        Raises:
            ArtifactError: the files are gone, or were changed after the version was judged.
        """
        found = self._of_run(held.run_id)
        for name, difference in _differences(found, held):
            raise ArtifactError(
                f"{name} of version {held.version} is not the one that it was judged by: {difference} differs",
                fix="if it was evaluated again, have it judged again: `dvc repro register`; else somebody edited the"
                f" file in run {held.run_id}",
            )
        return found

    def _of_run(self, run_id: str) -> VersionArtifacts:
        evaluation = self._fetch(run_id, EVALUATION)
        predictions = self._fetch(run_id, PREDICTIONS)
        if evaluation is None or predictions is None:
            raise ArtifactError(
                f"run {run_id} has no {EVALUATION if evaluation is None else PREDICTIONS}: it was not evaluated, or"
                " the file was deleted",
                fix="evaluate it with `dvc repro evaluate`, or bring its files back with `glyphline sync`",
            )
        cost = self._fetch(run_id, COST)
        return VersionArtifacts(
            records.read(evaluation, Evaluation, stage="evaluate"),
            records.read(cost, Cost, stage="evaluate") if cost else None,
            predictions,
            files.sha256(evaluation),
            files.sha256(cost) if cost else None,
        )

    def card(self, run_id: str) -> str:
        """The model card of a run, Markdown; empty where it has none."""
        path = self._fetch(run_id, CARD)
        return path.read_text(encoding="utf-8") if path else ""

    def champion(self, version: int, state: RegistryState, challenger: VersionArtifacts) -> ChampionComparison:
        """A version as the rival of a challenger, compared with it where that is possible."""
        held = state.judgement(version)
        if held is None:
            return ChampionComparison(version, None, None, "it was never evaluated by Glyphline")
        paired: PairedResult | str = "they were scored on different test splits"
        if held.test_digest == challenger.evaluation.test_digest:
            pair = (held.predictions_sha256, challenger.evaluation.predictions_sha256)
            if pair not in self._compared:
                self._compared[pair] = self._pair(held, challenger)
            paired = self._compared[pair]
        return ChampionComparison(version, held.test_digest, held.weights_digest, paired)

    def _pair(self, held: VersionJudged, challenger: VersionArtifacts) -> PairedResult | str:
        found = challenger.evaluation
        try:
            theirs, sha256 = self._fetch(held.run_id, PREDICTIONS), held.predictions_sha256
            is_kept = theirs is not None and files.sha256(theirs) == sha256
            if not is_kept and self.rescore is not None:
                theirs = self.rescore(held)
                sha256 = files.sha256(theirs)
            if theirs is None:
                return f"the predictions of version {held.version} are gone from its run {held.run_id}"
            return self.compare(theirs, sha256, challenger.predictions, found.predictions_sha256)
        except PipelineError as error:
            return error.problem

    def _fetch(self, run_id: str, name: str) -> Path | None:
        from mlflow import artifacts
        from mlflow.exceptions import MlflowException

        target = Path(self._folder.name) / run_id
        if (target / name).is_file():
            return target / name
        if run_id not in self._places:
            # By the place of the files and not by the run: MLflow would ask for the run and its models at each of them.
            try:
                place = self.client.get_run(run_id).info.artifact_uri
            except MlflowException as error:
                # `mlflow gc` has taken a deleted run out of the store; whoever asks is told that it has no such file.
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                self._places[run_id] = {}
                return None
            found = artifacts.list_artifacts(artifact_uri=place, tracking_uri=self.client.tracking_uri)
            self._places[run_id] = {PurePosixPath(item.path).name: place for item in found}
        if name not in self._places[run_id]:
            return None
        target.mkdir(exist_ok=True)
        uri = f"{self._places[run_id][name]}/{name}"
        return Path(artifacts.download_artifacts(uri, dst_path=str(target), tracking_uri=self.client.tracking_uri))


def _differences(found: VersionArtifacts, held: VersionJudged) -> Iterator[tuple[str, str]]:
    """File and what of it differs between what is there and what a version was judged by."""
    for name in ("accuracy", "test_digest", "weights_digest", "predictions_sha256"):
        if getattr(found.evaluation, name) != getattr(held, name):
            yield EVALUATION, name
    # Logs of before have no digests of the files.
    if held.evaluation_sha256 is not None:
        if found.evaluation_sha256 != held.evaluation_sha256:
            yield EVALUATION, "its SHA-256"
        if found.cost_sha256 != held.cost_sha256:
            yield COST, "its SHA-256"
