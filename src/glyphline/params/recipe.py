"""Recipes: named sets of parameters, measured together, that one command writes into params.yaml.

Each is a file under `recipes/`: `about` says in one sentence what it is for, `params` holds values as params.yaml does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from glyphline.errors import ParamsError
from glyphline.params import yaml_writer
from glyphline.values import flatten

FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One named set of parameters.

    Attributes:
        name: of the file.
        about: one sentence.
        values: dotted key -> value, as `{"train.epochs": 1}`.
    """

    name: str
    about: str
    values: Mapping[str, Any]


def names() -> tuple[str, ...]:
    """The names of all recipes, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def find(name: str) -> Recipe:
    """A recipe by its name.

    Raises:
        ParamsError: no recipe has this name.
    """
    if name not in names():
        raise ParamsError(f"there is no recipe {name!r}", fix=f"take one of {', '.join(names())}")
    tree = YAML(typ="safe", pure=True).load(FOLDER / f"{name}.yaml")
    # One value: its keys are those of other parameters.
    space = tree["params"].get("tune", {}).pop("space", None)
    values = flatten(tree["params"]) | ({} if space is None else {"tune.space": space})
    return Recipe(name=name, about=tree["about"], values=values)


def write(path: Path, recipe: Recipe) -> dict[str, tuple[Any, Any]]:
    """Put the values of a recipe into params.yaml, as `yaml_writer.write` does."""
    return yaml_writer.write(path, recipe.values)
