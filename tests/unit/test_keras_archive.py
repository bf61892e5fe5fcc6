"""A sound archive is accepted and any other is refused, without loading it, and never with a traceback."""

import json
import zipfile

import h5py
import numpy as np
import pytest

from glyphline import keras_archive
from glyphline.errors import ArtifactError
from tests.registered import CONFIG, made_archive, weights


def many_unallocated(stored):
    for number in range(60):
        stored.create_dataset(f"w{number}", shape=(1 << 28,), dtype="f4", chunks=(1 << 16,), compression="gzip")


def committed_type(stored):
    stored["t"] = np.dtype("f4")


def of_time(stored):
    space = h5py.h5s.create_simple((4,))
    h5py.h5d.create(stored.id, b"w", h5py.h5t.UNIX_D32LE, space)


def of_references(stored):
    stored.create_dataset("w", shape=(2,), dtype=h5py.ref_dtype)


def in_a_circle(stored):
    stored.create_group("a")["b"] = stored["/"]


def check(path):
    keras_archive.check(path, "do not")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (many_unallocated, "weights of more than 1,073,741,824 bytes"),
        (committed_type, "neither a group nor an array of numbers"),
        (of_time, "neither a group nor an array of numbers"),
        (of_references, "neither a group nor an array of numbers"),
        (in_a_circle, "twice"),
    ],
)
def test_weights_that_are_more_than_arrays_of_numbers_are_refused(tmp_path, make, reason):
    made_archive(tmp_path / "model.keras", members={"model.weights.h5": weights(make)})
    with pytest.raises(ArtifactError, match=reason):
        check(tmp_path / "model.keras")


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "u4", "u1", "?", "V2"])
def test_arrays_of_every_type_that_keras_writes_are_let_through(tmp_path, dtype):
    content = weights(lambda stored: stored.create_dataset("w", data=np.zeros((2, 3), dtype=dtype)))
    made_archive(tmp_path / "model.keras", members={"model.weights.h5": content})
    check(tmp_path / "model.keras")


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "glyphline.layers", "class_name": "Sneaky", "registered_name": "glyphline>Sneaky", "config": {}},
        {"module": None, "class_name": "Sneaky", "registered_name": "glyphline>Sneaky", "config": {}},
    ],
)
def test_no_class_is_let_through_for_bearing_the_name_of_this_program(tmp_path, layer):
    made_archive(tmp_path / "model.keras", config={**CONFIG, "config": {"layers": [layer]}})
    with pytest.raises(ArtifactError, match=r"'Sneaky' of module .*, which is not of Keras"):
        check(tmp_path / "model.keras")


@pytest.mark.parametrize("depth", [3_000, 100_000])
def test_a_configuration_nested_without_end_is_refused(tmp_path, depth):
    made_archive(tmp_path / "model.keras", members={"config.json": b"[" * depth + b"]" * depth})
    with pytest.raises(ArtifactError, match=r"is no \.keras archive"):
        check(tmp_path / "model.keras")


def repack(path, method):
    """The same archive, its members packed by another method."""
    made_archive(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_is_packed_as_keras_never_does_is_refused(tmp_path, method):
    repack(tmp_path / "model.keras", method)
    with pytest.raises(ArtifactError, match="packed in a way that Keras does not use"):
        check(tmp_path / "model.keras")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_changed_byte_is_let_through_or_refused_and_never_a_traceback(tmp_path, method):
    path = tmp_path / "model.keras"
    repack(path, method)
    check(path)
    sound = path.read_bytes()
    directory = sound.index(b"PK\x01\x02")
    places = [*np.random.default_rng(0).integers(directory, size=100), *range(directory, len(sound))]
    refused = 0
    for place in places:
        for flipped in (0x01, 0xFF):
            content = bytearray(sound)
            content[place] ^= flipped
            path.write_bytes(content)
            try:
                check(path)
            except ArtifactError:
                refused += 1
    assert refused > 100


def test_damaged_weights_behind_a_right_checksum_are_refused_or_read_and_never_a_traceback(tmp_path):
    path = tmp_path / "model.keras"
    made_archive(path)
    with zipfile.ZipFile(path) as archive:
        sound = archive.read("model.weights.h5")
    refused = 0
    for place in np.random.default_rng(0).integers(len(sound), size=150):
        content = bytearray(sound)
        content[place] ^= 0xFF
        made_archive(path, members={"model.weights.h5": bytes(content)})
        try:
            check(path)
        except ArtifactError:
            refused += 1
    assert refused > 10


def test_the_error_about_a_config_that_is_no_json_names_the_file(tmp_path):
    made_archive(tmp_path / "model.keras", members={"config.json": json.dumps(CONFIG).encode()[:-1]})
    with pytest.raises(ArtifactError, match=r"model.keras is no .keras archive"):
        check(tmp_path / "model.keras")
