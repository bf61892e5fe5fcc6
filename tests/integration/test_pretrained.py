"""A head on a backbone's features: the right features, the same arithmetic as Keras, one plain archive."""

import numpy as np
import pytest

from glyphline import backbones, training
from glyphline.params import overlay
from glyphline.params import read as read_params
from glyphline.stages import backbone
from glyphline.training import FeatureFolders, heads
from glyphline.training import features as stored
from glyphline.training.heads.head import Head
from glyphline.training.heads.optimizer import optimizer
from glyphline.training.keras_import import import_keras
from glyphline.training.networks.pretrained import feature_network
from glyphline.training.schedule import rate, schedule
from glyphline.values import Split

NAME = "efficientnet_lite0"


def pictures(name: str, count: int) -> Split:
    """Stripes that differ by class, large enough for the backbone to see something."""
    random = np.random.default_rng(len(name))
    labels = np.arange(count, dtype=np.int64) % 3
    stripes = np.sin(np.arange(64) * (labels[:, np.newaxis] + 1) / 3)[:, np.newaxis, :, np.newaxis]
    noise = random.normal(scale=20, size=(count, 64, 64, 3))
    images = np.clip(128 + 90 * stripes + noise, 0, 255).astype(np.uint8)
    return Split(name, images, labels, ("one", "two", "three"), digest=f"{name}-{count}")


@pytest.fixture(scope="module")
def values(root):
    return overlay(
        read_params(root / "params.yaml"),
        {"model.kind": "pretrained", "model.dense_units": 8, "train.epochs": 3, "train.batch_size": 16},
    )


@pytest.fixture(scope="module")
def folders(values, tmp_path_factory):
    """Weights and features of two small splits, as the stages make them."""
    from glyphline.paths import Paths

    folder = tmp_path_factory.mktemp("pretrained")
    paths = Paths(work=folder, home=folder)
    backbone.run(values, paths)
    paths.features.mkdir()
    splits = [pictures("train", 48), pictures("val", 12)]
    training.write_features(paths.features, splits, paths.backbone, deterministic=True, gpu_memory_mb=None)
    return FeatureFolders(paths.features, paths.backbone)


@pytest.fixture(scope="module")
def context(values, folders):
    context = training.prepare(values, pictures("train", 48), pictures("val", 12), features=folders)
    assert isinstance(context, training.FeatureContext)
    return context


@pytest.fixture(scope="module")
def weights(folders):
    return backbones.read_manifest(folders.backbone).backbones[NAME]


@pytest.fixture
def extracted(folders, weights):
    """A function that gives the features of images."""

    def extract(images):
        return stored.extract(feature_network(folders.backbone, weights, images.shape[1:]), images)

    return extract


def test_the_backbone_knows_two_well_known_photographs(folders, weights, extracted):
    pillow = pytest.importorskip("PIL.Image")
    datasets = pytest.importorskip("sklearn.datasets")
    images = []
    for photograph in datasets.load_sample_images().images:
        whole = pillow.fromarray(photograph)
        scale = 256 / min(whole.size)
        small = whole.resize((round(whole.width * scale), round(whole.height * scale)), pillow.Resampling.BICUBIC)
        left, top = (small.width - 224) // 2, (small.height - 224) // 2
        images.append(np.asarray(small.crop((left, top, left + 224, top + 224))))
    arrays = backbones.arrays(folders.backbone, weights)
    # The last layer, which the backbone leaves out: the network's own answer for the 1,000 classes of ImageNet.
    scores = extracted(np.stack(images)) @ arrays["_fc.weight"].T + arrays["_fc.bias"]
    best = np.argsort(-scores, axis=1)[:, :5]
    # ImageNet's numbers of palace and daisy: the summer palace in Peking, and a flower.
    assert 698 in best[0]
    assert 985 in best[1]


# What PyTorch 2.13 makes of the same weights: the layers written with its functions, the middle of the photographs.
SOME = [12, 725, 702, 1104, 852, 28, 255, 164]
BY_PYTORCH = [
    [2.9574, 2.93323, 2.33102, 2.27665, 2.12693, 2.08235, 1.78607, 1.63387],
    [0.0, 0.0, 0.0, 0.0, 1.56988, 0.02341, 2.68778, 3.29247],
]
SUMS_BY_PYTORCH = [226.6969, 214.45937]


