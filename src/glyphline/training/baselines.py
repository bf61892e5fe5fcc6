"""What a model must beat to have learned something: two classifiers that need no training."""

import numpy as np
import numpy.typing as npt

from glyphline.values import Images, Split

# Enough images for the mean of a class, and a limit to what is read of a split that does not fit in memory.
MOST_IMAGES = 10_000
ROWS_AT_ONCE = 256
# 200 MB of mean images; more classes of larger images are not compared.
MOST_VALUES = 50_000_000


def weakness(train: Split, val: Split, accuracy: float) -> str | None:
    """In words, why a model is too weak: no better than the first classifier, or worse than the second; else None.

    Args:
        train: the training split.
        val: the validation split.
        accuracy: of the model on `val`, a fraction.
    """
    largest = float(np.bincount(val.labels).max()) / len(val)
    if accuracy <= largest:
        return f"always answering the largest class is right on {largest:.4f}: the model has learned nothing"
    nearest = nearest_mean_accuracy(train, val)
    if nearest is not None and accuracy < nearest:
        return f"comparing with the mean image of each class is right on {nearest:.4f}: the model is under-trained"
    return None


def nearest_mean_accuracy(train: Split, val: Split) -> float | None:
    """Accuracy of the classifier that answers the class whose mean image is the nearest.

    Args:
        train: gives the mean images; of a large split, images at equal distances.
        val: is classified; likewise.

    Returns:
        A fraction; None when there are too many classes of too large images.
    """
    size, classes = int(np.prod(train.image_shape)), len(train.classes)
    if size * classes > MOST_VALUES:
        return None
    sums, counts = np.zeros((classes, size), np.float32), np.zeros((classes, 1), np.float32)
    for rows in _pieces(len(train)):
        one_hot = np.eye(classes, dtype=np.float32)[train.labels[rows]]
        sums += one_hot.T @ _flat(train.images, rows)
        counts += one_hot.sum(axis=0)[:, np.newaxis]
    means = sums / np.maximum(counts, 1)
    lengths = (means**2).sum(axis=1)
    # A class without a training image is the nearest to nothing.
    lengths[counts[:, 0] == 0] = np.inf
    right = total = 0
    for rows in _pieces(len(val)):
        nearest = (lengths - 2 * _flat(val.images, rows) @ means.T).argmin(axis=1)
        right += int((nearest == val.labels[rows]).sum())
        total += len(rows)
    return right / total


def _pieces(count: int) -> list[npt.NDArray[np.int64]]:
    rows = np.unique(np.linspace(0, count - 1, min(count, MOST_IMAGES)).astype(np.int64))
    return [rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE)]


def _flat(images: Images, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    return images[rows].reshape(len(rows), -1).astype(np.float32) / np.float32(255)
