"""Tables that name images and labels: CSV, TSV, JSON Lines and Parquet, also Hugging Face's `metadata` in a folder.

Only the columns that are needed are read, each value as text: `01` stays another label than `1`. What a table holds is
not trusted: no file outside its folder is named.
"""

import csv
import json
import logging
import math
import posixpath
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline.data.class_folders import is_folder, visible
from glyphline.data.listing import SPLITS, ListedImage, Listing, is_plain
from glyphline.errors import DataError
from glyphline.params.schema import ColumnParams
from glyphline.paths import is_inside

log = logging.getLogger(__name__)

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
METADATA = frozenset(f"metadata{suffix}" for suffix in SUFFIXES)
USUAL: Mapping[str, tuple[str, ...]] = {
    "image": (
        "file_name",
        "filename",
        "image",
        "image_path",
        "img_path",
        "img",
        "path",
        "file_path",
        "filepath",
        "file",
    ),
    "label": ("label", "class", "class_name", "category", "target"),
    "split": ("split", "subset", "partition"),
    "group": ("group", "group_id", "patient", "patient_id", "subject", "subject_id"),
}
"""What a column holds -> its usual names, in small letters."""

_CLASSES = "one row per image, with a column for the image's path and one for its label"
_SAVE = f"save it again as a table of UTF-8 text, {_CLASSES}"


@dataclass(frozen=True, slots=True)
class _Table:
    """An open table.

    Attributes:
        columns: the names of all its columns.
        rows: for the names of some columns, the place of each row, as `line 3`, and its values.
    """

    columns: tuple[str, ...]
    rows: Callable[[Sequence[str]], Iterator[tuple[str, list[Any]]]]


def metadata_of(root: Path) -> dict[Path, str]:
    """The `metadata` tables of a folder, as Hugging Face's ImageFolder reads them -> the split of each; empty for any.

    Raises:
        DataError: there is more than one for a folder, or some folders of splits have one and others do not.
    """
    if (own := _metadata_in(root)) is not None:
        return {own: ""}
    folders = [entry for entry in visible(root) if is_folder(entry) and entry.name.casefold() in SPLITS]
    tables = {Path(entry.path): _metadata_in(Path(entry.path)) for entry in folders}
    if not any(tables.values()):
        return {}
    if lacking := [folder.name for folder, path in tables.items() if path is None]:
        raise DataError(
            f"{root}: {', '.join(lacking)} lacks a metadata table, which the other splits have",
            fix=f"put one there ({_CLASSES}), or take the others out to use class folders",
        )
    return {path: SPLITS[folder.name.casefold()] for folder, path in tables.items() if path is not None}


def listed(path: Path, columns: ColumnParams, *, root: Path, split: str = "") -> Listing:
    """List the images that a table names; none is opened, and whether they exist is not asked.

    Args:
        path: the table; the paths in it begin at its folder.
        columns: names of the columns; null for the usual ones.
        root: the folder of all images: that of the table, or one above it.
        split: the split of all rows; empty when the table says it, or when all are of the training split.

    Raises:
        DataError: it is no such table, a column is missing, or a row names a file outside its folder or one that
            another row names, an empty label or group, or a split that is none.
    """
    try:
        table = _opened(path)
        chosen = _chosen(path, table.columns, columns)
        images = _images(path, table, chosen, path.parent.relative_to(root), split)
    except (ValueError, RecursionError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}", fix=_SAVE) from None
    if not images:
        raise DataError(f"{path} holds no rows", fix=f"give it {_CLASSES}")
    if not split and "split" not in chosen:
        images = _split_by_folders(path, images)
    return Listing(root, images, [])


def _metadata_in(folder: Path) -> Path | None:
    tables = [folder / entry.name for entry in visible(folder) if entry.name in METADATA]
    # A folder of that name is none, and a pipe would be waited for without end.
    tables = [path for path in tables if path.is_file()]
    if len(tables) > 1:
        names = " and ".join(path.name for path in tables)
        raise DataError(f"{folder} holds more than one metadata table: {names}", fix="keep one of them")
    return tables[0] if tables else None


def _images(path: Path, table: _Table, chosen: Mapping[str, str], folder: Path, split: str) -> list[ListedImage]:
    images: list[ListedImage] = []
    places: dict[str, str] = {}
    for place, values in table.rows([*chosen.values()]):
        where = f"{path}, {place}"
        row = {what: _text(where, what, value) for what, value in zip(chosen, values, strict=True)}
        image = _image(where, row, folder, split)
        if (first := places.setdefault(image.file, place)) != place:
            raise DataError(f"{where}: {image.file} is named in {first} too", fix="keep one of the two rows")
        images.append(image)
    return images


def _image(where: str, row: Mapping[str, str], folder: Path, split: str) -> ListedImage:
    if not is_inside(row["image"]):
        raise DataError(
            f"{where}: {row['image']!r} is no path below the folder of the table",
            fix="write paths as they are seen from the folder of the table, and put the images there",
        )
    for what in ("label", "group"):
        if not row.get(what, "-").strip():
            raise DataError(f"{where}: the {what} is empty", fix=f"give the row a {what}, or take it out of the table")
    if "split" in row:
        split = SPLITS.get(row["split"].strip().casefold(), "")
        if not split:
            raise DataError(
                f"{where}: {row['split']!r} is no split",
                fix="name train, val or test there; data.columns.split names the column",
            )
    file = posixpath.normpath(f"{folder.as_posix()}/{row['image']}")
    return ListedImage(file, split or "train", sys.intern(row["label"]), sys.intern(row.get("group", "")))


