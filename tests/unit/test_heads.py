"""Heads in NumPy: right gradients, the same fit from the same seed, and the rules of every other fit."""

import numpy as np
import pytest

from glyphline.errors import ArtifactError, TrainingError
from glyphline.params import overlay
from glyphline.params import read as read_params
from glyphline.records import BackboneWeights
from glyphline.training import heads
from glyphline.training.heads.context import BackboneFeatures, FeatureContext
from glyphline.training.heads.head import Head
from glyphline.values import Split

FEATURES, CLASSES = 12, 3
WEIGHTS = BackboneWeights(
    file="none.pth", sha256="0", size_bytes=0, source="none", licence="none", citation="none", features=FEATURES,
    parameters=1000,
)  # fmt: skip


def split(name: str, labels) -> Split:
    images = np.zeros((len(labels), 8, 8, 3), np.uint8)
    return Split(name, images, labels.astype(np.int64), ("a", "b", "c"), digest=name)


@pytest.fixture
def context(tmp_path):
    random = np.random.default_rng(3)
    centres = random.normal(size=(CLASSES, FEATURES))

    def drawn(name, count):
        labels = np.arange(count) % CLASSES
        features = centres[labels] + 0.3 * random.normal(size=(count, FEATURES))
        return split(name, labels), features.astype(np.float32)

    (train, train_features), (val, val_features) = drawn("train", 90), drawn("val", 31)
    return FeatureContext(
        train, val, {"efficientnet_lite0": BackboneFeatures(WEIGHTS, train_features, val_features)}, tmp_path
    )


@pytest.fixture
def values(root):
    return overlay(
        read_params(root / "params.yaml"),
        {"model.kind": "pretrained", "model.dense_units": 0, "train.batch_size": 16, "train.learning_rate": 0.03},
    )


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("hidden", [0, 5])
@pytest.mark.parametrize("options", [{}, {"smoothing": 0.2}, {"dropout": 0.4}, {"image_weights": True}], ids=str)
def test_gradients_are_those_of_finite_differences(hidden, members, options):
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(7, FEATURES)), np.arange(7) % CLASSES
    given = {"smoothing": 0.0, "dropout": 0.0, "image_weights": None, **options}
    if given["image_weights"]:
        given["image_weights"] = np.linspace(0.5, 2, 7)
    head = Head(FEATURES, hidden, CLASSES, members=members, seed=1)
    # In double precision, where a difference of 1e-6 says something.
    head.weights = [weight.astype(np.float64) for weight in head.weights]

    def step():
        return head.step(features, labels, random=np.random.default_rng(9), **given)

    gradients = step().gradients
    assert len(gradients) == len(head.weights) == (4 if hidden else 2)
    for weight, gradient in zip(head.weights, gradients, strict=True):
        assert gradient.shape == weight.shape
        for place in {tuple(random.integers(0, side) for side in weight.shape) for _ in range(5)}:
            losses = []
            for sign in (1, -1):
                weight[place] += sign * 1e-6
                losses.append(step().loss)
                weight[place] -= sign * 1e-6
            # The loss is the mean over members, and each learns from its own.
            assert gradient[place] == pytest.approx(members * (losses[0] - losses[1]) / 2e-6, rel=1e-3, abs=1e-6)


def test_probabilities_are_the_mean_over_members(context):
    features = context.features["efficientnet_lite0"].val
    both = Head(FEATURES, 4, CLASSES, members=2, seed=5)
    alone = []
    for number in range(2):
        one = Head(FEATURES, 4, CLASSES, members=1, seed=5)
        one.weights = [weight[number : number + 1] for weight in both.weights]
        alone.append(one.probabilities(features))
    np.testing.assert_allclose(both.probabilities(features), np.mean(alone, axis=0), rtol=1e-6)
    np.testing.assert_allclose(both.probabilities(features).sum(axis=1), 1, rtol=1e-6)


def test_a_fit_learns_and_the_same_seed_gives_the_same_weights(context, values):
    fits = [heads.fit(values, context, seed=seed) for seed in (1, 1, 2)]
    assert fits[0].best_metrics["val_accuracy"] > 0.9
    first, again, other = ([weight.tobytes() for weight in fitted.weights] for fitted in fits)
    assert first == again != other
    assert set(fits[0].history[0]) == {"train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate"}


