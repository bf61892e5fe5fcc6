"""Several networks as one classifier: each learns on its own, and the mean of what they say counts."""

import numpy as np
import pytest

from glyphline import training
from glyphline.training import archive, objective
from glyphline.training.networks import build
from glyphline.training.prediction import probabilities
from glyphline.training.trainer import SEED_STATE, Trainer
from tests.conftest import changed, made_split

VARIED = {
    "model.members": 3,
    "model.filters": (4,),
    "model.dense_units": 8,
    "model.dropout": 0.3,
    "train.epochs": 3,
    "train.patience": 3,
    "train.batch_size": 16,
    "train.learning_rate": 0.01,
    "train.precision": "float32",
    "train.augment.shift": 0.1,
}


@pytest.fixture(scope="module")
def params(default_params):
    return changed(default_params, VARIED)


@pytest.fixture(scope="module")
def context(params):
    # 90 images in batches of 16: the last one is smaller.
    return training.prepare(params, made_split("train", 90), made_split("val", 45, seed=1))


@pytest.fixture(scope="module")
def fitted(params, context):
    return training.fit(params, context, seed=3)


def members(model):
    return [layer for layer in model.layers if layer.name.startswith("member_")]


@pytest.mark.parametrize("kind", ["cnn", "resnet"])
def test_the_saved_model_answers_with_the_mean_of_its_members(params, context, tmp_path, kind):
    fitted = training.fit(changed(params, {"model.kind": kind}), context, seed=3, epochs=1)
    fitted.save(tmp_path / "model.keras")
    model, images = archive.open_model(tmp_path / "model.keras"), context.val.images
    logits = [np.asarray(member(images.astype(np.float32) / 255)) for member in members(model)]
    each = [np.exp(one) / np.exp(one).sum(axis=1, keepdims=True) for one in logits]
    assert len(each) == 3
    assert probabilities(model, images, 64) == pytest.approx(np.mean(each, axis=0), abs=1e-5)
    alone = build(changed(params, {"model.kind": kind, "model.members": 1}), context.val.image_shape, 3)
    assert fitted.parameters == 3 * alone.model.count_params()


def test_each_member_ends_with_weights_of_its_own(fitted):
    digests = {archive.weights_digest(member.get_weights()) for member in members(fitted.model)}
    assert len(digests) == 3


def test_together_they_learn_what_is_there_to_learn(params, context):
    values = {"train.epochs": 12, "train.patience": 12, "model.dropout": 0.0}
    assert training.fit(changed(params, values), context, seed=0).best_metrics["val_accuracy"] > 0.9


def test_no_member_learns_from_what_the_others_say(params):
    loss, rng = objective.loss(params.train, 3), np.random.default_rng(1)
    labels, logits = np.array([0, 2, 1], dtype=np.int32), rng.normal(size=(3, 2, 3)).astype(np.float32)
    each = [float(loss(labels, logits[:, [number]])) for number in (0, 1)]
    assert float(loss(labels, logits)) == pytest.approx(np.mean(each), rel=1e-6)


def test_the_accuracy_of_training_is_that_of_the_mean():
    metric = objective.accuracy(2)
    # One member is sure of the first class, two lean to the second: the mean of the probabilities says the first.
    logits = np.array([[[9.0, 0.0], [0.0, 0.5], [0.0, 0.5]]], dtype=np.float32)
    metric.update_state(np.array([0]), logits)
    assert float(metric.result()) == 1.0


def test_an_interrupted_fit_of_members_goes_on_to_the_same_weights(params, context, fitted, tmp_path):
    def stop(epoch, _metrics):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.fit(params, context, seed=3, on_epoch=stop, checkpoints=tmp_path)
    epochs = []
    again = training.fit(params, context, seed=3, on_epoch=lambda epoch, _: epochs.append(epoch), checkpoints=tmp_path)
    assert epochs == [0, 1, 2]
    assert again.weights_digest() == fitted.weights_digest()
    assert again.history == fitted.history


@pytest.mark.parametrize(
    ("values", "generators"),
    # Of each member: variations and dropout; then also two of colours and one of mixing.
    [({}, 2), ({"train.augment.brightness": 0.1, "train.augment.contrast": 0.1, "train.augment.mix": "mixup"}, 5)],
)
def test_each_member_draws_its_own_variations_and_dropout(params, context, values, generators):
    params = changed(params, values)
    network = build(params, context.val.image_shape, 3)
    trainer = Trainer(params.train, context.device, network, context.train, epochs=1, seed=3)
    trainer.begin_epoch(0)
    states = [variable for variable in trainer._training_model.variables if variable.path.endswith(SEED_STATE)]
    assert len(states) == len({tuple(np.asarray(state)) for state in states}) == 3 * generators


def test_members_learn_from_images_that_are_mixed_for_each_in_its_own_way(params, context):
    values = {"train.augment.mix": "mixup", "train.class_weight": "balanced", "model.dropout": 0.0}
    fits = [training.fit(changed(params, values), context, seed=0, epochs=8) for _ in range(2)]
    assert fits[0].weights_digest() == fits[1].weights_digest()
    assert fits[0].history[-1]["val_accuracy"] > 0.8
    # The accuracy of training asks for the larger part of a mixed image.
    assert fits[0].history[-1]["train_accuracy"] > 0.6


def test_the_mean_is_the_same_bit_by_bit_whatever_the_process_has_built_before(fitted, context):
    answers = set()
    # More than ten: names that Keras counts on change their order from 9 to 10.
    for _ in range(12):
        model = fitted.build(fitted.weights)
        answers.add(probabilities(model, context.val.images, 64).tobytes())
    assert len(answers) == 1
