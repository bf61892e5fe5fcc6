"""The report of an evaluation: the record, the tables and the figures."""

import importlib
from collections.abc import Mapping, Sequence

from glyphline import records
from glyphline.evaluation import tables
from glyphline.evaluation.calibration import reliability
from glyphline.evaluation.classes import confusion
from glyphline.evaluation.metrics import measure
from glyphline.evaluation.model_evaluation import EvaluationResults
from glyphline.evaluation.risk_coverage import risk_coverage
from glyphline.params import Params
from glyphline.params.schema import EvaluateParams
from glyphline.paths import Paths
from glyphline.records import Evaluation
from glyphline.scoring import predictions

# The report alone needs them, and they take long to import.
LIBRARIES = ("sklearn.metrics", "scipy.stats", "glyphline.evaluation.figures")


def load_libraries() -> None:
    """Import what the report needs, before there are results."""
    for name in LIBRARIES:
        importlib.import_module(name)


def write_report(
    paths: Paths,
    results: EvaluationResults,
    params: Params,
    *,
    history: Sequence[Mapping[str, float]],
    best_epoch: int,
    class_counts: Mapping[str, Mapping[str, int]],
) -> Evaluation:
    """Compute the metrics; write the record, the tables and the figures, each file whole.

    The same input gives the same bytes.

    Args:
        paths: where the files go.
        results: of the model.
        params: the name of the data set, how many calibration bins, and how many mistakes to draw.
        history: one row per epoch of the fit, with train_loss, train_accuracy, val_loss and val_accuracy.
        best_epoch: the epoch whose weights the model has, from 1.
        class_counts: split -> class -> images, of the splits that the model was made with.

    Raises:
        DataError: the predictions are no probabilities for this split, or `history` lacks a column or the best epoch.
    """
    evaluation = measure(
        results.predictions,
        bins=params.evaluate.calibration_bins,
        dataset=params.data.dataset,
        predictions_sha256=predictions.write(paths.predictions, results.predictions),
        slices=results.slices,
        corruptions=results.corruptions,
    )
    _write_tables(paths, results, params.evaluate, evaluation)
    counts = {**class_counts, results.split.name: results.split.class_counts}
    _draw(paths, results, params.evaluate, evaluation, history=history, best_epoch=best_epoch, class_counts=counts)
    tables.write_metrics(paths.metrics, evaluation, best_epoch, history[best_epoch - 1]["val_accuracy"])
    records.write(paths.evaluation, evaluation)
    return evaluation


def _write_tables(paths: Paths, results: EvaluationResults, params: EvaluateParams, evaluation: Evaluation) -> None:
    probs, labels = results.predictions.probs, results.predictions.labels
    bins = reliability(probs, labels, params.calibration_bins)
    tables.write_predictions(paths.evaluation_table("predictions"), results.predictions)
    tables.write_calibration(paths.evaluation_table("calibration"), bins)
    tables.write_risk_coverage(paths.evaluation_table("risk_coverage"), risk_coverage(probs, labels))
    tables.write_classes(paths.evaluation_table("per_class"), evaluation)
    tables.write_corruptions(paths.evaluation_table("corruptions"), evaluation)
    tables.write_slices(paths.evaluation_table("slices"), evaluation)
    tables.write_explanations(paths.explanations, results)


def _draw(
    paths: Paths,
    results: EvaluationResults,
    params: EvaluateParams,
    evaluation: Evaluation,
    *,
    history: Sequence[Mapping[str, float]],
    best_epoch: int,
    class_counts: Mapping[str, Mapping[str, int]],
) -> None:
    from glyphline.evaluation import figures

    split, probs = results.split, results.predictions.probs
    counts = confusion(split.labels, probs.argmax(axis=1), len(split.classes))
    bins = params.calibration_bins
    figures.write(
        paths.evaluation_figures,
        {
            "class_counts": lambda: figures.class_counts(class_counts),
            "confusion_matrix": lambda: figures.confusion(counts, split.classes),
            "corruptions": lambda: figures.corruptions(evaluation),
            "examples": lambda: figures.examples(split, results.examples, results.example_explanations),
            "learning_curves": lambda: figures.learning_curves(history, best_epoch - 1),
            "mistakes": lambda: figures.mistakes(
                split, results.mistakes, limit=params.mistakes, explanations=results.mistake_explanations
            ),
            "per_class": lambda: figures.per_class(evaluation.classes),
            "projection": lambda: figures.projection(
                results.projection, split.labels, probs.argmax(axis=1), split.classes
            ),
            "reliability": lambda: figures.reliability(reliability(probs, split.labels, bins), bins),
            "risk_coverage": lambda: figures.risk_coverage(risk_coverage(probs, split.labels)),
            "slices": lambda: figures.slices(evaluation.slices, evaluation.accuracy),
        },
    )
