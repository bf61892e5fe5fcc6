"""Mixed images: which part each keeps, and that loss and accuracy follow."""

import numpy as np
import pytest

from glyphline.training import objective
from glyphline.training.keras_import import import_keras
from glyphline.training.mixing import mix
from tests.conftest import changed

SIDE, IMAGES = 12, 301
KINDS = ("mixup", "cutmix")


@pytest.fixture(scope="module")
def steps():
    """Image number i is of the colour i."""
    return np.arange(IMAGES, dtype=np.float32).reshape(-1, 1, 1, 1) * np.ones((1, SIDE, SIDE, 1), np.float32)


def mixed(default_params, images, training=True, start=7, **values):
    keras = import_keras()
    values = {"mix_alpha": 1.0} | values
    params = changed(default_params, {f"train.augment.{name}": value for name, value in values.items()})
    inputs = keras.Input(images.shape[1:])
    model = keras.Model(inputs, mix(params.train.augment, inputs))
    for variable in model.variables:
        variable.assign([start, 0])
    return [keras.ops.convert_to_numpy(one) for one in model(images, training=training)]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_happens_outside_of_training(default_params, steps, kind):
    images, kept = mixed(default_params, steps, training=False, mix=kind)
    assert np.array_equal(images, steps)
    assert np.array_equal(kept, np.ones((IMAGES, 1)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_what_is_said_of_an_image_is_what_it_kept_of_itself_beside_its_partner(default_params, steps, kind, alpha):
    images, kept = mixed(default_params, steps, mix=kind, mix_alpha=alpha)
    colours = steps[:, 0, 0]
    assert kept.shape == (IMAGES, 1)
    assert images.mean(axis=(1, 2)) == pytest.approx(kept * colours + (1 - kept) * colours[::-1], abs=1e-3)
    assert kept.min() >= 0.5
    assert kept.max() <= 1
    # A box has whole pixels: as many sizes as its side can have.
    assert len(np.unique(kept)) > (20 if kind == "mixup" else SIDE // 3)
    # The larger of two draws of the same Beta distribution.
    drawn = np.random.default_rng(5).beta(alpha, alpha, 100_000)
    tolerance = 0.03 if kind == "mixup" else 0.12
    assert kept.mean() == pytest.approx(np.maximum(drawn, 1 - drawn).mean(), abs=tolerance)


def test_cutmix_puts_one_box_of_the_partner_within_the_image(default_params, steps):
    images, kept = mixed(default_params, steps, mix="cutmix")
    for image, own, partner, part in zip(images[..., 0], steps[..., 0], steps[::-1, ..., 0], kept[:, 0], strict=True):
        if np.array_equal(own, partner):
            continue
        box = image == partner
        assert np.array_equal(image[~box], own[~box])
        rows, columns = np.flatnonzero(box.any(axis=1)), np.flatnonzero(box.any(axis=0))
        assert box.sum() == len(rows) * len(columns)
        assert len(rows) == len(columns)
        assert 1 - box.mean() == pytest.approx(part)


def test_boxes_lie_at_every_border(default_params, steps):
    images, _ = mixed(default_params, steps, mix="cutmix")
    boxes = images[..., 0] == steps[::-1, ..., 0]
    assert all(border.any() for border in (boxes[:, 0], boxes[:, -1], boxes[:, :, 0], boxes[:, :, -1]))


@pytest.mark.parametrize("kind", KINDS)
def test_what_happens_follows_from_the_state_of_the_generator(default_params, steps, kind):
    first, again, other = (mixed(default_params, steps, start=start, mix=kind)[0] for start in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("balanced", [False, True])
def test_the_loss_takes_the_labels_in_the_parts_of_the_images(default_params, balanced):
    params = changed(default_params, {"train.augment.mix": "mixup", "train.label_smoothing": 0.0}).train
    labels, rng = np.array([0, 2, 1, 1], dtype=np.int32), np.random.default_rng(1)
    logits = rng.normal(size=(4, 2, 3)).astype(np.float32)
    kept = rng.uniform(0.5, 1, (4, 2, 1)).astype(np.float32)
    weights = np.array([0.5, 1.0, 3.0], np.float32) if balanced else None
    log_probs = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    one_hot = np.eye(3)[labels][:, None]
    soft = kept * one_hot + (1 - kept) * one_hot[::-1]
    expected = -(soft * log_probs).sum(axis=2) * (1 if weights is None else soft @ weights)
    value = objective.loss(params, 3, weights)(labels, np.concatenate([logits, kept], axis=2))
    assert float(value) == pytest.approx(expected.mean(), rel=1e-5)


def test_the_accuracy_of_training_asks_for_the_larger_part():
    metric = objective.accuracy(2)
    # One member; the first image is answered right.
    outputs = np.array([[[2.0, 0.0, 0.6]], [[2.0, 0.0, 0.9]]], dtype=np.float32)
    metric.update_state(np.array([0, 1]), outputs)
    assert float(metric.result()) == 0.5