def test_the_features_are_those_that_pytorch_computes(extracted):
    datasets = pytest.importorskip("sklearn.datasets")
    features = extracted(np.stack([image[100:324, 200:424] for image in datasets.load_sample_images().images]))
    np.testing.assert_allclose(features[:, SOME], BY_PYTORCH, atol=1e-4)
    np.testing.assert_allclose(features.sum(axis=1), SUMS_BY_PYTORCH, rtol=1e-5)


def test_the_network_has_the_weights_that_the_catalogue_says(folders, weights):
    known = backbones.find(NAME)
    network = feature_network(folders.backbone, weights, (32, 32, 3))
    assert network.count_params() == known.parameters
    assert network.output_shape[-1] == known.features


def test_a_grey_image_is_seen_as_the_same_in_three_colours(extracted):
    grey = pictures("train", 5).images[..., :1]
    np.testing.assert_allclose(extracted(grey), extracted(np.repeat(grey, 3, axis=-1)), rtol=1e-3, atol=1e-4)


def test_features_do_not_depend_on_the_images_around(extracted):
    images = pictures("train", 40).images
    np.testing.assert_allclose(extracted(images)[33:35], extracted(images[33:35]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("hidden", [0, 8])
@pytest.mark.parametrize("members", [1, 2])
def test_the_saved_model_answers_as_the_head_on_its_features(values, context, tmp_path, hidden, members):
    wanted = overlay(values, {"model.dense_units": hidden, "model.members": members})
    fitted = training.fit(wanted, context, seed=1)
    head = Head(1280, hidden, 3, members=members, seed=1)
    head.weights = fitted.weights
    fitted.save(tmp_path / "model.keras")
    model = training.open_model(tmp_path / "model.keras")
    val = context.val
    np.testing.assert_allclose(
        np.asarray(model.predict_on_batch(val.images)),
        head.probabilities(context.features[NAME].val),
        rtol=1e-3,
        atol=1e-5,
    )
    assert model.count_params() == fitted.parameters == heads.parameter_count(wanted, context)
    assert fitted.weights_digest() == training.archive.weights_digest(model.get_weights())


def test_the_model_has_gradients_down_to_the_pixels(values, context, tmp_path):
    path = tmp_path / "model.keras"
    training.fit(values, context, seed=1).save(path)
    classifier = training.open_classifier(path, context.val, batch_size=8)
    images, classes = context.val.images.astype(np.float32), context.val.labels
    gradients = classifier.gradients(images, classes)
    assert np.abs(gradients).reshape(len(images), -1).max(axis=1).min() > 0


def test_it_is_the_same_classifier_whatever_a_person_has_set_in_keras(values, context):
    keras = import_keras()
    fitted = training.fit(values, context, seed=1)
    digest = fitted.weights_digest()
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float64")
    try:
        again = training.fit(values, context, seed=1)
        assert again.weights_digest() == digest
        assert again.model.output.dtype == "float32"
    finally:
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")


@pytest.mark.parametrize("schedule_name", ["cosine", "constant"])
@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_the_learning_rate_is_that_of_keras_fits(values, schedule_name, warmup):
    train = overlay(values, {"train.schedule": schedule_name, "train.warmup": warmup}).train
    theirs = schedule(train, 40)
    for step in (0, 3, 9, 10, 25, 39):
        assert rate(train, step, 40) == pytest.approx(float(theirs(step)), rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"train.optimizer": "adamw"},
        {"train.optimizer": "adamw", "train.weight_decay": 0.3},
        {"train.optimizer": "sgd"},
        {"train.optimizer": "sgd", "train.momentum": 0.0, "train.weight_decay": 0.3},
    ],
    ids=str,
)
def test_steps_are_those_of_keras_optimizers(values, options):
    from glyphline.training.objective import optimizer as keras_optimizer

    keras = import_keras()
    train = overlay(values, {**options, "train.schedule": "constant", "train.warmup": 0.0}).train
    random = np.random.default_rng(0)
    start = [random.normal(size=shape).astype(np.float32) for shape in ((4, 3), (1, 3))]
    theirs = [keras.Variable(weight, name=name) for weight, name in zip(start, ("kernel", "bias"), strict=True)]
    their_optimizer = keras_optimizer(train, 6, theirs, scales_loss=False)
    ours = [weight.copy() for weight in start]
    our_optimizer = optimizer(train, ours)
    for step in range(6):
        gradients = [random.normal(size=weight.shape).astype(np.float32) for weight in start]
        their_optimizer.apply([keras.ops.convert_to_tensor(one) for one in gradients], theirs)
        our_optimizer.step(ours, gradients, rate(train, step, 6))
    for weight, variable in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(weight, np.asarray(variable), rtol=1e-4, atol=1e-6)
