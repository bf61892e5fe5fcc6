"""fetch: data/raw appears whole, equal on every machine, or not at all."""

import numpy as np
import pytest
from PIL import Image

from glyphline import records
from glyphline.data import raw
from glyphline.errors import DataError
from glyphline.paths import Paths
from glyphline.records import RawManifest
from glyphline.stages import fetch
from tests.conftest import changed
from tests.made_images import painted


@pytest.fixture
def paths(tmp_path):
    return Paths(work=tmp_path / "work", home=tmp_path / "home")


def own(params, path):
    return changed(params, {"data.path": str(path), "data.dataset": "pets"})


def test_the_default_data_set_needs_no_network_and_no_mirror(default_params, paths):
    fetch.run(default_params, paths)
    manifest = raw.verified(paths.raw)
    assert manifest == records.read(paths.raw / raw.MANIFEST, RawManifest, stage="fetch")
    assert (manifest.dataset, manifest.licence, manifest.counts) == ("digits", "CC BY 4.0", {"train": 1797})
    assert "Alpaydin" in manifest.citation
    assert "scikit-learn" in manifest.files["digits.csv"].source
    assert sorted(path.name for path in paths.raw.parent.iterdir()) == ["raw"]


def test_mnist_comes_from_the_local_mirror_and_does_not_say_so(root, default_params, paths):
    mirror = root.parent / "shared" / "datasets"
    if not (mirror / "mnist").is_dir():
        pytest.skip(f"{mirror / 'mnist'} is missing: the real MNIST files lie there on the build machines")
    fetch.run(changed(default_params, {"data.dataset": "mnist", "data.mirror": str(mirror)}), paths)
    manifest = raw.verified(paths.raw)
    assert manifest.counts == {"train": 60_000, "test": 10_000}
    assert all(file.source.startswith("https://") for file in manifest.files.values())
    assert str(mirror) not in (paths.raw / raw.MANIFEST).read_text()


def test_a_mirror_that_is_set_but_missing_is_an_error(default_params, paths):
    params = changed(default_params, {"data.dataset": "mnist", "data.mirror": "no/such/folder"})
    with pytest.raises(DataError, match=r"data.mirror is no/such/folder") as caught:
        fetch.run(params, paths)
    assert "correct data.mirror" in caught.value.fix
    assert not paths.raw.exists()


def test_an_unknown_data_set_leaves_the_old_files_alone(default_params, paths):
    fetch.run(default_params, paths)
    before = {path.name: path.read_bytes() for path in paths.raw.iterdir()}
    with pytest.raises(DataError, match="did you mean kmnist"):
        fetch.run(changed(default_params, {"data.dataset": "kmnits"}), paths)
    assert {path.name: path.read_bytes() for path in paths.raw.iterdir()} == before


def test_a_class_folder_becomes_one_file(default_params, paths, tmp_path):
    for label in ("cat", "dog"):
        for number in range(5):
            path = paths.home / "pets" / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), number).save(path)
    fetch.run(own(default_params, "pets"), paths)
    manifest = raw.verified(paths.raw)
    assert sorted(path.name for path in paths.raw.iterdir()) == [
        "bad_files.csv",
        "images.csv",
        "images.zip",
        "manifest.json",
    ]
    assert (manifest.dataset, manifest.counts, manifest.classes) == ("pets", {"train": 10}, ("cat", "dog"))
    assert str(tmp_path) not in (paths.raw / raw.MANIFEST).read_text()


def test_folders_that_spell_a_class_differently_in_another_split_are_one_class_when_asked(default_params, paths):
    for folder in ("train/Cat", "train/dog", "valid/cat", "valid/Dog "):
        for number in range(3):
            painted(paths.home / "pets" / folder / f"{number}.png")
    with pytest.raises(DataError, match=r"'Cat' \(3\) and 'cat' \(3\); 'Dog ' \(3\) and 'dog' \(3\)"):
        fetch.run(own(default_params, "pets"), paths)
    fetch.run(changed(own(default_params, "pets"), {"data.normalise_labels": True}), paths)
    manifest = raw.verified(paths.raw)
    assert (manifest.counts, manifest.classes) == ({"train": 6, "val": 6}, ("Cat", "Dog"))
    lines = (paths.raw / "images.csv").read_text().splitlines()
    assert lines[1] == "train/Cat/0.png,train,Cat,"
    assert lines[-1] == "valid/Dog /2.png,val,Dog,"


def test_an_npz_stays_as_it_is(default_params, paths, tmp_path):
    mine = tmp_path / "mine.npz"
    np.savez(mine, x_train=np.zeros((4, 8, 8), np.uint8), y_train=np.array([0, 1, 0, 1]))
    fetch.run(own(default_params, mine), paths)
    assert (paths.raw / "images.npz").read_bytes() == mine.read_bytes()
    assert raw.verified(paths.raw).classes == ("0", "1")


def test_own_images_under_a_name_of_the_catalogue_are_mentioned(default_params, paths, tmp_path, caplog):
    mine = tmp_path / "mine.npz"
    np.savez(mine, x_train=np.zeros((4, 8, 8), np.uint8), y_train=np.array([0, 1, 0, 1]))
    fetch.run(changed(default_params, {"data.path": str(mine)}), paths)
    assert "will be called digits" in caplog.text


@pytest.mark.parametrize(
    ("name", "problem"), [("nothing", "does not exist"), ("notes.txt", "neither a folder nor a file in .csv")]
)
def test_a_path_that_leads_nowhere_is_named(name, problem, default_params, paths, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=problem) as caught:
        fetch.run(own(default_params, tmp_path / name), paths)
    assert str(tmp_path / name) in caught.value.problem
    assert not paths.raw.exists()


def test_the_environment_names_a_mirror_only_where_params_does_not(default_params, paths, tmp_path, monkeypatch):
    monkeypatch.setenv("GLYPHLINE_MIRROR", str(tmp_path / "gone"))
    with pytest.raises(DataError, match="GLYPHLINE_MIRROR is"):
        fetch.run(changed(default_params, {"data.dataset": "mnist"}), paths)


def test_raw_files_that_changed_are_named_before_they_are_used(default_params, paths):
    fetch.run(default_params, paths)
    path = paths.raw / "digits.csv"
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(DataError, match="has changed") as caught:
        raw.verified(paths.raw)
    assert str(path) in caught.value.problem
    assert "dvc repro" in caught.value.fix
    path.unlink()
    with pytest.raises(DataError, match="is missing"):
        raw.verified(paths.raw)
