"""What a model must beat to have learned something: two classifiers that need no training."""

import numpy as np
import numpy.typing as npt

from glyphline.values import Images, Split

# Enough images for the mean of a class, and a limit to what is read of a split that does not fit in memory.
MOST_IMAGES = 10_000
ROWS_AT_ONCE = 256
# 200 MB of mean images; more classes of larger images are not compared.
MOST_VALUES = 50_000_000


def weakness(train: Split, val: Split, score: float, *, is_balanced: bool = False) -> str | None:
    """In words, why a model is too weak: no better than the first classifier, or worse than the second; else None.

    Args:
        train: the training split.
        val: the validation split.
        score: of the model on `val`, a fraction: its accuracy.
        is_balanced: the score is its balanced accuracy, and so is that of the two classifiers.
    """
    counts = np.bincount(val.labels)
    constant = 1 / np.count_nonzero(counts) if is_balanced else float(counts.max()) / len(val)
    verb = "has" if is_balanced else "is right on"
    if score <= constant:
        return f"always answering the largest class {verb} {constant:.4f}: the model has learned nothing"
    nearest = nearest_mean_accuracy(train, val, is_balanced=is_balanced)
    if nearest is not None and score < nearest:
        return f"comparing with the mean image of each class {verb} {nearest:.4f}: the model is under-trained"
    return None


def mean_recall(hits: npt.NDArray[np.int64], images: npt.NDArray[np.int64]) -> float:
    """The balanced accuracy: the mean, over the classes that have images, of the part of them that was hit.

    Args:
        hits: int (classes,), images of each class that were answered right.
        images: int (classes,), images of each class; at least one has some.
    """
    has_images = images > 0
    return float((hits[has_images] / images[has_images]).mean())


def nearest_mean_accuracy(train: Split, val: Split, *, is_balanced: bool = False) -> float | None:
    """Accuracy of the classifier that answers the class whose mean image is the nearest.

    Args:
        train: gives the mean images; of a large split, images at equal distances.
        val: is classified; likewise.
        is_balanced: give the balanced accuracy instead.

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
    hits, images = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    for rows in _pieces(len(val)):
        nearest, labels = (lengths - 2 * _flat(val.images, rows) @ means.T).argmin(axis=1), val.labels[rows]
        hits += np.bincount(labels[nearest == labels], minlength=classes)
        images += np.bincount(labels, minlength=classes)
    return mean_recall(hits, images) if is_balanced else int(hits.sum()) / int(images.sum())


def _pieces(count: int) -> list[npt.NDArray[np.int64]]:
    rows = np.unique(np.linspace(0, count - 1, min(count, MOST_IMAGES)).astype(np.int64))
    return [rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE)]


def _flat(images: Images, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    return images[rows].reshape(len(rows), -1).astype(np.float32) / np.float32(255)
