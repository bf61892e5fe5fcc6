"""Tables in a terminal and in a pipe: no number is ever broken.

A pipe has no width, so nothing is wrapped in it. In a terminal that is too narrow for a table, the columns that matter
least are left out; where that is not enough, each row becomes a block of lines, one per column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP = 2
LEAST_WORDS = 20
"""Columns that words are wrapped to, at least; a narrower column is hard to read."""
PIPE_WIDTH = 10_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        heading: above it.
        words: its cells are words, which may be wrapped.
        right: its cells stand at the right.
        optional: left out of a table that would be too wide, the last such column first.
    """

    heading: str
    words: bool = False
    right: bool = False
    optional: bool = False


def console() -> Console:
    """Standard output: as wide as the terminal, or without an end in a pipe or a file."""
    opened = Console(highlight=False)
    if not opened.is_terminal:
        opened.width = PIPE_WIDTH
    return opened


def show_rows(
    to: Console,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    styles: Mapping[int, str] | None = None,
) -> None:
    """Print a table whose rows have a name in their first cell.

    Args:
        to: the console.
        columns: one per cell of a row.
        rows: cells, shown as they are: what looks like markup is none.
        title: above the table.
        styles: place of a row -> a style of rich for it.
    """
    if title:
        to.print(Text(title, style="table.title"))
    shown = _that_fit(columns, rows, to.width)
    if not shown:
        _print_blocks(to, columns, rows, styles or {})
        return
    _print_table(
        to, [columns[place] for place in shown], [[row[place] for place in shown] for row in rows], styles or {}
    )
    if left_out := [column.heading for place, column in enumerate(columns) if place not in shown]:
        to.print(Text(f"a wider terminal, or a pipe, also shows: {', '.join(left_out)}", style="dim"))


def show_facts(to: Console, facts: Mapping[str, str]) -> None:
    """Print labels and their values, one below the other; a long value is wrapped between words."""
    table = Table(show_header=False, box=None, padding=(0, GAP, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in facts.items():
        table.add_row(Text(label), Text(value))
    show_table(to, table)


def show_table(to: Console, table: Table) -> None:
    """Print a table of rich; in a pipe without the blanks that fill its last column."""
    if to.is_terminal:
        to.print(table)
        return
    with to.capture() as captured:
        to.print(table)
    for line in captured.get().splitlines():
        to.out(line.rstrip(), highlight=False)


def _that_fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """The places of the columns that fit; none when not even those fit that must be shown."""
    least = [_least_width(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    shown = list(range(len(columns)))
    for optional in reversed([place for place, column in enumerate(columns) if column.optional]):
        if sum(least[place] + GAP for place in shown) - GAP <= width:
            break
        shown.remove(optional)
    return shown if sum(least[place] + GAP for place in shown) - GAP <= width else []


def _least_width(column: Column, cells: Sequence[str]) -> int:
    width = max(cell_len(line) for cell in (column.heading, *cells) for line in cell.split("\n"))
    return min(width, LEAST_WORDS) if column.words else width


def _print_table(
    to: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]], styles: Mapping[int, str]
) -> None:
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            Text(column.heading),
            justify="right" if column.right else "left",
            no_wrap=not column.words,
            overflow="fold",
        )
    for place, row in enumerate(rows):
        # As text: a reason or a name may hold brackets, which rich would take for its markup.
        table.add_row(*map(Text, row), style=styles.get(place))
    show_table(to, table)


def _print_blocks(
    to: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]], styles: Mapping[int, str]
) -> None:
    for place, row in enumerate(rows):
        to.print(Text(f"{columns[0].heading} {row[0]}".strip(), style=styles.get(place) or "bold"))
        show_facts(to, {f"  {column.heading}": cell for column, cell in zip(columns[1:], row[1:], strict=True) if cell})
