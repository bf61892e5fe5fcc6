"""Read params.yaml: the file, its syntax, its schema, and the search space against the schema."""

import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, DuplicateKeyError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import Node, ScalarNode

from glyphline.errors import ParamsError
from glyphline.params.error_messages import explain, shortened, space_mistakes, unknown_parameter
from glyphline.params.schema import Params

# Sixty times the file of the project; the pure YAML parser reads so much in a second.
MAX_BYTES = 1 << 16
MAX_DEPTH = 16
FIX = "edit {name}; `glyphline params` lists every field"


def read(path: Path) -> Params:
    """The validated parameters of a project.

    Raises:
        ParamsError: the file is missing, empty, larger than 64 KiB, no YAML, or breaks the schema; every mistake is
            named at once, with its dotted key and the value received.
    """
    tree = _tree(path)
    fix = FIX.format(name=path.name)
    space_lines = space_mistakes(tree)
    try:
        params = Params.model_validate(tree)
    except ValidationError as error:
        raise ParamsError("\n".join([*explain(error, tree), *space_lines]), fix=fix) from None
    if space_lines:
        raise ParamsError("\n".join(space_lines), fix=fix)
    return params


def overlay(params: Params, values: Mapping[str, Any]) -> Params:
    """`params` with some values replaced, checked as a whole again.

    Args:
        params: what to start from; it stays as it is.
        values: dotted keys, as `{"train.learning_rate": 0.003}`.

    Raises:
        ParamsError: a key is no parameter, or a value is not allowed for it; every mistake is named at once.
    """
    fix = "`glyphline params` lists every field"
    tree = params.model_dump()
    known = list(Params.keys())
    if unknown := [unknown_parameter(dotted, known) for dotted in values if dotted not in known]:
        raise ParamsError("\n".join(unknown), fix=fix)
    for dotted, value in values.items():
        *sections, leaf = dotted.split(".")
        section = tree
        for name in sections:
            section = section[name]
        section[leaf] = value
    try:
        # Not against the space: it was checked around the values of params.yaml, and a trial moves two at a time.
        return Params.model_validate(tree)
    except ValidationError as error:
        raise ParamsError("\n".join(explain(error, tree)), fix=fix) from None


class _Constructor(SafeConstructor):
    """Names the line of a value that Python cannot represent, as the date 2024-13-45."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:  # noqa: ARG002
        try:
            # Deep: ruamel would construct lists and maps later, outside this block.
            value = super().construct_object(node, deep=True)
            if isinstance(value, int):
                # Raises for a whole number that is too long for any message; one in hexadecimal is refused only here.
                str(value)
        except (ValueError, LookupError, TypeError) as error:
            kind = str(node.tag).rpartition(":")[2]
            if isinstance(node, ScalarNode):
                problem = f'"{shortened(node.value)}" cannot be read as {kind}'
            else:
                problem = f"a {kind} cannot be read: {error}"
            raise ConstructorError(None, None, problem, node.start_mark) from None
        return value


def _tree(path: Path) -> dict[str, Any]:
    fix = FIX.format(name=path.name)
    text = _text(path, fix)
    try:
        _refuse_bombs(text, path.name)
        # ruamel, not PyYAML: DVC reads params as YAML 1.2, where 1e-3 is a number and `on` is a word.
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = _Constructor
        tree = yaml.load(StringIO(text))
    except DuplicateKeyError as error:
        key = re.search(r'duplicate key "([^"]*)"', error.problem or "")
        where = f"line {error.problem_mark.line + 1}"
        raise ParamsError(f"{path.name}: {key[1] if key else 'a key'} is there twice ({where})", fix=fix) from None
    except (YAMLError, ValueError) as error:
        # ValueError: raised by the scanner for an escape sequence that is no character.
        reason = " ".join(str(error).split()).replace('"<file>"', path.name)
        raise ParamsError(f"{path.name} is not YAML: {reason}", fix=fix) from None
    if not isinstance(tree, dict):
        received = "nothing" if tree is None else repr(tree)[:80]
        raise ParamsError(f"{path.name} must hold sections, and it holds {received}", fix=fix)
    return tree


def _text(path: Path, fix: str) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist", fix="restore it with `git checkout params.yaml`") from None
    except OSError as error:
        raise ParamsError(f"{path} cannot be read: {error.strerror}", fix=fix) from None
    if len(content) > MAX_BYTES:
        raise ParamsError(f"{path.name} has more than the {MAX_BYTES:,} bytes allowed", fix=fix)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path.name} is not UTF-8 text: {error}", fix=fix) from None


def _refuse_bombs(text: str, name: str) -> None:
    # Aliases make a file of 300 bytes into gigabytes ("billion laughs"), deep nesting exhausts the stack.
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(StringIO(text)):
        if isinstance(event, AliasEvent):
            where = f"line {event.start_mark.line + 1}"
            raise ParamsError(f"{name} holds a YAML alias, *{event.anchor} ({where})", fix="write the value out")
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ParamsError(f"{name} is nested deeper than {MAX_DEPTH} levels", fix=FIX.format(name=name))
