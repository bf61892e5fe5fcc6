"""The array store: what is saved is loaded, and no single changed byte gets through."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glyphline import data
from glyphline.data.store import IMAGES, LABELS, MANIFEST
from glyphline.errors import ArtifactError

RNG = np.random.default_rng(0)
IMAGES_MADE = RNG.integers(0, 256, (9, 8, 10, 3), dtype=np.uint8)
LABELS_MADE = np.array([0, 1, 2] * 3, dtype=np.int64)
CLASSES = ("null", "eins", "zwölf")


def saved(folder, **changes):
    values = {"classes": CLASSES, "dataset": "made", **changes}
    return data.save(folder, "train", IMAGES_MADE, LABELS_MADE, **values)


def test_what_is_saved_is_loaded_and_the_images_stay_on_disk(tmp_path):
    manifest = saved(tmp_path)
    split = data.load(tmp_path)
    assert isinstance(split.images, np.memmap)
    np.testing.assert_array_equal(split.images, IMAGES_MADE)
    np.testing.assert_array_equal(split.labels, LABELS_MADE)
    assert (split.name, split.classes, split.digest) == ("train", CLASSES, manifest.digest)
    assert manifest.class_counts == {"null": 3, "eins": 3, "zwölf": 3}
    assert split.image_shape == (8, 10, 3)


def test_chosen_rows_are_saved_as_if_they_had_been_all(tmp_path):
    rows = np.array([1, 4, 8])
    one = saved(tmp_path / "rows", rows=rows)
    other = data.save(tmp_path / "all", "train", IMAGES_MADE[rows], LABELS_MADE[rows], classes=CLASSES, dataset="made")
    assert one == other


def test_the_arrays_are_ordinary_npy_files(tmp_path):
    saved(tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / IMAGES), IMAGES_MADE)
    np.save(tmp_path / "by_numpy.npy", IMAGES_MADE)
    assert (tmp_path / "by_numpy.npy").read_bytes() == (tmp_path / IMAGES).read_bytes()


def test_the_digest_is_of_the_content_and_the_class_names_alone(tmp_path):
    digest = saved(tmp_path / "a").digest
    assert saved(tmp_path / "b", dataset="renamed").digest == digest
    assert saved(tmp_path / "c", classes=("null", "eins", "zwei")).digest != digest
    other = IMAGES_MADE.copy()
    other[8, 7, 9, 2] ^= 1
    changed = data.save(tmp_path / "d", "train", other, LABELS_MADE, classes=CLASSES, dataset="made")
    assert changed.digest != digest


@pytest.mark.parametrize("name", [IMAGES, LABELS, MANIFEST])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_single_flipped_bit_is_noticed_and_its_file_named(name, at, bit, tmp_path):
    saved(tmp_path)
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        data.load(tmp_path)
    assert str(path) in caught.value.problem
    assert "dvc repro" in caught.value.fix


@pytest.mark.parametrize("name", [IMAGES, LABELS, MANIFEST])
def test_a_missing_file_is_named(name, tmp_path):
    saved(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ArtifactError, match="does not exist") as caught:
        data.load(tmp_path)
    assert str(tmp_path / name) in caught.value.problem
