"""A trained model that is asked: probabilities, gradients, and explanations that add up."""

import numpy as np
import pytest

from glyphline import training
from glyphline.errors import ArtifactError
from glyphline.evaluation.explanations import explain
from glyphline.training import archive
from glyphline.training.keras_import import import_keras
from glyphline.training.penultimate import feature_model
from tests.conftest import changed, made_split


@pytest.fixture(scope="module")
def val():
    return made_split("val", 60, seed=2)


SMALL = {
    "model.filters": [4],
    "model.dense_units": 16,
    "train.epochs": 6,
    "train.patience": 6,
    "train.batch_size": 16,
    "train.learning_rate": 0.01,
    "train.precision": "float32",
}


@pytest.fixture(scope="module", params=[("cnn", 1), ("cnn", 3), ("resnet", 1)])
def saved(request, default_params, val, tmp_path_factory):
    """A small fitted network of each kind, also one of several members, and its archive."""
    kind, members = request.param
    small = changed(default_params, SMALL | {"model.kind": kind, "model.members": members})
    context = training.prepare(small, made_split("train", 160, seed=1), val)
    fitted = training.fit(small, context, seed=0)
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    fitted.save(path)
    return fitted, path


@pytest.fixture(scope="module")
def model(saved, val):
    return training.open_classifier(saved[1], val, batch_size=32)


def test_a_saved_model_says_the_same_and_holds_its_own_scaling(saved, model, val):
    fitted, path = saved
    probs = model.probabilities(val.images)
    assert model.weights_digest == fitted.weights_digest()
    assert (model.parameters, model.size_bytes) == (fitted.parameters, path.stat().st_size)
    assert probs.dtype == np.float32
    assert np.allclose(probs, np.asarray(fitted.model(val.images)), atol=1e-6)
    assert "Rescaling" in [type(layer).__name__ for layer in archive.open_model(path).layers]


def test_the_batch_size_of_prediction_changes_no_answer(saved, val):
    one, other = (
        training.open_classifier(saved[1], val, batch_size=size).probabilities(val.images) for size in (1, 64)
    )
    assert np.allclose(one, other, atol=1e-6)


def test_the_same_question_gets_the_same_answer_bit_by_bit(saved, model, val):
    again = training.open_classifier(saved[1], val, batch_size=32)
    classes = val.labels[:40]
    images = val.images[:40].astype(np.float32)
    assert (model.probabilities(val.images) == again.probabilities(val.images)).all()
    assert (model.gradients(images, classes) == again.gradients(images, classes)).all()


@pytest.mark.parametrize(
    ("split", "problem"),
    [
        (made_split("test", 5, side=9), r"\(8, 8, 1\).*\(9, 9, 1\)"),
        (made_split("test", 5, classes=4), "of 3 classes; the test split has .* of 4"),
    ],
)
def test_a_model_for_other_images_or_classes_is_refused_by_name(saved, split, problem):
    with pytest.raises(ArtifactError, match=problem) as caught:
        training.open_classifier(saved[1], split, batch_size=8)
    assert "dvc repro" in caught.value.fix


def test_the_gradient_is_the_slope_that_small_steps_find(model, val):
    # The image that the model is least sure of: a probability near one hides its slope in the rounding of float32.
    least_sure = model.probabilities(val.images).max(axis=1).argmin()
    image, label = np.clip(val.images[least_sure], 1, 254), val.labels[least_sure]
    slopes = model.gradients(image[None].astype(np.float32), np.array([label]))
    # The network takes whole pixels when it predicts, so the slope is compared along a step of one, for every pixel:
    # a single one may sit where a ReLU or a maximum switches over, and there no slope exists.
    steps = np.eye(image.size, dtype=np.uint8).reshape(-1, *image.shape)
    high, low = (model.probabilities(stepped)[:, label] for stepped in (image + steps, image - steps))
    measured = ((high - low) / 2).reshape(image.shape)
    assert slopes.shape == (1, *image.shape)
    assert np.median(np.abs(slopes[0] - measured)) < 0.02 * np.abs(measured).max()
    assert np.corrcoef(slopes.ravel(), measured.ravel())[0, 1] > 0.95


def test_integrated_gradients_add_up_to_the_difference_of_the_probability(model, val):
    images, classes = val.images[:20], val.labels[:20]
    # Many steps: what is left then is no error of the quadrature, and a wrong gradient would not go away with it.
    explanation = explain(images, classes, model.probabilities, model.gradients, steps=512)
    black = model.probabilities(np.zeros_like(images[:1]))[0]
    differences = explanation.probabilities - black[classes]
    assert np.abs(differences).max() > 0.3
    assert np.abs(explanation.gaps).max() < 0.005
    assert np.allclose(explanation.pixels.sum(axis=(1, 2)), differences, atol=0.005)


def test_more_steps_leave_a_smaller_gap(model, val):
    gaps = [
        np.abs(explain(val.images[:20], val.labels[:20], model.probabilities, model.gradients, steps=steps).gaps).max()
        for steps in (2, 64)
    ]
    assert gaps[1] < gaps[0]


def test_occlusion_agrees_with_integrated_gradients_on_what_made_the_class(model, val):
    explanation = explain(val.images[:20], val.labels[:20], model.probabilities, model.gradients, steps=32)
    agreements = [value for value in explanation.agreements if value is not None]
    assert len(agreements) > 10
    assert np.mean(agreements) > 0.3


def test_the_features_are_what_the_last_layers_make_the_probabilities_of(saved, model, val):
    last = [layer for layer in archive.open_model(saved[1])._flatten_layers() if layer.name == "logits"]
    features = model.features(val.images)
    assert features.dtype == np.float32
    assert features.shape == (len(val.images), 16 * len(last))
    each = []
    for part, layer in zip(np.split(features, len(last), axis=1), last, strict=True):
        kernel, bias = layer.get_weights()
        exponentials = np.exp(part @ kernel + bias)
        each.append(exponentials / exponentials.sum(axis=1, keepdims=True))
    assert np.allclose(np.mean(each, axis=0), model.probabilities(val.images), atol=1e-5)


def test_a_network_of_ones_own_has_features_where_it_ends_in_a_dense_layer():
    keras = import_keras()
    layers = keras.layers
    images = keras.Input((8, 8, 1), dtype="uint8")
    flat = layers.Flatten()(layers.Rescaling(1 / 255)(images))
    own = keras.Sequential([keras.Input((64,)), layers.Dense(5, name="mine"), layers.Dense(3)])
    assert feature_model(keras.Model(images, layers.Softmax()(own(flat)))).output.shape == (None, 5)
    maps = layers.Conv2D(3, 3)(layers.Rescaling(1 / 255)(images))
    means = layers.GlobalAveragePooling2D()(maps)
    assert feature_model(keras.Model(images, layers.Softmax()(means))) is None
    many = layers.Flatten()(layers.ZeroPadding2D(80)(layers.Rescaling(1 / 255)(images)))
    assert feature_model(keras.Model(images, layers.Softmax()(layers.Dense(3)(many)))) is None
