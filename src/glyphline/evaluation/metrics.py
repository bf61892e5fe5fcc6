"""The metrics of an evaluation, by scikit-learn; imported late, because it takes longer to load than to count."""

from collections.abc import Sequence

import numpy as np

from glyphline.errors import DataError
from glyphline.evaluation.calibration import adaptive_calibration_error, calibration_error
from glyphline.evaluation.classes import class_scores, confusion, macro_f1_interval
from glyphline.evaluation.risk_coverage import risk_coverage
from glyphline.records import ClassScore, CorruptionScore, Evaluation, SliceScore
from glyphline.scoring.intervals import bootstrap_mean, mean_share_interval, wilson
from glyphline.scoring.losses import brier_scores, log_losses
from glyphline.scoring.predictions import Predictions
from glyphline.scoring.probabilities import PREDICT_AGAIN, check_probs


def measure(
    predictions: Predictions,
    *,
    bins: int,
    dataset: str,
    predictions_sha256: str,
    slices: Sequence[SliceScore] = (),
    corruptions: Sequence[CorruptionScore] = (),
) -> Evaluation:
    """Compute all metrics of the predictions for a split.

    A rate that is 0 / 0 is None, and such a class is left out of the macro F1. In the log loss, in nats, a probability
    of 0 counts as the smallest step of float64. Intervals of means are bootstrapped with a fixed seed.

    Args:
        predictions: of one model.
        bins: confidence bins of the calibration errors.
        dataset: name of the data set, for the record.
        predictions_sha256: of the file that keeps `predictions`, for the record.
        slices: accuracy on parts of the split, for the record.
        corruptions: accuracy on corrupted images, for the record.

    Raises:
        DataError: the predictions are no probabilities, or not one per class.
    """
    probs, labels, classes = predictions.probs, predictions.labels, predictions.classes
    check_probs(probs, labels)
    if probs.shape[1] != len(classes):
        raise DataError(f"{probs.shape[1]} probabilities per image for {len(classes)} classes", fix=PREDICT_AGAIN)
    from sklearn.metrics import f1_score

    predicted = probs.argmax(axis=1)
    correct = int(predictions.right.sum())
    low, high = wilson(correct, len(labels))
    counts = confusion(labels, predicted, len(classes))
    scores = class_scores(counts, classes)
    recalls = [(score.correct, score.count) for score in scores if score.count]
    balanced_low, balanced_high = mean_share_interval(recalls)
    loss = bootstrap_mean(log_losses(probs, labels))
    macro_f1 = float(f1_score(labels, predicted, average="macro", zero_division=0))
    macro_low, macro_high = macro_f1_interval(counts)
    worst, best = _extremes(scores)
    k = top_k(len(classes))
    return Evaluation(
        dataset=dataset,
        test_digest=predictions.test_digest,
        weights_digest=predictions.weights_digest,
        predictions_sha256=predictions_sha256,
        count=len(labels),
        correct=correct,
        accuracy=correct / len(labels),
        accuracy_low=low,
        accuracy_high=high,
        balanced_accuracy=sum(hits / images for hits, images in recalls) / len(recalls),
        balanced_accuracy_low=balanced_low,
        balanced_accuracy_high=balanced_high,
        top_k=k,
        top_k_accuracy=None if k is None else _top_k_accuracy(predictions, k),
        log_loss=loss.value,
        log_loss_low=loss.low,
        log_loss_high=loss.high,
        brier_score=float(brier_scores(probs, labels).mean()),
        macro_f1=macro_f1,
        macro_f1_low=min(macro_low, macro_f1),
        macro_f1_high=max(macro_high, macro_f1),
        weighted_f1=float(f1_score(labels, predicted, average="weighted", zero_division=0)),
        calibration_error=calibration_error(probs, labels, bins),
        adaptive_calibration_error=adaptive_calibration_error(probs, labels, bins),
        risk_coverage_area=risk_coverage(probs, labels).area,
        worst_class=worst.name,
        worst_class_recall=_recall(worst),
        class_gap=_recall(best) - _recall(worst),
        corruption_accuracy=float(np.mean([score.accuracy for score in corruptions])) if corruptions else None,
        classes=scores,
        slices=tuple(slices),
        corruptions=tuple(corruptions),
    )


def top_k(classes: int) -> int | None:
    """The k of a top-k accuracy that adds something to the accuracy: 5 from 50 classes on, 3 from 5 on; else None."""
    return 5 if classes >= 50 else 3 if classes >= 5 else None


def _top_k_accuracy(predictions: Predictions, k: int) -> float:
    from sklearn.metrics import top_k_accuracy_score

    classes = np.arange(len(predictions.classes))
    return float(top_k_accuracy_score(predictions.labels, predictions.probs, k=k, labels=classes))


def _extremes(scores: Sequence[ClassScore]) -> tuple[ClassScore, ClassScore]:
    with_images = [score for score in scores if score.count]
    # min and max take the first of equals: the result does not depend on anything but the counts.
    return min(with_images, key=_recall), max(with_images, key=_recall)


def _recall(score: ClassScore) -> float:
    assert score.recall is not None
    return score.recall
