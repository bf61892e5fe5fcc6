"""The files that `dvc metrics` and `dvc plots` read: the same values give the same bytes."""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from glyphline import files
from glyphline.csv_text import csv_text
from glyphline.evaluation.calibration import Bin
from glyphline.evaluation.model_evaluation import EvaluationResults
from glyphline.evaluation.risk_coverage import RiskCoverage
from glyphline.records import Evaluation
from glyphline.scoring.predictions import Predictions

METRICS = (
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "adaptive_calibration_error",
    "balanced_accuracy",
    "balanced_accuracy_low",
    "balanced_accuracy_high",
    "brier_score",
    "calibration_error",
    "class_gap",
    "corruption_accuracy",
    "count",
    "log_loss",
    "macro_f1",
    "risk_coverage_area",
    "weighted_f1",
    "worst_class_recall",
)
"""Fields of `records.Evaluation` that metrics.json holds, in their order; the top-k accuracy comes last."""

RUN_METRICS = (
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "balanced_accuracy",
    "brier_score",
    "calibration_error",
    "corruption_accuracy",
    "log_loss",
    "macro_f1",
    "worst_class_recall",
)
"""Those of METRICS that are logged to the run too: its pages draw a chart per metric."""


def run_metrics(evaluation: Evaluation) -> dict[str, float]:
    """The test metrics of a run, under their names in metrics.json; one that is not defined is left out."""
    metrics = test_metrics(evaluation)
    return {f"test_{name}": metrics[f"test_{name}"] for name in RUN_METRICS if f"test_{name}" in metrics}


def test_metrics(evaluation: Evaluation) -> dict[str, float]:
    """The few numbers that runs are compared by, as `test_accuracy`; one that is not defined is left out."""
    metrics = {f"test_{name}": getattr(evaluation, name) for name in METRICS}
    if evaluation.top_k is not None:
        metrics[f"test_top{evaluation.top_k}_accuracy"] = evaluation.top_k_accuracy
    return {name: value for name, value in metrics.items() if value is not None}


def write_metrics(path: Path, evaluation: Evaluation, best_epoch: int, best_val_accuracy: float) -> None:
    """The flat numbers, for `dvc metrics`, under the names that they have on the run; what matters comes first.

    Args:
        path: metrics.json.
        evaluation: on the test split.
        best_epoch: the epoch whose weights the model has, from 1.
        best_val_accuracy: of that epoch.
    """
    metrics = test_metrics(evaluation)
    first = {name: metrics[name] for name in ("test_accuracy", "test_accuracy_low", "test_accuracy_high")}
    flat = {**first, "best_val_accuracy": best_val_accuracy, "best_epoch": best_epoch, **metrics}
    files.write_text(path, json.dumps(flat, indent=2) + "\n")


def write_predictions(path: Path, predictions: Predictions) -> None:
    """One row per image, for DVC's `confusion` template: the names of the true and the predicted class."""
    names = predictions.classes
    pairs = zip(predictions.labels.tolist(), predictions.probs.argmax(axis=1).tolist(), strict=True)
    _write(path, ("actual", "predicted"), ((names[actual], names[predicted]) for actual, predicted in pairs))


def write_calibration(path: Path, table: Sequence[Bin]) -> None:
    """One row per confidence bin that is not empty."""
    rows = ((entry.low, entry.high, entry.count, entry.confidence, entry.accuracy) for entry in table)
    _write(path, ("low", "high", "count", "confidence", "accuracy"), rows)


def write_classes(path: Path, evaluation: Evaluation) -> None:
    """One row per class; the cell of a rate that is not defined is empty."""
    rows = ((score.name, score.precision, score.recall, score.f1, score.count) for score in evaluation.classes)
    _write(path, ("class", "precision", "recall", "f1", "count"), rows)


def write_risk_coverage(path: Path, curve: RiskCoverage) -> None:
    """The curve at a hundred and one shares of the images at most, the last of them all images."""
    places = np.unique(np.linspace(0, len(curve.risk) - 1, 101).round().astype(int))
    columns = (curve.coverage[places], curve.risk[places], curve.confidence[places])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    _write(path, ("coverage", "risk", "confidence"), rows)


def write_corruptions(path: Path, evaluation: Evaluation) -> None:
    """One row per corruption and severity, and one per corruption for the images as they are, severity 0."""
    clean = (0, evaluation.accuracy, *evaluation.accuracy_interval, evaluation.count)
    rows: list[Sequence[object]] = []
    for name, scores in groupby(evaluation.corruptions, key=lambda score: score.name):
        rows.append((name, *clean))
        rows += [(name, one.severity, one.accuracy, *one.accuracy_interval, one.count) for one in scores]
    _write(path, ("corruption", "severity", "accuracy", "accuracy_low", "accuracy_high", "count"), rows)


def write_slices(path: Path, evaluation: Evaluation) -> None:
    """One row per slice."""
    rows = (
        (score.name, score.part, score.low, score.high, score.accuracy, *score.accuracy_interval, score.count)
        for score in evaluation.slices
    )
    _write(path, ("slice", "part", "low", "high", "accuracy", "accuracy_low", "accuracy_high", "count"), rows)


def write_explanations(path: Path, results: EvaluationResults) -> None:
    """How far the integrated gradients of each drawn image miss their sum, and how they agree with occlusion."""
    names = results.split.classes
    rows = [
        {
            "image": one.index,
            "actual": names[one.actual],
            "predicted": names[one.predicted],
            "confidence": one.confidence,
            "completeness_gap": float(gap),
            "occlusion_agreement": agreement,
        }
        for selected, explanations in (
            (results.mistakes, results.mistake_explanations),
            (results.examples, results.example_explanations),
        )
        if explanations is not None
        # Only the mistakes that are drawn are explained.
        for one, gap, agreement in zip(selected, explanations.gaps, explanations.agreements, strict=False)
    ]
    files.write_text(path, json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    files.write_text(path, csv_text(columns, rows))
