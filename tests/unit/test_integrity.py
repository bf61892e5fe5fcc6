"""A model's description is read with suspicion: whoever wrote it may have had other models in mind."""

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
