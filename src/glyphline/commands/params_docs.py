"""The documentation of params.yaml, made from its schema, so that nothing about a field is written twice."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from glyphline import params as parameters
from glyphline.params import Params
from glyphline.redaction import redact
from glyphline.terminal_table import show_table

WIDTH = 100
TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "object": "map"}


@dataclass(frozen=True, slots=True)
class ParamRow:
    """One field of params.yaml, in words.

    Attributes:
        key: dotted.
        kind: the type, as "whole number or null".
        allowed: the range, as "above 0, at most 1"; empty where the type alone says it.
        default: the value in params.yaml.
        meaning: the description of the field.
    """

    key: str
    kind: str
    allowed: str
    default: str
    meaning: str


def rows(path: Path) -> dict[str, list[ParamRow]]:
    """The fields by section; those in no section are under the empty name.

    Args:
        path: params.yaml, whose values are the defaults.

    Raises:
        ParamsError: params.yaml is not valid.
    """
    values = parameters.read(path).model_dump(mode="json")
    schema = Params.model_json_schema()
    sections: dict[str, list[ParamRow]] = {"": []}
    for name, field in schema["properties"].items():
        if "$ref" in field:
            sections[name] = list(_section(schema, _referred(schema, field), name, values[name]))
        else:
            sections[""].append(_row(field, name, values[name]))
    return sections


def table(path: Path) -> Table:
    """The fields as a table for a terminal of 100 columns."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("key", no_wrap=True)
    table.add_column("default", max_width=16, overflow="fold")
    table.add_column("meaning, type and range", overflow="fold")
    for section in rows(path).values():
        for row in section:
            kind = ", ".join(filter(None, (row.kind, row.allowed)))
            table.add_row(row.key, Text(row.default), Text(f"{row.meaning}\n").append(kind, style="dim"))
        table.add_section()
    return table


def show(path: Path, console: Console | None = None) -> None:
    """Print the table; 100 columns wide in a pipe, at most as wide in a terminal."""
    console = console or Console(highlight=False)
    if not console.is_terminal or console.width > WIDTH:
        console.width = WIDTH
    show_table(console, table(path))


def markdown(path: Path) -> str:
    """The text of docs/params.md."""
    schema = Params.model_json_schema()
    lines = [
        "# params.yaml",
        "",
        "Made by `make docs` from the descriptions in `src/glyphline/params/`; a test says when it is stale.",
        "Change a value in `params.yaml`, or for one experiment with `dvc exp run -S train.epochs=30`.",
        "Parameters in `tune.space` keep their values with `-S tune.trials=0`; else a search chooses them.",
    ]
    for name, section in rows(path).items():
        lines.append("")
        if name:
            summary = _referred(schema, schema["properties"][name])["description"]
            lines += [f"## {name}", summary, ""]
        lines += ["| key | type | range | default | meaning |", "|---|---|---|---|---|"]
        lines += [
            f"| `{row.key}` | {row.kind} | {row.allowed} | {_code(row.default)} | {row.meaning} |".replace("  ", " ")
            for row in section
        ]
    return "\n".join(lines) + "\n"


def _section(
    schema: Mapping[str, Any], section: Mapping[str, Any], prefix: str, values: Mapping[str, Any]
) -> Iterator[ParamRow]:
    for name, field in section["properties"].items():
        key = f"{prefix}.{name}"
        if "$ref" in field:
            yield from _section(schema, _referred(schema, field), key, values[name])
            continue
        yield _row(field, key, values.get(name))
        if entry := field.get("additionalProperties"):
            for part, inner in _referred(schema, entry)["properties"].items():
                yield _row(inner, f"{key}.<key>.{part}", inner["default"])


def _row(field: Mapping[str, Any], key: str, value: Any) -> ParamRow:
    options = [option for option in field.get("anyOf", [field]) if option.get("type") != "null"]
    nullable = len(options) < len(field.get("anyOf", [field]))
    kinds = list(dict.fromkeys(_kind(option) for option in options))
    if "number" in kinds and "whole number" in kinds:
        kinds.remove("whole number")
    return ParamRow(
        key=key,
        kind=" or ".join([*kinds, *(["null"] if nullable else [])]),
        allowed=next(filter(None, map(_allowed, options)), ""),
        default=f"{len(value)} entries" if isinstance(value, dict) else redact(json.dumps(value)),
        meaning=field["description"],
    )


def _kind(option: Mapping[str, Any]) -> str:
    if option["type"] != "array":
        return TYPES[option["type"]]
    items = option.get("items") or option["prefixItems"][0]
    return f"list of {_kind(items)}s" if "type" in items else "list"


def _allowed(option: Mapping[str, Any]) -> str:
    if option.get("type") == "array":
        items = option.get("items") or option["prefixItems"][0]
        counts = _span(option.get("minItems"), option.get("maxItems"))
        return f"{counts} values, each {_allowed(items)}" if counts and _allowed(items) else ""
    if "enum" in option:
        return ", ".join(option["enum"])
    if option.get("type") == "string":
        length = _span(option.get("minLength"), option.get("maxLength"))
        return f"{length} characters" if length else ""
    lowest, above = option.get("minimum"), option.get("exclusiveMinimum")
    highest, below = option.get("maximum"), option.get("exclusiveMaximum")
    if lowest is not None and highest is not None:
        return f"{lowest:,} to {highest:,}"
    ends = (("at least", lowest), ("above", above), ("at most", highest), ("below", below))
    return ", ".join(f"{word} {end:,}" for word, end in ends if end is not None)


def _span(low: int | None, high: int | None) -> str:
    if low is None or high is None:
        return ""
    return str(low) if low == high else f"{low} to {high}"


def _referred(schema: Mapping[str, Any], field: Mapping[str, Any]) -> Mapping[str, Any]:
    section: Mapping[str, Any] = schema["$defs"][field["$ref"].rpartition("/")[2]]
    return section


def _code(text: str) -> str:
    return text if text.endswith(" entries") else f"`{text}`"
