"""The numbers of an evaluation, by scikit-learn; imported late, because it takes longer to load than to count."""

import numpy as np
import numpy.typing as npt

from glyphline.errors import DataError
from glyphline.evaluation.calibration import calibration_error
from glyphline.evaluation.intervals import wilson
from glyphline.evaluation.probabilities import PREDICT_AGAIN, check_probs
from glyphline.records import ClassScore, Evaluation
from glyphline.values import Labels, Probs, Split

Counts = npt.NDArray[np.int64]


def measure(split: Split, probs: Probs, *, bins: int, dataset: str, weights_digest: str) -> Evaluation:
    """Judge the predictions for a split.

    A class without an image and without a prediction scores 0 and is left out of the macro F1; a rate that is 0 / 0
    is 0. In the log loss, in nats, a probability of 0 counts as the smallest step of its type.

    Args:
        split: what was predicted; its labels are the truth.
        probs: float32 (n, classes), softmax output for `split.images`.
        bins: confidence bins of the calibration error.
        dataset: name of the data set, for the record.
        weights_digest: of the model that predicted, for the record.

    Raises:
        DataError: `probs` are no probabilities, or do not belong to this split.
    """
    check_probs(probs, split.labels)
    if probs.shape[1] != len(split.classes):
        raise DataError(f"{probs.shape[1]} probabilities per image for {len(split.classes)} classes", fix=PREDICT_AGAIN)
    from sklearn.metrics import f1_score, log_loss, precision_recall_fscore_support

    predicted, every = probs.argmax(axis=1), np.arange(len(split.classes))
    correct = int((predicted == split.labels).sum())
    low, high = wilson(correct, len(split))
    scores = precision_recall_fscore_support(split.labels, predicted, labels=every, zero_division=0)
    # Rows of float32 sum to 1 only nearly, which scikit-learn warns about.
    rows = probs.astype(np.float64) / probs.sum(axis=1, keepdims=True, dtype=np.float64)
    return Evaluation(
        dataset=dataset,
        test_digest=split.digest,
        weights_digest=weights_digest,
        count=len(split),
        correct=correct,
        accuracy=correct / len(split),
        accuracy_low=low,
        accuracy_high=high,
        log_loss=float(log_loss(split.labels, rows, labels=every)),
        macro_f1=float(f1_score(split.labels, predicted, average="macro", zero_division=0)),
        calibration_error=calibration_error(probs, split.labels, bins),
        classes=tuple(
            ClassScore(name=name, precision=float(p), recall=float(r), f1=float(f1), count=int(count))
            for name, p, r, f1, count in zip(split.classes, *scores, strict=True)
        ),
    )


def confusion(labels: Labels, predicted: Labels, classes: int) -> Counts:
    """How often each class was taken for each.

    Args:
        labels: int (n,), what the images are.
        predicted: int (n,), what they were taken for.
        classes: how many classes there are.

    Returns:
        int64 (classes, classes); row: the true class, column: the predicted one.
    """
    from sklearn.metrics import confusion_matrix

    return np.asarray(confusion_matrix(labels, predicted, labels=np.arange(classes)), dtype=np.int64)
