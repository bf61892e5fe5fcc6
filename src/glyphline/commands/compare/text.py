"""A comparison in a terminal, and as the Markdown that a pull request shows."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from glyphline.commands.compare import tables
from glyphline.commands.compare.comparison import Comparison


def terminal(comparison: Comparison) -> str:
    """Verdicts and tables, as wide as the terminal and coloured where it is one."""
    console = Console(highlight=False)
    with console.capture() as captured:
        _show(comparison, console)
    return captured.get()


def _show(comparison: Comparison, console: Console) -> None:
    for sentence in tables.verdicts(comparison):
        console.print(Text(sentence, style="bold"))
    for table in tables.text_tables(comparison):
        # As text: escaped markup would still turn `:bug:` into a picture.
        rich_table = Table(title=table.title, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
        for number, column in enumerate(table.columns):
            rich_table.add_column(Text(column), overflow="fold", no_wrap=number == 0)
        for row in table.rows:
            rich_table.add_row(*map(Text, row))
        console.print()
        console.print(rich_table)


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
