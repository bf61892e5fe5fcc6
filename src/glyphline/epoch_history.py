"""The metrics of a fit, one row per epoch, as a CSV file that `dvc plots` reads too."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from glyphline import files
from glyphline.csv_text import csv_text
from glyphline.errors import ArtifactError
from glyphline.records import remedy


def write(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write the rows atomically; the same rows give the same bytes.

    Args:
        path: the file.
        rows: one mapping per epoch, all with the same keys; the keys of the first become the columns.

    Raises:
        ValueError: there are no rows, or a row has other keys than the first.
    """
    if not rows:
        raise ValueError("a history needs at least one epoch")
    columns = list(rows[0])
    for number, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            raise ValueError(f"row {number} has the columns {list(row)}, the first has {columns}")
    # float(): a float32 of numpy would be written with fewer digits than it has.
    cells = [
        [value if isinstance(value, int) else float(value) for value in map(row.__getitem__, columns)] for row in rows
    ]
    files.write_text(path, csv_text(columns, cells))


def read(path: Path) -> list[dict[str, float]]:
    """Read the rows back, every value as a float.

    Raises:
        ArtifactError: the file is missing, holds no row, or a row holds something that is no finite number.
    """
    fix = remedy("train")
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist", fix=fix) from None
    except (IsADirectoryError, UnicodeDecodeError, csv.Error) as error:
        raise ArtifactError(f"{path} is damaged: {error}", fix=fix) from None
    if len(rows) < 2:
        raise ArtifactError(f"{path} holds no epoch", fix=fix)
    columns, *epochs = rows
    return [_row(path, columns, cells, line, fix) for line, cells in enumerate(epochs, start=2)]


def _row(path: Path, columns: list[str], cells: list[str], line: int, fix: str) -> dict[str, float]:
    try:
        row = {column: float(cell) for column, cell in zip(columns, cells, strict=True)}
    except ValueError as error:
        raise ArtifactError(f"{path} is damaged: line {line}: {error}", fix=fix) from None
    for column, value in row.items():
        if not math.isfinite(value):
            raise ArtifactError(f"{path} is damaged: line {line}: {column} is {value}", fix=fix)
    return row
