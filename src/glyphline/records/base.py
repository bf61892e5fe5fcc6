"""The base of every record: closed, frozen, written whole and read back checked."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from glyphline import files
from glyphline.errors import ArtifactError


class Record(BaseModel):
    """The content of one JSON file: closed and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


RecordT = TypeVar("RecordT", bound=Record)


def write(path: Path, record: Record) -> None:
    """Write a record whole: indented JSON with a final newline."""
    files.write_text(path, record.model_dump_json(indent=2) + "\n")


def read(path: Path, kind: type[RecordT], *, stage: str) -> RecordT:
    """Read a record back.

    Args:
        path: the file.
        kind: the type of the record.
        stage: the stage that writes it, for the advice.

    Raises:
        ArtifactError: the file is missing, is no JSON or is not a `kind`.
    """
    fix = f"make it again with `dvc repro {stage}`"
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist", fix=fix) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ArtifactError(f"{path} is damaged: {where}: {first['msg']}", fix=fix) from None
