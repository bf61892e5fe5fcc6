"""A comparison in a terminal, and as the Markdown that a pull request shows."""

from rich.console import Console
from rich.text import Text

from glyphline import terminal_table
from glyphline.commands.compare import tables
from glyphline.commands.compare.comparison import Comparison
from glyphline.terminal_table import Column


def terminal(comparison: Comparison) -> str:
    """Verdicts and tables, as wide as the terminal and coloured where it is one."""
    console = terminal_table.console()
    with console.capture() as captured:
        _show(comparison, console)
    return captured.get()


def _show(comparison: Comparison, console: Console) -> None:
    for sentence in tables.verdicts(comparison):
        console.print(Text(sentence, style="bold"))
    for table in tables.text_tables(comparison):
        console.print()
        terminal_table.show_rows(console, list(map(Column, table.columns)), table.rows, title=table.title)


def markdown(comparison: Comparison) -> str:
    """Verdicts and tables as GitHub's Markdown."""
    parts = ["## Models compared", *(f"**{_safe(sentence)}**" for sentence in tables.verdicts(comparison))]
    for table in tables.text_tables(comparison):
        lines = [table.columns, ("---",) * len(table.columns), *table.rows]
        rows = "\n".join(f"| {' | '.join(map(_safe, line))} |" for line in lines)
        parts.append(f"### {table.title}\n{rows}")
    return "\n\n".join(parts) + "\n"


def _safe(cell: str) -> str:
    # A bar ends a cell, a bracket begins HTML, a new line ends the table.
    return " ".join(cell.split()).replace("|", "\\|").replace("<", "&lt;")
