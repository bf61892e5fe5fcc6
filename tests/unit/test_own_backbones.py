"""A person's own archive as a backbone: looked at without Keras, refused in two lines, noticed when it changes."""

import shutil

import numpy as np
import pytest

from glyphline import backbones, keras_archive, records
from glyphline.errors import ArtifactError, PipelineError, TrainingError
from glyphline.params import overlay
from glyphline.paths import Paths
from glyphline.records import BackboneScan
from glyphline.stages import backbone, scan
from tests.registered import made_archive, weights

NAME = "nets/mine.keras"


def layer(kind, **config):
    return {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}


def network(*layers):
    return {"module": "keras", "class_name": "Sequential", "config": {"layers": list(layers)}}


PHOTOS = layer("InputLayer", batch_shape=[None, 32, 32, 3], dtype="uint8")
POOLING = layer("GlobalAveragePooling2D")


@pytest.fixture
def paths(tmp_path):
    return Paths(work=tmp_path / "work", home=tmp_path)


@pytest.fixture
def params(default_params):
    return overlay(default_params, {"model.kind": "pretrained", "model.backbone": NAME})


@pytest.fixture
def path(paths):
    path = paths.home / NAME
    path.parent.mkdir()
    made_archive(path, config=network(PHOTOS, POOLING))
    return path


def test_it_is_copied_under_a_name_of_its_own_with_its_digest(params, paths, path):
    backbone.run(params, paths)
    one = backbones.read_manifest(paths.backbone).backbones[NAME]
    assert one.file == f"mine-{one.sha256[:12]}.keras"
    assert (paths.backbone / one.file).read_bytes() == path.read_bytes()
    assert (one.features, one.parameters, one.licence) == (None, 6, "your own")
    # No path of this machine.
    assert str(paths.home) not in (paths.backbone / "manifest.json").read_text()


def test_two_of_one_name_lie_beside_each_other_and_beside_those_of_the_catalogue(params, paths, path):
    other = paths.home / "other" / "mine.keras"
    other.parent.mkdir()
    made_archive(other, seed=1, config=network(PHOTOS, POOLING))
    tree = params.model_dump()
    tree["tune"]["space"] = {"model.backbone": {"choices": [NAME, str(other), "efficientnet_lite0"]}}
    backbone.run(type(params).model_validate(tree), paths)
    assert len({path.name for path in paths.backbone.iterdir()}) == 4


WITHIN = {"module": "keras", "class_name": "Functional", "config": {"layers": [POOLING]}}


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (network(PHOTOS), "has no pooling layer"),
        (network(POOLING), "takes no input of a known shape"),
        (network(PHOTOS, PHOTOS, POOLING), r"takes \[None, 32, 32, 3\] and \[None, 32, 32, 3\]"),
        (network(layer("InputLayer", batch_shape=[None, 64]), POOLING), r"takes \[None, 64\]"),
        (network(layer("InputLayer", batch_shape=[None, 32, 32, 4]), POOLING), r"takes \[None, 32, 32, 4\]"),
        (network(layer("InputLayer"), POOLING), "takes None"),
        (["no", "network"], "takes no input"),
        ({"class_name": "Sequential", "config": {"layers": ["Dense", 5]}}, "takes no input"),
    ],
)
def test_a_network_that_makes_no_features_of_images_is_refused(config, problem, params, paths, path):
    made_archive(path, config=config)
    with pytest.raises(TrainingError, match=problem) as caught:
        backbone.run(params, paths)
    assert str(path) in caught.value.problem
    assert "model.backbone" in caught.value.fix
    assert not paths.backbone.exists()


@pytest.mark.parametrize(
    "first", [layer("InputLayer", batch_shape=[None, None, None, 1]), layer("InputLayer", batch_shape=[None, 8, 8, 3])]
)
def test_grey_and_any_size_and_a_pooling_layer_in_a_network_within_are_taken(first, params, paths, path):
    made_archive(path, config=network(first, WITHIN, layer("Dense", units=2)))
    backbone.run(params, paths)


def damaged(path):
    path.write_bytes(path.read_bytes()[:-100])


def hostile(path):
    made_archive(path, config=network(PHOTOS, POOLING, layer("Lambda", function="code")))


def folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (damaged, "is no .keras archive"),
        (hostile, "is refused: it holds a Lambda layer"),
        (folder, "is no .keras archive"),
        (lambda path: path.unlink(), "does not exist"),
    ],
)
def test_a_missing_damaged_or_hostile_archive_is_refused(harm, problem, params, paths, path):
    harm(path)
    with pytest.raises(ArtifactError, match=problem) as caught:
        backbone.run(params, paths)
    assert "model.backbone" in caught.value.fix
    assert not paths.backbone.exists()


def test_the_state_of_an_optimizer_is_not_counted(tmp_path):
    def stored(file):
        file["layers/dense/vars/0"] = np.zeros((3, 2))
        file["layers/dense/vars/1"] = np.zeros(())
        file["optimizer/vars/0"] = np.zeros(50)

    made_archive(tmp_path / "model.keras", members={"model.weights.h5": weights(stored)})
    assert keras_archive.weight_count(tmp_path / "model.keras") == 7


@pytest.fixture
def look(paths, default_params):
    """Scans with some parameters, and gives the text of what it leaves and the digests in it."""
    paths.backbone_scan.parent.mkdir(parents=True)

    def look(params):
        scan.run(params, paths)
        found = records.read(paths.backbone_scan, BackboneScan, stage="scan").files
        return paths.backbone_scan.read_bytes(), found

    return look


def test_the_scan_leaves_another_file_when_the_archive_is_another_and_the_images_are_left_alone(
    look, params, paths, path
):
    first, found = look(params)
    images = paths.scan.read_bytes()
    assert list(found) == [NAME]
    assert look(params)[0] == first
    made_archive(path, seed=1, config=network(PHOTOS, POOLING))
    assert look(params)[0] != first
    assert paths.scan.read_bytes() == images


def test_where_the_archive_is_not_at_hand_its_copy_stays(look, params, path, caplog):
    first, _ = look(params)
    shutil.rmtree(path.parent)
    assert look(params)[0] == first
    assert "the copy of it stays" in caplog.text


def test_one_that_never_was_there_and_those_of_the_catalogue_are_not_in_the_scan(look, params, default_params):
    assert look(params)[1] == {}
    assert look(overlay(params, {"model.backbone": "efficientnet_lite0"}))[1] == {}
    assert look(overlay(default_params, {"model.backbone": NAME}))[1] == {}


def test_weights_that_cannot_be_read_at_all_are_two_lines(params, paths, path):
    made_archive(path, config=network(PHOTOS, POOLING), members={"model.weights.h5": b"no HDF5"})
    with pytest.raises(PipelineError, match=r"is no \.keras archive"):
        backbone.run(params, paths)
