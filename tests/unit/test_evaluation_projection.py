"""The plane in which features differ most: the same as scikit-learn's, with one sign, of the images that are drawn."""

import numpy as np
import pytest

from glyphline.evaluation import projection
from glyphline.evaluation.image_predictions import ImagePrediction
from glyphline.evaluation.projection import principal_components, project


def mistake(index):
    return ImagePrediction(index, actual=0, predicted=1, confidence=0.9, likelihood=0.1)


@pytest.mark.parametrize("shape", [(40, 6), (6, 40), (3, 3), (50, 2)])
def test_the_components_are_those_of_scikit_learn(shape):
    decomposition = pytest.importorskip("sklearn.decomposition")
    features = np.random.default_rng(1).normal(size=shape).astype(np.float32) * np.arange(1, shape[1] + 1)
    points, shares = principal_components(features)
    reference = decomposition.PCA(2, svd_solver="full").fit(features)
    np.testing.assert_allclose(np.abs(points), np.abs(reference.transform(features)), atol=1e-4)
    assert shares == pytest.approx(reference.explained_variance_ratio_.tolist())


def test_features_that_are_turned_about_lie_in_the_same_places():
    features = np.random.default_rng(2).normal(size=(30, 5)).astype(np.float32)
    points, _ = principal_components(features)
    np.testing.assert_allclose(principal_components(-features[:, ::-1])[0], points, atol=1e-5)
    assert (points[np.abs(points).argmax(axis=0), [0, 1]] > 0).all()


@pytest.mark.parametrize("features", [np.ones((4, 3)), np.ones((1, 5)), np.arange(4.0).reshape(4, 1), np.zeros((2, 1))])
def test_features_without_two_directions_have_points_all_the_same(features):
    points, shares = principal_components(features.astype(np.float32))
    assert points.shape == (len(features), 2)
    assert np.isfinite(points).all()
    assert 0 <= sum(shares) <= 1 + 1e-9


def test_all_images_of_a_small_split_are_drawn_in_their_order():
    images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1)
    made = project(images, [mistake(1)], lambda part: part.reshape(len(part), 4).astype(np.float32))
    assert made.indices.tolist() == [0, 1, 2]
    assert made.evenly == 3
    # Equal steps along one line.
    assert np.diff(np.abs(made.points[:, 0] - made.points[1, 0])).tolist() == pytest.approx([-8, 8])


def test_of_many_images_an_even_part_is_drawn_and_the_worst_mistakes():
    images = np.zeros((5001, 1, 1, 1), np.uint8)
    images[:, 0, 0, 0] = np.arange(5001) % 256
    sizes = []

    def features(part):
        sizes.append(len(part))
        return part.reshape(len(part), 1).astype(np.float32)

    made = project(images, [mistake(index) for index in range(1, 5000, 7)], features)
    assert made.evenly == projection.MOST_IMAGES
    assert {0, 5000, 1, 8, 1 + 7 * 199} <= set(made.indices.tolist())
    assert np.unique(made.indices).tolist() == made.indices.tolist()
    assert 2000 < len(made.indices) <= 2200
    assert sum(sizes) == len(made.indices)
    assert max(sizes) <= projection.BATCH_IMAGES


def test_a_network_without_features_has_no_projection():
    assert project(np.zeros((3, 1, 1, 1), np.uint8), [], lambda part: None) is None
