"""What can happen to a run: one frozen type per kind of line in a journal."""

import json
import time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import to_json

from glyphline.records.seal import sealed, unsealed

Status = Literal["FINISHED", "KILLED", "FAILED"]
NOTE_TAG = "mlflow.note.content"
KEY_TAG = "glyphline.run_key"
"""The tag by which a run of this program is found again in a store."""


def now_ms() -> int:
    """Milliseconds since 1970, the clock of MLflow."""
    return time.time_ns() // 1_000_000


class _Line(BaseModel):
    # NaN has no JSON; a diverged trial must still be recorded.
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class Header(_Line):
    """The first line of a journal: which it is and which stage writes it."""

    kind: Literal["journal"] = "journal"
    version: Literal[1] = 1
    id: str
    stage: str
    time: int = Field(default_factory=now_ms)


class _RunLine(_Line):
    run: str = Field(description="Key of the run.")
    time: int = Field(default_factory=now_ms, description="Milliseconds since 1970.")


class RunStarted(_RunLine):
    """A run begins."""

    kind: Literal["start"] = "start"
    experiment: str
    name: str
    parent: str | None = None
    tags: dict[str, str] = {}


class RunResumed(_RunLine):
    """A run that another journal began gets more events."""

    kind: Literal["resume"] = "resume"
    experiment: str | None = Field(default=None, description="Null when the journal that began the run is not here.")


class ParamsLogged(_RunLine):
    """Dotted keys and their values."""

    kind: Literal["params"] = "params"
    values: dict[str, Any]


class MetricsLogged(_RunLine):
    """Metrics of one step."""

    kind: Literal["metrics"] = "metrics"
    values: dict[str, float]
    step: int = 0


class TagsLogged(_RunLine):
    """Tags of the run."""

    kind: Literal["tags"] = "tags"
    values: dict[str, str]


class FileDigest(_Line):
    """The digests of a file, by which it is found again; `md5` is also its name in DVC's cache."""

    path: str = Field(description="Relative to the project's folder, with slashes.")
    size_bytes: int
    sha256: str
    md5: str


class ArtifactLogged(_RunLine):
    """A file that belongs to the run."""

    kind: Literal["artifact"] = "artifact"
    file: FileDigest
    folder: str = ""


class InputLogged(_RunLine):
    """Data that the run read."""

    kind: Literal["input"] = "input"
    name: str
    digest: str
    context: str
    source: str
    count: int


class Signature(_Line):
    """Shapes and types of a model's input and output; -1 is the number of images."""

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_dtype: str = "uint8"
    output_dtype: str = "float32"


class ModelLogged(_RunLine):
    """A Keras archive that the run made."""

    kind: Literal["model"] = "model"
    file: FileDigest
    signature: Signature
    metadata: dict[str, Any] = {}


class LineageLogged(_RunLine):
    """The lineage of the run: code, changes, data and machine."""

    kind: Literal["lineage"] = "lineage"
    stage: str
    facts: dict[str, Any]
    patch: str | None = None
    dvc_lock: str | None = Field(default=None, description="Text of dvc.lock when the stage began.")


class RunEnded(_RunLine):
    """A run ends."""

    kind: Literal["end"] = "end"
    status: Status


RunEvent = (
    RunStarted
    | RunResumed
    | ParamsLogged
    | MetricsLogged
    | TagsLogged
    | ArtifactLogged
    | InputLogged
    | ModelLogged
    | LineageLogged
    | RunEnded
)
_ANY: TypeAdapter[Header | RunEvent] = TypeAdapter(Annotated[Header | RunEvent, Field(discriminator="kind")])


def as_text(value: Any) -> str:
    """A value as params.yaml would spell it: `0.004`, `true`, `[16, 32]`, `null`, and words without quotes."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def encode(line: Header | RunEvent) -> bytes:
    """An event as one line of JSON, with its seal and its newline."""
    return to_json(sealed(line.model_dump_json())) + b"\n"


def decode(line: bytes) -> Header | RunEvent:
    """The event of a line.

    Raises:
        ValueError: the line is no JSON, no event that this version knows, or was changed after it was written.
    """
    return _ANY.validate_python(unsealed(line))
