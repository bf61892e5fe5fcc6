"""Stored predictions come back as they were, and a file that was touched is refused."""

import numpy as np
import pytest

from glyphline.errors import ArtifactError
from glyphline.scoring import predictions
from glyphline.scoring.predictions import Predictions


@pytest.fixture
def some() -> Predictions:
    probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], dtype=np.float32)
    return Predictions(probs, np.array([0, 1, 0]), ("a", "ß/1"), test_digest="t" * 64, weights_digest="w" * 64)


def test_they_come_back_as_they_were(some, tmp_path):
    digest = predictions.write(tmp_path / "p.npz", some)
    stored = predictions.read(tmp_path / "p.npz", digest)
    assert (stored.probs == some.probs).all()
    assert (stored.labels == some.labels).all()
    assert (stored.classes, stored.test_digest, stored.weights_digest) == (some.classes, "t" * 64, "w" * 64)
    assert stored.right.tolist() == [True, True, False]


def test_equal_predictions_give_equal_bytes(some, tmp_path):
    assert predictions.write(tmp_path / "1.npz", some) == predictions.write(tmp_path / "2.npz", some)


def test_an_edited_file_is_told_by_its_digest(some, tmp_path):
    path = tmp_path / "p.npz"
    digest = predictions.write(path, some)
    predictions.write(path, Predictions(some.probs, np.array([0, 1, 1]), some.classes, "t" * 64, "w" * 64))
    with pytest.raises(ArtifactError, match="was changed after it was written") as caught:
        predictions.read(path, digest)
    assert "dvc repro --force --single-item evaluate" in caught.value.fix


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"no archive at all"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "p.npz"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"p\.npz holds no predictions"):
        predictions.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ArtifactError, match="does not exist"):
        predictions.read(tmp_path / "p.npz")


def test_a_pickle_in_the_file_is_not_opened(tmp_path):
    path = tmp_path / "p.npz"
    np.savez(path, probs=np.array([{}], dtype=object), labels=np.zeros(1), classes=np.array(["a"]), digests=["a", "b"])
    with pytest.raises(ArtifactError, match="allow_pickle"):
        predictions.read(path)


def test_what_is_no_probability_is_refused(some, tmp_path):
    path = tmp_path / "p.npz"
    predictions.write(path, Predictions(3 * some.probs, some.labels, some.classes, "t" * 64, "w" * 64))
    with pytest.raises(ArtifactError, match="do not sum to 1"):
        predictions.read(path)