def _text(where: str, what: str, value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        # pandas makes floats of whole numbers in a column where one is missing.
        return str(int(value))
    if isinstance(value, dict | list | bytes):
        raise DataError(
            f"{where}: the {what} is no text but {type(value).__name__}",
            fix=f"save the images as files and their paths in the table; data.columns.{what} names the column",
        )
    text = str(value)
    if not is_plain(text):
        raise DataError(
            f"{where}: the {what} {text[:80]!r} is no UTF-8, or it holds a line break",
            fix="write it as one line of text",
        )
    return text


def _split_by_folders(path: Path, images: list[ListedImage]) -> list[ListedImage]:
    """As Hugging Face reads it: without a column for the split, folders with the names of splits say it."""
    splits = [SPLITS.get(image.file.split("/")[0].casefold(), "") for image in images]
    if "train" not in splits or not all(splits) or len(set(splits)) < 2:
        return images
    log.info("%s names no splits: they are taken from the folders of the images", path.name)
    return [
        ListedImage(image.file, split, image.label, image.group) for image, split in zip(images, splits, strict=True)
    ]


def _chosen(path: Path, names: Sequence[str], columns: ColumnParams) -> dict[str, str]:
    """What a column holds -> its name in this table; `split` and `group` only where there is such a column."""
    chosen: dict[str, str] = {}
    for what, wanted in columns.model_dump().items():
        usual = USUAL[what] if wanted is None else (wanted.casefold(),)
        present = [name for name in names if name.strip().casefold() in usual]
        if wanted in present:
            # Of columns that differ in case only, the one that is named exactly.
            present = [name for name in present if name == wanted]
        if len(present) > 1:
            raise DataError(
                f"{path}: {' and '.join(present)} may each be the column for the {what}",
                fix=f"name one of them in data.columns.{what}, and no column twice",
            )
        if present:
            chosen[what] = present[0]
        elif wanted is not None or what in {"image", "label"}:
            looked_for = f"{wanted!r}, which data.columns.{what} names" if wanted else f"for the {what}"
            raise DataError(
                f"{path} has no column {looked_for}; it has {', '.join(names[:20]) or 'none'}",
                fix=f"name the column in data.columns.{what}, or call it {' or '.join(USUAL[what][:3])}"
                + (f"; or rename {path.name}, to use class folders" if path.name in METADATA else ""),
            )
    return chosen


def _opened(path: Path) -> _Table:
    match path.suffix.lower():
        case ".parquet":
            return _parquet(path)
        case ".jsonl":
            return _json_lines(path)
        case ".tsv":
            return _separated(path, "\t")
        case _:
            with path.open(encoding="utf-8-sig") as stream:
                heading = stream.readline(1 << 16)
            # Where the comma is the decimal point, spreadsheets write semicolons.
            return _separated(path, ";" if ";" in heading and "," not in heading else ",")


def _separated(path: Path, delimiter: str) -> _Table:
    def lines() -> Iterator[tuple[str, list[str]]]:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            # Strict: a quote that is never closed would swallow the rest of the table.
            reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True, strict=True)
            for cells in reader:
                if cells:
                    yield f"line {reader.line_num}", cells

    heading = next(lines(), ("", []))[1]

    def rows(chosen: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
        places = [heading.index(name) for name in chosen]
        later = lines()
        next(later)
        for place, cells in later:
            if len(cells) != len(heading):
                raise DataError(
                    f"{path}, {place}: {len(cells)} values, and the heading has {len(heading)}",
                    fix='put values with a comma in them in quotes, as "red, ripe", and leave no value out',
                )
            yield place, [cells[at] for at in places]

    return _Table(tuple(heading), rows)


def _json_lines(path: Path) -> _Table:
    def objects() -> Iterator[tuple[str, dict[str, Any]]]:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    try:
                        value = json.loads(line)
                    except ValueError as error:
                        raise DataError(f"{path}, line {number}, cannot be read: {error}", fix=_SAVE) from None
                    if not isinstance(value, dict):
                        raise DataError(f"{path}, line {number}: {line[:40]!r} is no JSON object", fix=_SAVE)
                    yield f"line {number}", value

    first = next(objects(), ("", {}))[1]

    def rows(chosen: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
        for place, value in objects():
            yield place, [value.get(name) for name in chosen]

    return _Table(tuple(first), rows)


def _parquet(path: Path) -> _Table:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    stream = path.open("rb")
    try:
        file = ParquetFile(stream)
    except (ArrowException, OSError) as error:
        raise DataError(f"{path} is no Parquet file: {error}", fix=_SAVE) from None

    def rows(chosen: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
        number = 0
        try:
            for batch in file.iter_batches(columns=[*chosen]):
                for values in zip(*(batch.column(name).to_pylist() for name in chosen), strict=True):
                    number += 1
                    yield f"row {number}", [*values]
        except (ArrowException, OSError) as error:
            raise DataError(f"{path} is damaged: {error}", fix=_SAVE) from None

    return _Table(tuple(file.schema_arrow.names), rows)
