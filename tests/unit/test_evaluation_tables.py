"""The files for DVC: exact bytes, and names that need quoting."""

import csv
import json
import subprocess
import sys

import numpy as np

from glyphline.evaluation import measure, tables
from glyphline.evaluation.calibration import Bin
from glyphline.scoring.predictions import Predictions

PROBS = np.array([[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]], dtype=np.float32)
PREDICTIONS = Predictions(PROBS, np.array([0, 1, 1]), ("a", 'b, "c"'), "digest", weights_digest="weights")


def evaluation():
    return measure(PREDICTIONS, bins=2, dataset="made-up", predictions_sha256="p")


def test_metrics_are_one_flat_object_of_numbers_what_matters_first(tmp_path):
    tables.write_metrics(tmp_path / "metrics.json", evaluation(), 11, 0.75)
    flat = json.loads((tmp_path / "metrics.json").read_text())
    assert list(flat) == [
        "test_accuracy", "test_accuracy_low", "test_accuracy_high", "best_val_accuracy", "best_epoch",
        "test_adaptive_calibration_error", "test_balanced_accuracy", "test_balanced_accuracy_low",
        "test_balanced_accuracy_high", "test_brier_score", "test_calibration_error", "test_class_gap", "test_count",
        "test_log_loss", "test_macro_f1", "test_risk_coverage_area", "test_weighted_f1", "test_worst_class_recall",
    ]  # fmt: skip
    assert (flat["test_accuracy"], flat["test_count"]) == (2 / 3, 3)
    assert (flat["best_epoch"], flat["best_val_accuracy"]) == (11, 0.75)


def test_a_run_gets_the_few_scores_that_models_are_compared_by_and_none_that_is_not_defined():
    metrics = tables.run_metrics(evaluation())
    assert list(metrics)[:3] == ["test_accuracy", "test_accuracy_low", "test_accuracy_high"]
    assert metrics.items() <= tables.test_metrics(evaluation()).items()
    assert set(metrics) < {f"test_{name}" for name in tables.METRICS}
    assert "test_corruption_accuracy" not in metrics
    assert metrics["test_accuracy"] == 2 / 3


def test_predictions_carry_the_names_of_the_classes(tmp_path):
    path = tmp_path / "predictions.csv"
    tables.write_predictions(path, PREDICTIONS)
    assert path.read_bytes() == b'actual,predicted\na,a\n"b, ""c""","b, ""c"""\n"b, ""c""",a\n'


def test_calibration_numbers_read_back_as_they_were(tmp_path):
    path = tmp_path / "calibration.csv"
    entry = Bin(low=1 / 3, high=2 / 3, count=3, correct=1, confidence=0.1 + 0.2, accuracy=1 / 3)
    tables.write_calibration(path, [entry])
    (row,) = csv.DictReader(path.open(newline=""))
    assert {key: float(value) for key, value in row.items()} == {
        "low": 1 / 3, "high": 2 / 3, "count": 3, "confidence": 0.1 + 0.2, "accuracy": 1 / 3,
    }  # fmt: skip
    assert b"\r" not in path.read_bytes()


def test_each_class_has_its_row(tmp_path):
    path = tmp_path / "per_class.csv"
    tables.write_classes(path, evaluation())
    rows = list(csv.DictReader(path.open(newline="")))
    assert [row["class"] for row in rows] == list(PREDICTIONS.classes)
    assert [int(row["count"]) for row in rows] == [1, 2]
    assert float(rows[1]["recall"]) == 0.5


def test_numbers_alone_load_no_plotting_and_no_statistics_library():
    heavy = {"matplotlib", "scipy", "sklearn", "pandas", "tensorflow", "mlflow"}
    code = "import sys, glyphline.evaluation; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not heavy & set(loaded)
