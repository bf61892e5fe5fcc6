"""docs/params.md and `glyphline params` say what the schema says."""

import io

import pytest
from rich.console import Console

from glyphline.commands import params_docs
from glyphline.params.tune import SpaceEntry
from glyphline.values import flatten


@pytest.fixture(scope="module")
def by_key(root):
    return {row.key: row for section in params_docs.rows(root / "params.yaml").values() for row in section}


def test_params_md_is_fresh(root):
    text = (root / "docs" / "params.md").read_text(encoding="utf-8")
    assert text == params_docs.markdown(root / "params.yaml"), "docs/params.md is stale: run `make docs`"


def test_every_field_of_params_yaml_is_explained(by_key, default_params):
    fields = {key for key in flatten(default_params.model_dump()) if not key.startswith("tune.space.")}
    space = {f"tune.space.<key>.{name}" for name in SpaceEntry.model_fields}
    assert set(by_key) == fields | space | {"tune.space"}
    assert all(row.meaning.endswith(".") and row.kind for row in by_key.values())


@pytest.mark.parametrize(
    ("key", "kind", "allowed"),
    [
        ("seed", "whole number", "at least 0, below 4,294,967,296"),
        ("train.learning_rate", "number", "above 0, at most 1"),
        ("train.deterministic", "true or false", ""),
        ("train.augment.shift", "number", "0 to 0.5"),
        ("train.precision", "text", "auto, float32, bfloat16, float16"),
        ("model.filters", "list of whole numbers", "1 to 8 values, each 1 to 1,024"),
        ("preprocess.image_size", "list of whole numbers or null", "2 values, each 8 to 1,024"),
        ("data.dataset", "text", "1 to 64 characters"),
        ("tune.space.<key>.low", "number or null", ""),
        ("tune.space", "map", ""),
    ],
)
def test_type_and_range_are_in_words(by_key, key, kind, allowed):
    assert (by_key[key].kind, by_key[key].allowed) == (kind, allowed)


def test_the_default_is_the_value_of_params_yaml(by_key, default_params):
    assert by_key["train.learning_rate"].default == str(default_params.train.learning_rate)
    assert by_key["model.filters"].default == str(list(default_params.model.filters))
    assert by_key["tune.space"].default == f"{len(default_params.tune.space)} entries"
    assert by_key["tune.space.<key>.log"].default == "false"


def test_the_table_fits_a_hundred_columns_and_cuts_nothing_off(root, by_key):
    output = io.StringIO()
    params_docs.show(root / "params.yaml", Console(file=output))
    assert not [line for line in output.getvalue().splitlines() if line.endswith(" ")]
    text = output.getvalue()
    assert max(map(len, text.splitlines())) <= 100
    assert text.splitlines()[0].split(maxsplit=2) == ["key", "default", "meaning, type and range"]
    assert "…" not in text
    assert all(key in text for key in by_key)
