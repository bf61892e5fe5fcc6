"""The base of every record: closed, frozen, sealed, written whole and read back checked."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from glyphline import files
from glyphline.errors import ArtifactError
from glyphline.paths import is_inside
from glyphline.records.seal import sealed, unsealed

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(max_length=250)]
Digest = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,64}$")]
"""A digest is a part of the names of files."""


def _file_name(name: str) -> str:
    if not is_inside(name) or "/" in name:
        raise ValueError(f"{name!r} is no name of a file")
    return name


FileName = Annotated[str, AfterValidator(_file_name)]


class Record(BaseModel):
    """The content of one JSON file: closed and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


RecordT = TypeVar("RecordT", bound=Record)


def write(path: Path, record: Record) -> None:
    """Write a record whole: indented JSON with its seal and a final newline."""
    files.write_bytes(path, to_json(sealed(record.model_dump_json()), indent=2) + b"\n")


def read(path: Path, kind: type[RecordT], *, stage: str) -> RecordT:
    """Read a record back.

    Args:
        path: the file.
        kind: the type of the record.
        stage: the stage that writes it, for the advice.

    Raises:
        ArtifactError: the file is missing, is none, is no JSON, is not a `kind`, or was changed after it was written.
    """
    try:
        return kind.model_validate(unsealed(path.read_bytes()))
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist", fix=f"make it again with `dvc repro {stage}`") from None
    except IsADirectoryError:
        raise ArtifactError(
            f"{path} is a folder", fix=f"remove it, then make the file with `dvc repro {stage}`"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
    except ValueError as error:
        problem = str(error)
    raise ArtifactError(f"{path} is damaged: {problem}", fix=remedy(stage))


def verify(path: Path, sha256: str, *, stage: str) -> None:
    """Check that a file beside a record is the one that the record names.

    Args:
        path: the file.
        sha256: its digest in the record.
        stage: the stage that writes both, for the advice.

    Raises:
        ArtifactError: the file is missing, or one byte of it is not what was written.
    """
    try:
        found = files.sha256(path)
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist", fix=remedy(stage)) from None
    if found != sha256:
        raise ArtifactError(f"{path} has changed: its SHA-256 is {found}, not {sha256}", fix=remedy(stage))


def remedy(stage: str) -> str:
    """What to do about an out of a stage that was changed after it was written."""
    # --force, because a disk that changes a byte leaves the time of the file, by which DVC sees changes.
    return f"make it again with `dvc repro --force --single-item {stage}`; an edit is undone by `dvc checkout --force`"
