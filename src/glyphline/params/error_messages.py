"""What is wrong in params.yaml, in the words of that file and not in those of the schema."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from glyphline.nearest import closest
from glyphline.params.schema import Params
from glyphline.params.section import Section
from glyphline.params.tune import NOT_SEARCHABLE, SEARCHABLE_SECTIONS, SpaceEntry
from glyphline.redaction import redact

SHOWN_CHARACTERS = 80

# Pydantic's kind of error -> the message, filled in from the context that pydantic gives.
WORDS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "dict_type": "must hold keys",
    "model_type": "must hold keys",
    "no_scalar": "must be a number, text, true or false",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must hold {min_length} or more values",
    "too_long": "must hold no more than {max_length} values",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "literal_error": "must be {expected}",
    "literal_or_count": "must be {expected}, or a whole number above 0",
}


def explain(error: ValidationError, tree: Mapping[str, Any]) -> list[str]:
    """One line per mistake: dotted key, what is wrong, the value received.

    Args:
        error: raised by the schema.
        tree: what was validated.
    """
    mistakes = list(_one_per_key(error.errors()))
    suggested = {
        (*mistake["loc"][:-1], close)
        for mistake in mistakes
        if mistake["type"] == "extra_forbidden" and (close := _closest(mistake["loc"]))
    }
    # A misspelt key is one mistake, though the schema also misses the right one.
    return [
        _line(mistake, tree) for mistake in mistakes if mistake["type"] != "missing" or mistake["loc"] not in suggested
    ]


def space_mistakes(tree: Mapping[str, Any]) -> list[str]:
    """What is wrong between `tune.space` and the parameters that it names.

    Entries that break the schema of an entry are left to `explain`.

    Args:
        tree: params.yaml as it was read; other parts of it may be wrong.
    """
    tune = tree.get("tune")
    space = tune.get("space") if isinstance(tune, Mapping) else None
    if not isinstance(space, Mapping):
        return []
    known = [key for section in SEARCHABLE_SECTIONS for key in _section(section).keys(f"{section}.")]
    lines: list[str] = []
    for key, entry in space.items():
        if key in SEARCHABLE_SECTIONS and isinstance(entry, Mapping):
            lines += [f"tune.space.{key}: write the key in one piece, as `{key}.{name}: ...`" for name in entry]
        elif key in NOT_SEARCHABLE:
            lines.append(f"tune.space.{key}: cannot be searched, because {NOT_SEARCHABLE[key]}")
        elif key not in known:
            lines.append(f"tune.space.{key}: no parameter of model or train{_did_you_mean(closest(str(key), known))}")
        else:
            lines += dict.fromkeys(_entry_mistakes(tree, key, entry))
    return lines


def unknown_parameter(dotted: str, known: Iterable[str]) -> str:
    """The line about a dotted key that is no parameter."""
    return f"{dotted}: no such parameter{_did_you_mean(closest(dotted, known))}"


def shortened(text: str) -> str:
    """A text for a message: without credentials, and at most 80 characters of it."""
    text = redact(text)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _entry_mistakes(tree: Mapping[str, Any], key: str, entry: Any) -> Iterator[str]:
    try:
        checked = SpaceEntry.model_validate(entry)
    except ValidationError:
        return
    name, *path = key.split(".")
    model, values = _section(name), tree.get(name)
    base = values if isinstance(values, Mapping) else {}
    current = _value_at(base, path)
    is_searched = tree["tune"].get("trials") != 0
    if is_searched and _is_finite_number(current) and not checked.reaches(current):
        # The search widens the range to hold this value, and must not draw other values than those asked for.
        yield (
            f"tune.space.{key}: step={checked.step} from low={checked.low} never reaches the value in params.yaml "
            f"(got {_shown(current)})"
        )
    if checked.choices is None and isinstance(current, str) and _is_valid(model, _replaced(base, path, checked.low)):
        yield f"tune.space.{key}: a range does not hold the value in params.yaml, give choices (got {_shown(current)})"
        return
    # Other errors of the section are not about the space; a rule across fields needs a valid section.
    is_valid = _is_valid(model, base)
    for value in checked.extremes:
        try:
            model.model_validate(_replaced(base, path, value))
        except ValidationError as error:
            for mistake in _one_per_key(error.errors()):
                loc = [str(part) for part in mistake["loc"]]
                if loc[: len(path)] == path or (is_valid and loc == path[: len(loc)]):
                    yield f"tune.space.{key}: {_words(mistake)} (got {_shown(value)})"


def _value_at(tree: Any, path: Sequence[str]) -> Any:
    """The value at a path in `tree`; None when there is none."""
    for part in path:
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return tree


def _is_finite_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _replaced(tree: Any, path: Sequence[str], value: Any) -> Any:
    """`tree` with another value at a path in it."""
    if not path:
        return value
    base = tree if isinstance(tree, Mapping) else {}
    return {**base, path[0]: _replaced(base.get(path[0]), path[1:], value)}


def _one_per_key(mistakes: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """One mistake per key: pydantic reports one for each member of a union."""
    by_key: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for mistake in mistakes:
        loc = mistake["loc"]
        is_member = bool(loc) and _is_union_member(loc[-1])
        key = loc[:-1] if is_member else loc
        by_key.setdefault(key, []).append({**mistake, "loc": key})
    for of_key in by_key.values():
        kinds = {mistake["type"]: mistake for mistake in of_key}
        # "Not finite" is about the value; the other members only say that it is of another type.
        if finite := kinds.get("finite_number"):
            yield finite
        elif len(kinds) > 1 and "literal_error" in kinds:
            yield {**kinds["literal_error"], "type": "literal_or_count"}
        elif len(kinds) > 1 and "string_type" in kinds:
            yield {**of_key[0], "type": "no_scalar"}
        else:
            yield kinds.get("float_type", of_key[0])


def _line(mistake: Mapping[str, Any], tree: Mapping[str, Any]) -> str:
    loc = mistake["loc"]
    # A key of the search space holds dots itself and stays one part.
    dotted = ".".join(map(str, loc))
    if mistake["type"] in {"extra_forbidden", "invalid_key"}:
        value = tree.get(loc[0]) if len(loc) == 1 else mistake["input"]
        return f"{dotted}: unknown key{_did_you_mean(_closest(loc))} (got {_shown(value)})"
    if mistake["type"] == "missing":
        is_section = len(loc) == 1 and loc[0] != "seed"
        what = "section" if is_section else "value" if isinstance(loc[-1], int) else "key"
        return f"{dotted}: this {what} is missing"
    return f"{dotted}: {_words(mistake)} (got {_shown(mistake['input'])})"


def _words(mistake: Mapping[str, Any]) -> str:
    if words := WORDS.get(mistake["type"]):
        limits = mistake.get("ctx", {})
        return words.format(**{name: f"{end:g}" if isinstance(end, float) else end for name, end in limits.items()})
    message: str = mistake["msg"].removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}"


def _closest(loc: tuple[Any, ...]) -> str | None:
    return closest(str(loc[-1]), _fields_at(loc[:-1]))


def _fields_at(loc: tuple[Any, ...]) -> list[str]:
    model: Any = Params
    for part in loc:
        field = model.model_fields.get(part)
        if field is None or not _is_section(field.annotation):
            return list(SpaceEntry.model_fields)
        model = field.annotation
    return list(model.model_fields)


def _section(name: str) -> type[Section]:
    section = Params.model_fields[name].annotation
    assert isinstance(section, type)
    assert issubclass(section, Section)
    return section


def _is_valid(model: type[Section], tree: Mapping[str, Any]) -> bool:
    try:
        model.model_validate(dict(tree))
    except ValidationError:
        return False
    return True


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _did_you_mean(close: str | None) -> str:
    return f", did you mean {close}?" if close else ""


def _is_union_member(part: object) -> bool:
    return isinstance(part, str) and (
        part in {"int", "float", "bool", "str"} or part.startswith(("tuple[", "function-", "literal[", "constrained-"))
    )


def _shown(value: object) -> str:
    """A value as YAML writes it, not Python: true, null, .nan."""
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except TypeError:
        # A map whose keys are lists or dates, which YAML knows and JSON does not.
        text = repr(value)
    return shortened(text)
