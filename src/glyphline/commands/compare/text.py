"""A comparison in a terminal, and as the Markdown that a pull request shows."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from glyphline.commands.compare import table_cells
from glyphline.commands.compare.comparison import Findings


def tables(findings: Findings) -> str:
    """Verdicts and tables, as wide as the terminal and coloured where it is one."""
    console = Console(highlight=False)
    with console.capture() as captured:
        _show(findings, console)
    return captured.get()


def _show(findings: Findings, console: Console) -> None:
    for sentence in table_cells.verdicts(findings):
        console.print(Text(sentence, style="bold"))
    for grid in table_cells.grids(findings):
        # As text: escaped markup would still turn `:bug:` into a picture.
        table = Table(title=grid.title, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
        for number, column in enumerate(grid.columns):
            table.add_column(Text(column), overflow="fold", no_wrap=number == 0)
        for row in grid.rows:
            table.add_row(*map(Text, row))
        console.print()
        console.print(table)


def markdown(findings: Findings) -> str:
    """Verdicts and tables as GitHub's Markdown."""
    parts = ["## Models compared", *(f"**{_safe(sentence)}**" for sentence in table_cells.verdicts(findings))]
    for grid in table_cells.grids(findings):
        lines = [grid.columns, ("---",) * len(grid.columns), *grid.rows]
        table = "\n".join(f"| {' | '.join(map(_safe, line))} |" for line in lines)
        parts.append(f"### {grid.title}\n{table}")
    return "\n\n".join(parts) + "\n"


def _safe(cell: str) -> str:
    # A bar ends a cell, a bracket begins HTML, a new line ends the table.
    return " ".join(cell.split()).replace("|", "\\|").replace("<", "&lt;")