def test_the_weights_of_the_best_epoch_are_kept_when_a_later_one_is_worse(context, values):
    # Steps that are far too large: the first epochs are the best.
    fitted = heads.fit(overlay(values, {"train.learning_rate": 1.0, "train.warmup": 0.9}), context, seed=0)
    head = Head(FEATURES, 0, CLASSES, members=1, seed=0)
    head.weights = fitted.weights
    probs = head.probabilities(context.features["efficientnet_lite0"].val)
    accuracy = float((probs.argmax(axis=1) == context.val.labels).mean())
    assert fitted.best_epoch < len(fitted.history) - 1
    assert accuracy == pytest.approx(fitted.best_metrics["val_accuracy"])


def test_it_stops_early_but_not_in_a_trial(context, values):
    hasty = overlay(values, {"train.learning_rate": 1.0, "train.patience": 1, "train.epochs": 40, "train.warmup": 0.0})
    assert len(heads.fit(hasty, context, seed=0).history) < 40
    assert len(heads.fit(hasty, context, seed=0, epochs=9).history) == 9


def test_the_hook_sees_every_epoch_and_may_end_the_fit(context, values):
    seen = []

    def hook(epoch, metrics):
        seen.append(epoch)
        if epoch == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        heads.fit(values, context, seed=0, on_epoch=hook)
    assert seen == [0, 1, 2]


def test_weight_decay_and_balanced_classes_change_the_fit(context, values):
    changes = ({}, {"train.weight_decay": 0.5}, {"model.dropout": 0.7}, {"train.optimizer": "sgd"})
    digests = {
        b"".join(weight.tobytes() for weight in heads.fit(overlay(values, change), context, seed=0).weights)
        for change in changes
    }
    assert len(digests) == len(changes)


def test_rare_classes_count_as_much_as_others_when_they_are_to(context, values):
    rare = np.concatenate([np.flatnonzero(context.train.labels != 2), np.flatnonzero(context.train.labels == 2)[:2]])
    features = context.features["efficientnet_lite0"]
    small = FeatureContext(
        split("train", context.train.labels[rare]),
        context.val,
        {"efficientnet_lite0": BackboneFeatures(WEIGHTS, features.train[rare], features.val)},
        context.folder,
    )
    found = []
    for chosen in ("none", "balanced"):
        head = Head(FEATURES, 0, CLASSES, members=1, seed=0)
        head.weights = heads.fit(
            overlay(values, {"train.class_weight": chosen, "train.learning_rate": 0.005}), small, seed=0, epochs=8
        ).weights
        answers = head.probabilities(features.val).argmax(axis=1)
        found.append(int((answers[context.val.labels == 2] == 2).sum()))
    assert found[1] > found[0]


def test_the_size_is_known_without_building(context, values):
    for hidden, members, head in ((0, 1, 39), (5, 1, 83), (5, 2, 166)):
        candidate = overlay(values, {"model.dense_units": hidden, "model.members": members})
        assert heads.parameter_count(candidate, context) == 1000 + head
        assert heads.fit(candidate, context, seed=0, epochs=1).parameters == 1000 + head


def test_a_fit_that_diverges_says_where_and_what_helps(context, values):
    broken = context.features["efficientnet_lite0"]
    broken.train[5, 0] = np.inf
    with pytest.raises(TrainingError, match="the fit diverged at epoch 1, step") as caught:
        heads.fit(values, context, seed=0)
    assert "learning_rate" in caught.value.fix


def test_a_batch_larger_than_the_split_is_refused(context, values):
    with pytest.raises(TrainingError, match="larger than the training split"):
        heads.fit(overlay(values, {"train.batch_size": 128}), context, seed=0)


def test_a_backbone_without_features_is_told_with_what_helps(context, values):
    with pytest.raises(ArtifactError, match="no features of another, only of: efficientnet_lite0") as caught:
        heads.fit(overlay(values, {"model.backbone": "another"}), context, seed=0)
    assert caught.value.fix == "compute them with `dvc repro`"
