"""Trained and evaluated models for the registry's tests, made in milliseconds and without Keras."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from glyphline import files, records
from glyphline.journal.run_events import Signature
from glyphline.mlflow_sync import model_folder
from glyphline.records import Cost, Latency, Training
from glyphline.registry import EvaluatedModel, FinishedRun
from glyphline.registry.run_artifacts import VersionArtifacts
from glyphline.scoring import predictions
from glyphline.scoring.predictions import Predictions
from tests.conftest import made_evaluation

WRITES = ("create_", "delete_", "log_", "set_", "update_")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SPLIT = "a" * 64
COUNT = 1000
CONFIG = {
    "module": "keras",
    "class_name": "Sequential",
    "config": {
        "layers": [
            {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}, "registered_name": None},
        ]
    },
    "registered_name": "Sequential",
}


def weights(make: Callable[[h5py.File], object]) -> bytes:
    """The HDF5 file that `make` writes into."""
    content = io.BytesIO()
    with h5py.File(content, "w") as stored:
        make(stored)
    return content.getvalue()


def made_archive(
    path: Path, seed: int = 0, config: dict | None = None, members: dict[str, bytes] | None = None
) -> None:
    """A `.keras` file as Keras would write it, of one layer whose weights follow from the seed."""

    def dense(stored: h5py.File) -> None:
        stored["layers/dense/vars/0"] = np.random.default_rng(seed).normal(size=(3, 2))

    parts = {
        "metadata.json": json.dumps({"keras_version": "3.15.1"}).encode(),
        "config.json": json.dumps(config or CONFIG).encode(),
        "model.weights.h5": weights(dense),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (parts | (members or {})).items():
            # A date of its own, so that equal models are equal files.
            archive.writestr(zipfile.ZipInfo(name), content)


def training(weights: str, model_sha256: str = "e" * 64) -> Training:
    return Training(
        dataset="shapes",
        params={"train.learning_rate": 0.003, "model.filters": [4], "registry.name": "shapes"},
        weights_digest=weights,
        parameters=100,
        epochs=3,
        best_epoch=2,
        val_loss=0.1,
        val_accuracy=0.97,
        val_count=50,
        train_digest="c" * 64,
        val_digest="d" * 64,
        device="cpu",
        precision="float32",
        why="",
        xla=False,
        model_sha256=model_sha256,
    )


def written_predictions(path: Path, right: np.ndarray, split: str, weights: str) -> str:
    """Predictions on images of two classes, right where `right` is true; returns the SHA-256 of the file."""
    labels = np.arange(len(right)) % 2
    predicted = np.where(right, labels, 1 - labels)
    probs = np.where(predicted[:, None] == np.arange(2), 0.9, 0.1).astype(np.float32)
    return predictions.write(path, Predictions(probs, labels.astype(np.int64), ("no", "yes"), split, weights))


def right_on(correct: int, count: int = COUNT) -> np.ndarray:
    """Right on the first images: of two such models the better is right wherever the worse is."""
    return np.arange(count) < correct


@dataclass
class Runs:
    """Makes runs with a logged model and its evaluation, as mlflow_sync leaves them.

    Attributes:
        client: of the store.
        folder: for the files.
        experiment: its name.
        made: models that were made before; each model has other weights than those of lower numbers.
    """

    client: object
    folder: Path
    experiment: str = "shapes"
    made: int = 0

    def make(
        self, correct: int | np.ndarray, *, split: str = SPLIT, weights: str | None = None, latency_ms: float = 2.0
    ) -> FinishedRun:
        """A run whose model is right on so many of 1,000 images, or on those of an array."""
        self.made += 1
        right = right_on(correct) if isinstance(correct, int) else correct
        run = self.client.create_run(self._experiment(), tags={"mlflow.source.git.commit": COMMIT})
        run_id = run.info.run_id
        weights = weights or hashlib.sha256(run_id.encode()).hexdigest()
        folder = self.folder / run_id
        folder.mkdir(parents=True)
        artifacts = self._artifacts(folder, right, split, weights, latency_ms)
        for name in ("evaluation.json", "predictions.npz", "cost.json"):
            self.client.log_artifact(run_id, str(folder / name))
        model, sha256 = self._model(run, folder)
        card = (
            f"# shapes, accuracy {right.mean():.4f}\n\n## Identity\n\nVersion `models:/NAME/VERSION`.\n\n"
            '```python\nmlflow.keras.load_model("models:/NAME@champion")\n```\n'
        )
        evaluated = EvaluatedModel(training(weights, sha256), artifacts, card)
        return FinishedRun(run_id, model.model_id, model.artifact_location, evaluated)

    def _artifacts(
        self, folder: Path, right: np.ndarray, split: str, weights: str, latency_ms: float
    ) -> VersionArtifacts:
        sha256 = written_predictions(folder / "predictions.npz", right, split, weights)
        evaluation = made_evaluation(
            int(right.sum()), len(right), test_digest=split, weights_digest=weights, predictions_sha256=sha256
        )
        speed = Latency(batch=1, calls=100, median_s=latency_ms / 1000, p99_s=latency_ms / 500)
        cost = Cost(device="cpu", parameters=100, model_bytes=5000, latency=(speed,))
        records.write(folder / "evaluation.json", evaluation)
        records.write(folder / "cost.json", cost)
        return VersionArtifacts.read(folder / "evaluation.json", folder / "cost.json", folder / "predictions.npz")

    def _model(self, run, folder: Path):
        made_archive(folder / "model.keras", seed=self.made)
        model = self.client.create_logged_model(
            run.info.experiment_id, name="classifier", source_run_id=run.info.run_id
        )
        content = folder / "packed"
        content.mkdir()
        shape = Signature(input_shape=(-1, 8, 8, 1), output_shape=(-1, 2))
        model_folder.write(content, folder / "model.keras", shape, {"classes": ["no", "yes"]}, model_id=model.model_id)
        self.client.log_model_artifacts(model.model_id, str(content))
        self.client.finalize_logged_model(model.model_id, "READY")
        return model, files.sha256(folder / "model.keras")

    def _experiment(self) -> str:
        experiment = self.client.get_experiment_by_name(self.experiment)
        if experiment is not None:
            return experiment.experiment_id
        return self.client.create_experiment(self.experiment, (self.folder / "artifacts").as_uri())

    def folder_of(self, run: FinishedRun) -> Path:
        """Where the files of a run's logged model lie."""
        return Path(run.source.removeprefix("file://"))


class Killed(BaseException):
    """Ends a test's process as if it was killed. Not an Exception, so that none of our handlers catches it."""


@dataclass
class DyingClient:
    """An `MlflowClient` whose process is killed after so many writes, of whatever kind.

    Attributes:
        client: the real one.
        left: writes before the process is killed.
    """

    client: object
    left: int

    def __getattr__(self, name: str):
        method = getattr(self.client, name)
        if not name.startswith(WRITES):
            return method

        def write(*values, **named):
            if self.left == 0:
                raise Killed
            result = method(*values, **named)
            self.left -= 1
            if self.left == 0:
                raise Killed
            return result

        return write
