"""How much an image counts in the loss, so that a class with few images counts as much as any other."""

import numpy as np
import numpy.typing as npt

from glyphline.params.train import TrainParams
from glyphline.values import Split


def class_weights(params: TrainParams, train: Split) -> npt.NDArray[np.float32] | None:
    """The weight of an image of each class; the mean over all images is 1, so that step sizes keep their meaning.

    Args:
        params: section `train`; `class_weight` counts.
        train: the training split.

    Returns:
        float32 (classes,): n / (number of classes with images * images of the class), and 0 for a class without images;
        None when all images count the same.

    Source: scikit-learn's `compute_class_weight("balanced")`, after King and Zeng, "Logistic Regression in Rare Events
    Data" (Political Analysis 9, 2001).
    """
    if params.class_weight == "none":
        return None
    counts = np.bincount(train.labels, minlength=len(train.classes))
    has_images = counts > 0
    weights = np.zeros(len(counts), dtype=np.float32)
    weights[has_images] = len(train) / (has_images.sum() * counts[has_images])
    return weights
