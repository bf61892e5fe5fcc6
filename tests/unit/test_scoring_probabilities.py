"""What is no probability, or does not belong to the labels, is refused with the way out."""

import numpy as np
import pytest

from glyphline.errors import DataError
from glyphline.scoring.probabilities import check_probs

GOOD = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
LABELS = np.array([0, 1])


def test_softmax_output_passes_also_in_half_precision():
    check_probs(GOOD, LABELS)
    check_probs(GOOD.astype(np.float16), LABELS)


@pytest.mark.parametrize(
    ("probs", "labels", "problem", "fix"),
    [
        (np.array([[3.0, -1.0]]), [0], "do not sum to 1", "softmax"),
        (np.array([[1.5, -0.5]]), [0], "negative", "softmax"),
        (np.array([[0.5, 0.502]]), [0], "do not sum to 1", "softmax"),
        (np.array([[0.5, np.nan], [1, 0]]), [0, 0], "image 0 hold NaN", "learning_rate"),
        (np.array([[1, 0], [np.inf, 0]]), [0, 0], "image 1 hold NaN or infinity", "learning_rate"),
        (np.array([0.5, 0.5]), [0, 1], r"received \(2,\)", "one column per class"),
        (np.ones((2, 1)), [0, 0], r"received \(2, 1\)", "also when there are two"),
        (np.ones((0, 2)), np.array([], dtype=int), "no predictions", "at least one image"),
        (GOOD, [0], "2 predictions for 1 labels", "predict again"),
        (GOOD, [[1, 0], [0, 1]], "labels must be integers", "one-hot"),
        (GOOD, [0.0, 1.0], "float64", "class indices"),
        (GOOD, [0, 2], "label 2 at 1", "same data set"),
        (GOOD, [-1, 0], "label -1 at 0", "same data set"),
    ],
)
def test_what_is_wrong_is_said_and_so_is_what_to_do(probs, labels, problem, fix):
    with pytest.raises(DataError, match=problem) as caught:
        check_probs(probs, np.asarray(labels))
    assert fix in caught.value.fix
