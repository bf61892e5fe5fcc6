"""The networks: built-in ones, and functions of a person's own with all that can be wrong with them."""

import sys

import numpy as np
import pytest

from glyphline import training
from glyphline.errors import TrainingError
from glyphline.training import archive
from glyphline.training.networks import build
from glyphline.training.networks.cnn import block_filters
from tests.conftest import changed, made_split

NETWORKS = """
import keras


def small(input_shape, classes, params):
    x = inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(params.model.filters[0], 3, activation="relu")(x)
    x = keras.layers.Dropout(0.1)(keras.layers.GlobalMaxPooling2D()(x))
    return keras.Model(inputs, keras.layers.Dense(classes)(x))


def sequential(input_shape, classes, params):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes)])


def nothing(input_shape, classes, params):
    return None


def one_too_many(input_shape, classes, params):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes + 1)])


def map_of_classes(input_shape, classes, params):
    return keras.Sequential([keras.layers.Conv2D(classes, 1)])


def for_colour(input_shape, classes, params):
    return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(classes)])


def softmax(input_shape, classes, params):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(classes, activation="softmax")])


def anonymous(input_shape, classes, params):
    return keras.Sequential([keras.layers.Lambda(lambda x: x * 2), keras.layers.Flatten(), keras.layers.Dense(classes)])


class Mine(keras.layers.Layer):
    def call(self, x):
        return x


def own_layer(input_shape, classes, params):
    return keras.Sequential([Mine(), keras.layers.Flatten(), keras.layers.Dense(classes)])


def raises(input_shape, classes, params):
    raise KeyError("width")


def two_arguments(input_shape, classes):
    return None


not_a_function = 3
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with functions of a person's own, which are forgotten again."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "src" / "models").mkdir(parents=True)
    (folder / "src" / "models" / "__init__.py").write_text("")
    (folder / "src" / "models" / "shapes.py").write_text(NETWORKS)
    (folder / "own_networks.py").write_text(NETWORKS)
    (folder / "broken_networks.py").write_text("import nothing_of_this_name\n")
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] in {"models", "own_networks"}]:
        del sys.modules[name]


def built(params, kind, project, shape=(8, 8, 1)):
    return build(changed(params, {"model.kind": kind}), shape, 3, project=project)


@pytest.mark.parametrize("kind", ["cnn", "resnet"])
@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (33, 65, 3), (256, 256, 3), (1024, 1024, 3)])
def test_any_image_size_gets_a_network_of_bounded_size(default_params, kind, shape):
    network = build(changed(default_params, {"model.kind": kind}), shape, 10)
    assert network.model.output_shape == (None, 10)
    assert network.model.count_params() < 2_000_000


@pytest.mark.parametrize("kind", ["cnn", "resnet"])
def test_depth_normalisation_and_the_hidden_layer_are_taken_as_they_are_set(default_params, kind):
    values = {"model.kind": kind, "model.depth": 2, "model.batch_norm": False, "model.dense_units": 0}
    model = build(changed(default_params, values), (8, 8, 1), 10).model
    kinds = [type(layer).__name__ for layer in model.layers]
    blocks = len(default_params.model.filters)
    first_and_ways_round = 0 if kind == "cnn" else 1 + blocks - 1
    assert kinds.count("Conv2D") == first_and_ways_round + 2 * blocks * (2 if kind == "resnet" else 1)
    assert "BatchNormalization" not in kinds
    assert kinds.count("Dense") == 1


@pytest.mark.parametrize(("kind", "most"), [("cnn", 3), ("resnet", 4)])
def test_blocks_that_leave_nothing_of_an_image_are_refused_with_the_most_there_can_be(default_params, kind, most):
    values = {"model.kind": kind, "model.filters": (4,) * most}
    assert build(changed(default_params, values), (8, 8, 1), 2).model.output_shape == (None, 2)
    with pytest.raises(TrainingError, match="nothing would be left") as caught:
        build(changed(default_params, {**values, "model.filters": (4,) * (most + 1)}), (8, 8, 1), 2)
    assert f"at most {most} values" in caught.value.fix


def test_one_class_is_refused(default_params):
    with pytest.raises(TrainingError, match="1 class"):
        build(default_params, (8, 8, 1), 1)


@pytest.mark.parametrize(("side", "blocks"), [(8, 2), (28, 2), (32, 2), (64, 3), (256, 5), (1024, 7)])
def test_blocks_are_repeated_until_the_map_is_small(side, blocks):
    assert len(block_filters((16, 32), side)) == blocks


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("kind", ["cnn", "models.shapes:small"])
def test_logits_and_probabilities_are_float32_in_every_precision(default_params, project, kind, precision):
    policy = "float32" if precision == "float32" else f"mixed_{precision}"
    network = build(changed(default_params, {"model.kind": kind}), (8, 8, 1), 3, policy=policy, project=project)
    assert (network.members[0].outputs[0].dtype, network.model.outputs[0].dtype) == ("float32", "float32")
    conv = next(layer for layer in network.model._flatten_layers() if type(layer).__name__ == "Conv2D")
    assert conv.compute_dtype == precision
    assert conv.variable_dtype == "float32"


@pytest.mark.parametrize(
    ("kind", "members"), [("models.shapes:small", 1), ("own_networks:sequential", 1), ("models.shapes:small", 2)]
)
def test_a_function_of_ones_own_is_found_fitted_saved_and_read_back(default_params, project, tmp_path, kind, members):
    network = {"model.kind": kind, "model.members": members}
    params = changed(default_params, {**network, "train.batch_size": 16, "train.epochs": 1, "train.patience": 1})
    context = training.prepare(params, made_split("train", 90), made_split("val", 45, seed=1), project=project)
    fitted = training.fit(params, context, seed=0)
    fitted.save(tmp_path / "model.keras")
    read = archive.open_model(tmp_path / "model.keras")
    assert archive.weights_digest(read.get_weights()) == fitted.weights_digest()
    model = training.open_classifier(tmp_path / "model.keras", context.val, batch_size=16)
    probs = model.probabilities(context.val.images)
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "problem", "advice"),
    [
        ("nothing", "gives NoneType, not a keras.Model", "def build"),
        ("one_too_many", r"gives \(2, 4\) for 2 images, and \(2, 3\) is needed", "logits"),
        ("map_of_classes", r"gives \(2, 8, 8, 3\) for 2 images", "logits"),
        ("for_colour", r"does not take float32 images \(n, 8, 8, 1\)", "def build"),
        ("softmax", "ends in a softmax", "take the softmax away"),
        ("anonymous", "holds Lambda", "Keras' own layers"),
        ("own_layer", "holds Mine", "Keras' own layers"),
        ("raises", "failed: KeyError: 'width'", "def build"),
        ("two_arguments", "failed: TypeError", "def build"),
        ("not_a_function", "has no function not_a_function", "def build"),
        ("absent", "has no function absent", "def build"),
    ],
)
def test_a_function_that_gives_no_network_for_the_data_is_refused_with_advice(
    default_params, project, name, problem, advice
):
    with pytest.raises(TrainingError, match=problem) as caught:
        built(default_params, f"own_networks:{name}", project)
    assert advice in caught.value.fix
    assert caught.value.exit_code == 8


@pytest.mark.parametrize(
    ("module", "problem", "advice"),
    [
        ("no_such_module", "there is no module no_such_module", "src/models"),
        ("no.such.module", "there is no module no.such.module", "src/models"),
        ("broken_networks", "importing broken_networks failed: ModuleNotFoundError", "import broken_networks"),
    ],
)
def test_a_module_that_cannot_be_had_is_named(default_params, project, module, problem, advice):
    with pytest.raises(TrainingError, match=problem) as caught:
        built(default_params, f"{module}:build", project)
    assert advice in caught.value.fix


def test_the_function_is_a_part_of_the_code_that_a_study_and_a_checkpoint_stand_on(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text("def build(): ...\n")
    first = training.code_digest("nets:build", tmp_path)
    assert training.code_digest("nets:build", tmp_path) == first != training.code_digest()
    path.write_text("def build(): ... # changed\n")
    assert training.code_digest("nets:build", tmp_path) != first


@pytest.mark.parametrize("marker", ["__init__.py", "readme.txt"], ids=["package", "namespace"])
def test_what_the_function_imports_from_its_package_is_a_part_of_that_code_too(tmp_path, marker):
    folder = tmp_path / "src" / "own_package"
    (folder / "parts").mkdir(parents=True)
    for name in (marker, "net.py", "parts/blocks.py"):
        (folder / name).write_text("")
    first = training.code_digest("own_package.net:build", tmp_path)
    (tmp_path / "src" / "elsewhere.py").write_text("")
    assert training.code_digest("own_package.net:build", tmp_path) == first
    (folder / "parts" / "blocks.py").write_text("width = 2\n")
    assert training.code_digest("own_package.net:build", tmp_path) != first


def test_a_module_in_no_package_is_one_file_of_that_code_whatever_lies_beside_it(tmp_path):
    (tmp_path / "alone.py").write_text("")
    (tmp_path / "__init__.py").write_text("")
    first = training.code_digest("alone:build", tmp_path)
    (tmp_path / "beside.py").write_text("width = 2\n")
    assert training.code_digest("alone:build", tmp_path) == first


@pytest.mark.parametrize("content", ["no_such_name\n", "def broken(:\n"])
def test_a_package_that_cannot_be_imported_is_found_without_running_it_and_refused_when_it_runs(
    default_params, tmp_path, content
):
    folder = tmp_path / "src" / "own_broken"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(content)
    (folder / "net.py").write_text("def build(input_shape, classes, params): ...\n")
    assert training.code_digest("own_broken.net:build", tmp_path)
    with pytest.raises(TrainingError, match=r"importing own_broken\.net failed: (Name|Syntax)Error") as caught:
        built(default_params, "own_broken.net:build", tmp_path)
    assert "python -c 'import own_broken.net'" in caught.value.fix


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("kind", ["cnn", "resnet"])
def test_a_convolution_has_a_bias_where_no_normalisation_takes_it_off_again(default_params, kind, batch_norm):
    values = {"model.kind": kind, "model.batch_norm": batch_norm, "model.members": 1}
    layers = build(changed(default_params, values), (8, 8, 1), 10).model._flatten_layers()
    convolutions = [layer for layer in layers if type(layer).__name__ == "Conv2D"]
    assert convolutions
    assert {layer.use_bias for layer in convolutions} == {not batch_norm}


@pytest.mark.parametrize("depth", [1, 2])
def test_a_first_stride_of_two_stands_in_for_the_first_pooling(default_params, depth):
    def maps(stride):
        values = {"model.filters": (4, 8), "model.depth": depth, "model.first_stride": stride, "model.members": 1}
        layers = list(build(changed(default_params, values), (28, 28, 1), 10).model._flatten_layers())
        pooled = [layer.name for layer in layers if type(layer).__name__ == "MaxPooling2D"]
        return pooled, [layer.output.shape[1:3] for layer in layers if layer.name.startswith("relu_")]

    pooled, sides = maps(1)
    assert pooled == ["pool_1", "pool_2", "pool_3"][: len(pooled)]
    assert maps(2)[0] == pooled[1:]
    # After each block the map is the same; only what lies within the first one is smaller.
    assert maps(2)[1][-1] == sides[-1]
    assert maps(2)[1][0] == (14, 14)


def test_each_block_of_a_resnet_but_the_first_halves_the_map_once(default_params):
    values = {"model.kind": "resnet", "model.depth": 2, "model.filters": (4, 4, 16), "model.members": 1}
    layers = list(build(changed(default_params, values), (32, 32, 1), 10).model._flatten_layers())
    convolutions = [layer for layer in layers if type(layer).__name__ == "Conv2D"]
    strides = {layer.name.removeprefix("conv_"): layer.strides[0] for layer in convolutions}
    assert {name for name, stride in strides.items() if stride == 2} == {"2_1_1", "2_1_around", "3_1_1", "3_1_around"}
    assert set(strides.values()) == {1, 2}
    assert [layer.output.shape[1:] for layer in layers if layer.name.startswith("add_")] == [
        (32, 32, 4), (32, 32, 4), (16, 16, 4), (16, 16, 4), (8, 8, 16), (8, 8, 16),
    ]  # fmt: skip
