"""A model's description is read with suspicion: whoever wrote it may have had other models in mind."""

import os

import pytest

from glyphline.errors import ArtifactError
from glyphline.registry import integrity
from tests.registered import made_archive

SOUND = """
flavors:
  keras: {data: data, keras_backend: tensorflow}
  python_function: {data: data, loader_module: mlflow.keras}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    made_archive(tmp_path / "data" / "model.keras")
    (tmp_path / "data" / "keras_module.txt").write_text("keras")
    (tmp_path / "MLmodel").write_text(SOUND)
    return tmp_path


def test_a_plain_model_is_let_through(folder):
    integrity.check(folder, "version 1")


@pytest.mark.parametrize(
    "text",
    [
        "flavors: {python_function: null, keras: null}",
        "flavors: {python_function: mlflow.keras, keras: [data]}",
        "flavors: [python_function, keras]",
        "flavors: null",
        "[flavors]",
        "",
        "flavors: " + "[" * 3000 + "]" * 3000,
        "flavors: {" * 3000,
    ],
)
def test_a_description_of_another_shape_is_refused(folder, text):
    (folder / "MLmodel").write_text(text)
    with pytest.raises(ArtifactError, match="MLmodel describes no Keras model"):
        integrity.check(folder, "version 1")


def refusal(folder):
    with pytest.raises(ArtifactError) as caught:
        integrity.check(folder, "version 1")
    assert "register the model again" in caught.value.fix
    return caught.value.problem


def test_a_model_without_a_description_is_refused(folder):
    (folder / "MLmodel").unlink()
    assert refusal(folder) == "version 1 is refused: MLmodel is missing or larger than 1,048,576 bytes"


def test_a_description_of_a_mebibyte_is_read_and_one_byte_more_is_refused(folder):
    padding = "#" * ((1 << 20) - len(SOUND))
    (folder / "MLmodel").write_text(SOUND + padding)
    integrity.check(folder, "version 1")
    (folder / "MLmodel").write_text(SOUND + padding + "#")
    assert refusal(folder) == "version 1 is refused: MLmodel is missing or larger than 1,048,576 bytes"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("flavors:", "flavors:\n  pytorch: {data: data}", "MLmodel names the flavor 'pytorch'"),
        ("mlflow.keras", "mlflow.pyfunc.model", "names the loader 'mlflow.pyfunc.model', and not 'mlflow.keras'"),
        (", loader_module: mlflow.keras", "", "MLmodel names the loader None"),
        ("data, keras_backend", "elsewhere, keras_backend", "MLmodel points at other data than the archive"),
        ("data, loader_module", "../data, loader_module", "MLmodel points at other data than the archive"),
        ("data, loader_module", "data, model_path: x, loader_module", "MLmodel points at other data than the archive"),
        ("data, keras_backend", "data, model_path: x, keras_backend", "MLmodel points at other data than the archive"),
        ("data, keras_backend", "data, code: src, keras_backend", "MLmodel brings code of its own ('src')"),
        ("data, loader_module", "data, code: src, loader_module", "MLmodel brings code of its own ('src')"),
    ],
)
def test_a_description_that_is_more_than_a_keras_model_is_refused(folder, old, new, problem):
    assert old in SOUND
    (folder / "MLmodel").write_text(SOUND.replace(old, new))
    assert problem in refusal(folder)


@pytest.mark.parametrize("content", [None, "os", "keras\nos"])
def test_another_module_than_keras_is_refused(folder, content):
    module = folder / "data" / "keras_module.txt"
    module.unlink()
    if content:
        module.write_text(content)
    assert "data/keras_module.txt names another module than Keras" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("notes.txt", b"hello", "a file that does not belong to a model"),
        ("data/model.pkl", b"hello", "a pickle"),
        ("data/weights", b"\x80\x04K\x01.", "a pickle"),
        ("data/weights", b"cos\nsystem\n", "a pickle"),
    ],
)
def test_a_file_more_is_refused_and_a_pickle_is_called_one(folder, name, content, kind):
    (folder / name).write_bytes(content)
    assert refusal(folder) == f"version 1 holds {name}, {kind}"


@pytest.mark.parametrize("kind", ["link", "link to a folder", "pipe"])
def test_what_is_no_plain_file_has_no_digest(folder, kind):
    place = folder / "requirements.txt"
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(folder / ("data" if "folder" in kind else "MLmodel"))
    with pytest.raises(ArtifactError, match=r"requirements\.txt of the model is no plain file"):
        integrity.digests(folder)


def test_the_signature_is_the_one_file_without_a_digest(folder):
    (folder / "model.sig").write_text("signed")
    assert set(integrity.digests(folder)) == {"MLmodel", "data/keras_module.txt", "data/model.keras"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda folder: (folder / "MLmodel").unlink(), "MLmodel is missing"),
        (lambda folder: (folder / "MLmodel").write_text(SOUND + "#"), "MLmodel was changed"),
        (lambda folder: (folder / "conda.yaml").write_text(""), "conda.yaml was added"),
    ],
)
def test_files_that_are_not_those_that_were_registered_are_named(folder, change, problem):
    recorded = integrity.digests(folder)
    integrity.verify(folder, recorded, "version 1")
    change(folder)
    with pytest.raises(ArtifactError) as caught:
        integrity.verify(folder, recorded, "version 1")
    assert caught.value.problem == f"version 1 is not what was registered: {problem}"


def test_files_as_they_were_registered_are_still_looked_into(folder):
    (folder / "MLmodel").write_text(SOUND.replace("mlflow.keras", "os"))
    with pytest.raises(ArtifactError, match="names the loader 'os'"):
        integrity.verify(folder, integrity.digests(folder), "version 1")
