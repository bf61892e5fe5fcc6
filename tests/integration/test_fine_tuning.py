"""Fine-tuning: the chosen layers of a backbone learn with the head, in smaller steps, and nothing else changes."""

import numpy as np
import pytest

from glyphline import data, training
from glyphline.errors import TrainingError
from glyphline.params import overlay
from glyphline.params import read as read_params
from glyphline.paths import Paths
from glyphline.stages import backbone, features, tune
from glyphline.training import heads
from glyphline.training.fine_tuning import HEAD_EPOCHS, set_heads
from glyphline.training.heads.head import Head
from glyphline.training.keras_import import import_keras
from glyphline.training.objective import optimizer
from glyphline.training.prediction import probabilities
from glyphline.tuning.trial import TooLargeError, TrialSpec, fit_candidate
from tests.conftest import made_split

NAME = "efficientnet_lite0"
TRAIN, VAL = made_split("train", 48, side=32, channels=3), made_split("val", 15, seed=1, side=32, channels=3)


@pytest.fixture(scope="module")
def values(root):
    return overlay(
        read_params(root / "params.yaml"),
        {
            "model.kind": "pretrained",
            "model.dense_units": 8,
            "train.tune_backbone": 3,
            "train.epochs": 3,
            # At this rate the heads are far from their best, and what the backbone learns shows.
            "train.learning_rate": 1e-4,
            "train.backbone_rate": 1.0,
            "train.batch_size": 16,
        },
    )


@pytest.fixture(scope="module")
def paths(values, tmp_path_factory):
    """What the stages before a search leave."""
    folder = tmp_path_factory.mktemp("fine_tuning")
    paths = Paths(work=folder, home=folder)
    for split in (TRAIN, VAL):
        data.save(
            paths.split(split.name), split.name, split.images, split.labels, classes=split.classes, dataset="bars"
        )
    backbone.run(values, paths)
    features.run(values, paths)
    return paths


@pytest.fixture(scope="module")
def context(values, paths):
    return tune.prepare(values, paths)


@pytest.fixture(scope="module")
def fitted(values, context):
    return training.fit(values, context, seed=3)


def arrays(model, name=NAME):
    """The weights of a backbone within a model, by the names of their layers."""
    return {layer.name: layer.get_weights() for layer in model.get_layer(name).layers if layer.weights}


def test_the_chosen_layers_learn_and_no_other_one_and_no_normalisation(fitted, context):
    published = {layer.name: layer.get_weights() for layer in context.features.backbone(NAME).layers if layer.weights}
    changed = {
        name
        for name, weights in arrays(fitted.model).items()
        if any(not np.array_equal(one, other) for one, other in zip(weights, published[name], strict=True))
    }
    assert changed == {"block_16_depthwise", "block_16_project", "last"}


@pytest.mark.parametrize(
    ("wanted", "count", "first"),
    [("none", 0, None), (1, 1, "last"), (49, 49, "first"), ("all", 49, "first"), (48, 48, "block_1_depthwise")],
)
def test_the_last_layers_are_counted_from_the_features_and_all_are_49(values, context, wanted, count, first):
    network = context.network(overlay(values, {"train.tune_backbone": wanted}))
    (below,) = network.backbones
    learning = [layer.name for layer in below.layers if layer.trainable_weights]
    assert len(learning) == count
    assert learning[:1] == [first][:count]
    assert not [name for name in learning if name.endswith("_norm")]


def test_a_fit_begins_with_the_heads_that_are_fitted_on_the_features(values, context):
    wanted = overlay(values, {"model.members": 2})
    network = context.network(wanted)
    set_heads(network, wanted, context.features, seed=5)
    head = Head(1280, 8, 3, members=2, seed=5)
    head.weights = heads.fit(wanted, context.features, seed=5, epochs=HEAD_EPOCHS).weights
    ours = probabilities(network.model, VAL.images, 16)
    np.testing.assert_allclose(ours, head.probabilities(context.features.features[NAME].val), rtol=1e-3, atol=1e-5)


def test_heads_that_the_backbone_makes_no_better_are_the_result(values, context):
    wild = overlay(values, {"train.tune_backbone": "all", "train.learning_rate": 1.0, "train.warmup": 0.0})
    spoiled = training.fit(wild, context, seed=3, epochs=2)
    assert spoiled.best_epoch == 0
    head = heads.fit(wild, context.features, seed=3, epochs=HEAD_EPOCHS).best_metrics
    assert spoiled.best_metrics["val_loss"] == pytest.approx(head["val_loss"], rel=1e-3)
    assert spoiled.best_metrics["train_loss"] == head["train_loss"]


class StoppedError(Exception):
    pass


