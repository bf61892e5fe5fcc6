"""All that is written about one evaluation, but for the card."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from glyphline import records
from glyphline.evaluation import tables
from glyphline.evaluation.calibration import reliability
from glyphline.evaluation.classes import confusion
from glyphline.evaluation.metrics import measure
from glyphline.evaluation.model_outputs import ModelOutputs
from glyphline.evaluation.selective import risk_coverage
from glyphline.params.schema import EvaluateParams
from glyphline.paths import EVALUATION, PREDICTIONS
from glyphline.records import Evaluation
from glyphline.scoring import predictions

# Numbers alone, or a model that is only asked, do not need them, and they take long to import.
LIBRARIES = ("sklearn.metrics", "scipy.stats", "glyphline.evaluation.figures")


def load_libraries() -> None:
    """Import what writing needs, before there is something to write."""
    for name in LIBRARIES:
        importlib.import_module(name)


def write(
    folder: Path,
    seen: ModelOutputs,
    params: EvaluateParams,
    *,
    history: Sequence[Mapping[str, float]],
    best_epoch: int,
    dataset: str,
    weights_digest: str,
) -> Evaluation:
    """Judge what a model said; write the record, the tables and the figures, each file whole.

    The same input gives the same bytes.

    Args:
        folder: gets evaluation.json, metrics.json, predictions.npz, explanations.json, predictions.csv,
            calibration.csv, per_class.csv, risk_coverage.csv, corruptions.csv, slices.csv and figures/*.png.
        seen: what the model said.
        params: of the calibration bins and of how many mistakes to draw.
        history: one row per epoch of the fit, with loss, accuracy, val_loss and val_accuracy.
        best_epoch: the epoch whose weights the model has, from 0.
        dataset: name of the data set.
        weights_digest: of the model that was asked.

    Raises:
        DataError: the predictions are no probabilities for this split, or `history` lacks a column or the best epoch.
    """
    kept = predictions.Predictions(seen.probs, seen.split.labels, seen.split.classes, seen.split.digest, weights_digest)
    evaluation = measure(
        seen.split,
        seen.probs,
        bins=params.calibration_bins,
        dataset=dataset,
        weights_digest=weights_digest,
        predictions_sha256=predictions.write(folder / PREDICTIONS, kept),
        slices=seen.slices,
        corruptions=seen.corruptions,
    )
    _write_tables(folder, seen, params, evaluation)
    _draw(folder / "figures", seen, params, evaluation, history=history, best_epoch=best_epoch)
    records.write(folder / EVALUATION, evaluation)
    return evaluation


def _write_tables(folder: Path, seen: ModelOutputs, params: EvaluateParams, evaluation: Evaluation) -> None:
    split, probs = seen.split, seen.probs
    tables.write_predictions(folder / "predictions.csv", split.labels, probs.argmax(axis=1), split.classes)
    tables.write_calibration(folder / "calibration.csv", reliability(probs, split.labels, params.calibration_bins))
    tables.write_risk_coverage(folder / "risk_coverage.csv", risk_coverage(probs, split.labels))
    tables.write_classes(folder / "per_class.csv", evaluation)
    tables.write_corruptions(folder / "corruptions.csv", evaluation)
    tables.write_slices(folder / "slices.csv", evaluation)
    tables.write_explanations(folder / "explanations.json", seen)
    tables.write_metrics(folder / "metrics.json", evaluation)


def _draw(
    folder: Path,
    seen: ModelOutputs,
    params: EvaluateParams,
    evaluation: Evaluation,
    *,
    history: Sequence[Mapping[str, float]],
    best_epoch: int,
) -> None:
    from glyphline.evaluation import figures

    split, probs = seen.split, seen.probs
    counts = confusion(split.labels, probs.argmax(axis=1), len(split.classes))
    bins = params.calibration_bins
    figures.write(
        folder,
        {
            "confusion_matrix": lambda: figures.confusion(counts, split.classes),
            "corruptions": lambda: figures.robustness(evaluation),
            "examples": lambda: figures.examples(split, seen.examples, seen.why_examples),
            "learning_curves": lambda: figures.curves(history, best_epoch),
            "mistakes": lambda: figures.mistakes(
                split, seen.mistakes, limit=params.mistakes, explained=seen.why_mistakes
            ),
            "per_class": lambda: figures.per_class(evaluation.classes),
            "reliability": lambda: figures.reliability(reliability(probs, split.labels, bins), bins),
            "risk_coverage": lambda: figures.risk_coverage(risk_coverage(probs, split.labels)),
            "slices": lambda: figures.slices(evaluation.slices, evaluation.accuracy),
        },
    )
