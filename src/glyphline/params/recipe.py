"""Recipes: named sets of parameters, measured together, that one command writes into params.yaml.

Each is a file under `recipes/`: `about` says in one sentence what it is for, `params` holds values as params.yaml does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from glyphline import files
from glyphline.errors import ParamsError
from glyphline.params.yaml_reader import read
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
    return Recipe(name=name, about=tree["about"], values=flatten(tree["params"]))


def write(path: Path, recipe: Recipe) -> dict[str, tuple[Any, Any]]:
    """Put the values of a recipe into params.yaml; comments, order and every other value stay.

    Returns:
        Dotted key -> the value before and after, of those that changed.

    Raises:
        ParamsError: params.yaml is not valid before or after; the file is then as it was.
    """
    read(path)
    yaml = _preserving_yaml()
    tree = yaml.load(path)
    changed = {}
    for dotted, value in recipe.values.items():
        *sections, leaf = dotted.split(".")
        section = tree
        for part in sections:
            section = section[part]
        if section[leaf] != value:
            changed[dotted] = (section[leaf], value)
            section[leaf] = _on_one_line(value)
    if changed:
        with files.atomic_file(path) as partial:
            yaml.dump(tree, partial)
            read(partial)
    return changed


def _on_one_line(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    line = CommentedSeq(value)
    line.fa.set_flow_style()
    return line


class _ExplicitNull(RoundTripRepresenter):
    """Writes `null` where ruamel would write nothing after the colon."""

    def represent_none(self, _data: None) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_ExplicitNull.add_representer(type(None), _ExplicitNull.represent_none)


def _preserving_yaml() -> YAML:
    yaml = YAML()
    yaml.Representer = _ExplicitNull
    yaml.preserve_quotes = True
    # A long line of the search space must stay one line.
    yaml.width = 4096
    return yaml