def test_an_interrupted_fit_goes_on_to_the_same_weights(values, context, fitted, tmp_path):
    def stop(epoch, _metrics):
        if epoch == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        training.fit(values, context, seed=3, on_epoch=stop, checkpoints=tmp_path)
    again = training.fit(values, context, seed=3, checkpoints=tmp_path)
    assert again.weights_digest() == fitted.weights_digest()
    assert again.history == fitted.history


def test_the_archive_is_a_plain_one_in_float32_and_opens_in_safe_mode(fitted, context, tmp_path):
    fitted.save(tmp_path / "model.keras")
    model = training.open_model(tmp_path / "model.keras")
    assert {variable.dtype for variable in model.weights} == {"float32"}
    assert (model.input.dtype, model.output.dtype) == ("uint8", "float32")
    assert np.array_equal(probabilities(model, VAL.images, 16), probabilities(fitted.model, VAL.images, 16))
    assert training.archive.weights_digest(model.get_weights()) == fitted.weights_digest()
    assert model.count_params() == fitted.parameters


@pytest.mark.parametrize(
    "options",
    [
        {"train.optimizer": "adamw", "train.weight_decay": 0.3},
        {"train.optimizer": "sgd", "train.momentum": 0.0, "train.weight_decay": 0.3},
        {"train.optimizer": "sgd"},
    ],
    ids=str,
)
def test_the_backbone_takes_its_part_of_a_step_and_of_the_decay(values, options):
    keras = import_keras()
    train = overlay(
        values, {**options, "train.schedule": "constant", "train.warmup": 0.0, "train.backbone_rate": 0.25}
    ).train
    start = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    gradients = [keras.ops.convert_to_tensor(np.float32([1.0, -2.0, 3.0]) * np.ones((4, 3), np.float32))] * 2

    def step(slower):
        variables = [keras.Variable(weight, name="kernel") for weight in start]
        made = optimizer(train, 1, variables, scales_loss=False, slower=variables[:slower])
        made.apply(gradients, variables)
        return [np.asarray(variable) - weight for variable, weight in zip(variables, start, strict=True)]

    (plain, other), (slow, same) = step(0), step(1)
    np.testing.assert_allclose(slow, 0.25 * plain, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(same, other)


def test_the_precision_of_a_processor_is_float32_and_the_reason_is_told(context):
    assert context.device.precision == "float32"
    if context.device.name == "CPU":
        assert "depthwise" in context.tags()["glyphline.choice"]
    assert context.tags()["glyphline.backbone"] == "efficientnet_lite0 579344248a93"


def test_a_search_may_choose_how_many_layers_learn(values, paths):
    choices = {"train.tune_backbone": {"choices": ["none", 1, 2]}}
    params = overlay(values, {"train.tune_backbone": "none", "tune.space": choices, "tune.max_parameters": 3_500_000})
    context = tune.prepare(params, paths)
    losses = {}
    for chosen in ("none", 1):
        spec = TrialSpec(0, {"train.tune_backbone": chosen}, seed=1, epochs=2)
        losses[chosen] = fit_candidate(params, spec, context, on_epoch=lambda *_: None)["val_loss"]
    assert losses["none"] == heads.fit(params, context.features, seed=1, epochs=2).best_metrics["val_loss"]
    assert losses[1] != losses["none"]
    spec = TrialSpec(0, {"train.tune_backbone": 1, "model.dense_units": 100}, seed=1, epochs=1)
    with pytest.raises(TooLargeError, match=r"3,\d\d\d,\d\d\d parameters"):
        fit_candidate(params, spec, context, on_epoch=lambda *_: None)


def test_more_layers_than_there_are_are_refused_before_anything_is_fitted(values, paths):
    for params in (
        overlay(values, {"train.tune_backbone": 50}),
        overlay(values, {"tune.space": {"train.tune_backbone": {"choices": [2, 50]}}}),
    ):
        with pytest.raises(TrainingError, match=r"tune_backbone=50, and efficientnet_lite0 has 49 layers") as caught:
            tune.prepare(params, paths)
        assert "49 or less, or to all" in caught.value.fix


def test_without_it_a_fit_is_one_of_heads_and_other_networks_do_not_ask_for_it(values, paths):
    params = overlay(values, {"train.tune_backbone": "none"})
    assert isinstance(tune.prepare(params, paths), training.FeatureContext)
    plain = overlay(values, {"model.kind": "cnn", "model.filters": (4,), "train.epochs": 1})
    digests = [
        training.fit(one, training.prepare(one, TRAIN, VAL), seed=1).weights_digest()
        for one in (plain, overlay(plain, {"train.tune_backbone": "all"}))
    ]
    assert digests[0] == digests[1]
