"""Recipes: what one command may write into params.yaml."""

import shutil

import pytest

from glyphline import params as parameters
from glyphline.cli import run
from glyphline.errors import ParamsError
from glyphline.params import recipe
from glyphline.params.recipe import Recipe


@pytest.fixture
def path(root, tmp_path):
    return shutil.copy(root / "params.yaml", tmp_path / "params.yaml")


def test_there_are_two_for_many_images_and_two_for_photographs():
    assert recipe.names() == ("accurate", "fast", "photos", "photos_accurate")


@pytest.mark.parametrize("name", recipe.names())
def test_each_says_in_a_sentence_what_it_is_for(name):
    about = recipe.find(name).about
    assert about.endswith(".")
    assert "\n" not in about


@pytest.mark.parametrize("name", recipe.names())
def test_each_is_valid_in_the_default_params_and_every_value_arrives(name, path):
    written = recipe.find(name)
    recipe.write(path, written)
    flat = parameters.read(path).flat()
    wanted = dict(written.values)
    space = wanted.pop("tune.space", None)
    assert {key: flat[key] for key in wanted} == wanted
    assert space is None or set(parameters.read(path).tune.space) == set(space)


@pytest.mark.parametrize("name", recipe.names())
def test_each_trains_what_it_says_and_not_what_a_search_found(name):
    assert recipe.find(name).values["tune.trials"] == 0


def test_a_head_alone_is_what_photos_means_whatever_was_written_before(path):
    recipe.write(path, recipe.find("photos_accurate"))
    assert parameters.read(path).train.tune_backbone != "none"
    recipe.write(path, recipe.find("photos"))
    assert parameters.read(path).train.tune_backbone == "none"


def test_only_the_lines_of_changed_values_change(path):
    before = path.read_text().splitlines()
    changed = recipe.write(path, Recipe("mine", "Mine.", {"train.epochs": 99, "model.filters": [3, 4, 5]}))
    after = path.read_text().splitlines()
    assert set(changed) == {"train.epochs", "model.filters"}
    assert changed["train.epochs"][1] == 99
    new = [line.partition("#")[0].strip() for line in after if line not in before]
    assert new == ["- 3", "- 4", "- 5", "epochs: 99"]
    # One filter of before for three.
    assert len(after) == len(before) + 2


def test_dvc_and_a_recipe_write_the_same_style(path):
    hydra = pytest.importorskip("dvc.utils.hydra")
    recipe.write(path, recipe.find("accurate"))
    text = path.read_text()
    hydra.apply_overrides(path, [f"train.epochs={recipe.find('accurate').values['train.epochs']}"])
    assert path.read_text() == text


def test_written_twice_it_changes_nothing(path):
    recipe.write(path, recipe.find("fast"))
    text = path.read_text()
    assert recipe.write(path, recipe.find("fast")) == {}
    assert path.read_text() == text


def test_a_value_that_params_yaml_refuses_leaves_the_file_as_it_was(path):
    text = path.read_text()
    with pytest.raises(ParamsError, match=r"train\.epochs"):
        recipe.write(path, Recipe("bad", "Bad.", {"train.epochs": 0}))
    assert path.read_text() == text


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ParamsError, match="no recipe 'quick'") as caught:
        recipe.find("quick")
    assert "accurate, fast, photos, photos_accurate" in caught.value.fix


def test_the_command_lists_writes_and_says_what_changed(root, tmp_path, monkeypatch, capsys):
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(root / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert run(["recipe"]) == 0
    assert "fast: " in capsys.readouterr().out
    assert run(["recipe", "fast"]) == 0
    out = capsys.readouterr().out
    assert "-> 0\n" in out.partition("tune.trials: ")[2]
    # What it is for, before anybody waits for it.
    assert recipe.find("fast").about in out
    assert run(["recipe", "fast"]) == 0
    assert "already" in capsys.readouterr().out
