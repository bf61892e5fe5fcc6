"""Write values into params.yaml and leave everything else in it as it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from glyphline import files
from glyphline.params.yaml_reader import read


def write(path: Path, values: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Put values into params.yaml; comments, order and every other value stay.

    Args:
        path: params.yaml.
        values: dotted key -> value, as `{"train.epochs": 1}`.

    Returns:
        Dotted key -> the value before and after, of those that changed.

    Raises:
        ParamsError: params.yaml is not valid before or after; the file is then as it was.
    """
    read(path)
    yaml = _preserving_yaml()
    tree = yaml.load(path)
    changed = {}
    for dotted, value in values.items():
        *sections, leaf = dotted.split(".")
        section = tree
        for part in sections:
            section = section[part]
        if section[leaf] != value:
            changed[dotted] = (section[leaf], value)
            section[leaf] = value
    if changed:
        with files.atomic_file(path) as partial:
            yaml.dump(tree, partial)
            read(partial)
    return changed


def _preserving_yaml() -> YAML:
    """Writes as DVC does, so that the two do not rewrite each other's lines."""
    yaml = YAML()
    yaml.preserve_quotes = True
    # A long line of the search space must stay one line.
    yaml.width = 4096
    return yaml
