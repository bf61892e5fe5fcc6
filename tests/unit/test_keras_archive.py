"""A sound archive is accepted and any other is refused, without loading it, and never with a traceback."""

import json
import warnings
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


def add_members(path, *names):
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        # zipfile warns of a name that is there already.
        warnings.simplefilter("ignore")
        for name in names:
            archive.writestr(name, b"{}")


def test_a_member_that_is_there_twice_is_refused(tmp_path):
    made_archive(tmp_path / "model.keras")
    add_members(tmp_path / "model.keras", "metadata.json")
    with pytest.raises(ArtifactError, match="is refused: it holds 4 members, some twice or too many"):
        check(tmp_path / "model.keras")


@pytest.mark.parametrize(
    ("count", "problem"),
    [(64, "is refused: it holds 'x00', which no model needs"), (65, "it holds 65 members, some twice or too many")],
)
def test_members_are_counted_before_they_are_looked_at(tmp_path, count, problem):
    made_archive(tmp_path / "model.keras")
    add_members(tmp_path / "model.keras", *(f"x{number:02}" for number in range(count - 3)))
    with pytest.raises(ArtifactError, match=problem):
        check(tmp_path / "model.keras")


@pytest.mark.parametrize("missing", ["metadata.json", "config.json", "model.weights.h5"])
def test_a_member_that_is_missing_is_named(tmp_path, missing):
    made_archive(tmp_path / "sound.keras")
    with (
        zipfile.ZipFile(tmp_path / "sound.keras") as sound,
        zipfile.ZipFile(tmp_path / "model.keras", "w") as archive,
    ):
        for name in set(sound.namelist()) - {missing}:
            archive.writestr(name, sound.read(name))
    with pytest.raises(ArtifactError, match=rf"is no \.keras archive: {missing} is missing"):
        check(tmp_path / "model.keras")


def test_an_archive_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ArtifactError, match=r"model\.keras does not exist"):
        check(tmp_path / "model.keras")


@pytest.mark.parametrize("key", ["__lambda__", "__pickle__"])
def test_serialized_code_is_refused_wherever_it_stands(tmp_path, key):
    layer = {"module": "keras.layers", "class_name": "Dense", "config": {"activation": [{key: "4wAAAA"}]}}
    made_archive(tmp_path / "model.keras", config={**CONFIG, "config": {"layers": [layer]}})
    with pytest.raises(ArtifactError, match="is refused: it holds serialized code"):
        check(tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["Lambda", "__lambda__"])
def test_a_lambda_is_refused_as_code_whatever_module_it_names(tmp_path, name):
    layer = {"module": "keras.layers", "class_name": name, "config": {}}
    made_archive(tmp_path / "model.keras", config={**CONFIG, "config": {"layers": [layer]}})
    with pytest.raises(ArtifactError, match="is refused: it holds a Lambda layer, which is code"):
        check(tmp_path / "model.keras")


@pytest.mark.parametrize(
    ("node", "is_foreign"),
    [
        ({"module": "keras", "class_name": "Sequential"}, False),
        ({"module": "kerasx.layers", "class_name": "Dense"}, True),
        ({"module": "builtins", "class_name": "tuple"}, False),
        ({"module": "builtins", "class_name": "eval"}, True),
        ({"module": "mine", "class_name": "list"}, True),
        ({"class_name": "function", "config": "system"}, True),
        ({"class_name": "function", "module": "os", "config": "system"}, True),
        ({"class_name": "__typespec__"}, True),
        ({"class_name": "__tensor__", "config": {}}, False),
    ],
)
def test_what_is_not_of_keras_is_refused_by_its_module(tmp_path, node, is_foreign):
    made_archive(tmp_path / "model.keras", config={**CONFIG, "config": {"layers": [node]}})
    if is_foreign:
        with pytest.raises(ArtifactError, match=f"it names '{node['class_name']}' of module .*, which is not of Keras"):
            check(tmp_path / "model.keras")
    else:
        check(tmp_path / "model.keras")


def elsewhere(stored):
    stored["w"] = h5py.ExternalLink("/etc/passwd", "/w")


def by_name(stored):
    stored["w"] = h5py.SoftLink("/layers")


def outside(stored):
    stored.create_dataset("w", shape=(4,), dtype="f4", external=[("weights.bin", 0, 16)])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (elsewhere, r"its weights point elsewhere \(w\)"),
        (by_name, r"its weights point elsewhere \(w\)"),
        (outside, r"its weights are read from another file \(/w\)"),
    ],
)
def test_weights_that_lie_elsewhere_are_refused(tmp_path, make, reason):
    made_archive(tmp_path / "model.keras", members={"model.weights.h5": weights(make)})
    with pytest.raises(ArtifactError, match=reason):
        check(tmp_path / "model.keras")


def test_weights_deep_in_groups_are_looked_at_too(tmp_path):
    def deep(stored):
        stored.create_group("a/b/c")
        stored["a/b/c"].create_dataset("w", shape=(2,), dtype=h5py.ref_dtype)

    made_archive(tmp_path / "model.keras", members={"model.weights.h5": weights(deep)})
    with pytest.raises(ArtifactError, match=r"neither a group nor an array of numbers \(/a/b/c/w\)"):
        check(tmp_path / "model.keras")
