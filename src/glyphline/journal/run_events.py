"""What can happen to a run: one frozen type per kind of line in a journal.

A journal may come with a project that somebody else made. So each type takes only what this program may have written:
a line with a path that leads outside the project, or with a number that no store can hold, is no event.
"""

import json
import time
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from pydantic_core import to_json

from glyphline.paths import is_inside
from glyphline.records.seal import sealed, unsealed

Status = Literal["FINISHED", "KILLED", "FAILED"]
NOTE_TAG = "mlflow.note.content"
KEY_TAG = "glyphline.run_key"
WEIGHTS_TAG = "glyphline.weights"
WEIGHTS_TAG_CHARACTERS = 12
"""The tag by which a run of this program is found again in a store."""


def now_ms() -> int:
    """Milliseconds since 1970, the clock of MLflow."""
    return time.time_ns() // 1_000_000


def _inside(path: str) -> str:
    if not is_inside(path) or not path.isprintable():
        raise ValueError(f"{path!r} is no relative path without `..`")
    return path


MAX_INTEGER = 2**63 - 1
Integer = Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
"""What a database can hold."""
Key = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,64}$")]
Experiment = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,199}(/tuning)?$")]
Stage = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
InnerPath = Annotated[str, AfterValidator(_inside)]
Dimensions = tuple[Annotated[int, Field(ge=-1, lt=2**31)], ...]


class _Line(BaseModel):
    # NaN has no JSON; a diverged trial must still be recorded.
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class Header(_Line):
    """The first line of a journal: which it is and which stage writes it."""

    kind: Literal["journal"] = "journal"
    version: Literal[1] = 1
    id: Key
    stage: Stage
    time: Integer = Field(default_factory=now_ms)


class _RunLine(_Line):
    run: Literal[""] | Key = Field(description="Key of the run.")
    time: Integer = Field(default_factory=now_ms, description="Milliseconds since 1970.")


class RunStarted(_RunLine):
    """A run begins."""

    kind: Literal["start"] = "start"
    experiment: Experiment
    name: str
    parent: Key | None = None
    tags: dict[str, str] = {}


class RunResumed(_RunLine):
    """A run that another journal began gets more events."""

    kind: Literal["resume"] = "resume"
    experiment: Experiment | None = Field(
        default=None, description="Null when the journal that began the run is not here."
    )


class ParamsLogged(_RunLine):
    """Dotted keys and their values."""

    kind: Literal["params"] = "params"
    values: dict[str, Any]


class MetricsLogged(_RunLine):
    """Metrics of one step."""

    kind: Literal["metrics"] = "metrics"
    values: dict[str, float]
    step: Integer = 0


class TagsLogged(_RunLine):
    """Tags of the run."""

    kind: Literal["tags"] = "tags"
    values: dict[str, str]


class FileDigest(_Line):
    """The digests of a file, by which it is found again; `md5` is also its name in DVC's cache."""

    path: InnerPath = Field(description="Relative to the project's folder, with slashes.")
    size_bytes: Integer
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class ArtifactLogged(_RunLine):
    """A file that belongs to the run."""

    kind: Literal["artifact"] = "artifact"
    file: FileDigest
    folder: Literal[""] | InnerPath = ""


class InputLogged(_RunLine):
    """Data that the run read."""

    kind: Literal["input"] = "input"
    name: str
    digest: str
    context: str
    source: str
    count: Integer


class Signature(_Line):
    """Shapes and types of a model's input and output; -1 is the number of images."""

    input_shape: Dimensions
    output_shape: Dimensions
    input_dtype: Literal["uint8"] = "uint8"
    output_dtype: Literal["float32"] = "float32"


class ModelLogged(_RunLine):
    """A Keras archive that the run made."""

    kind: Literal["model"] = "model"
    file: FileDigest
    signature: Signature
    metadata: dict[str, Any] = {}


class GitFacts(BaseModel):
    """What the facts of a lineage say about git; journals of earlier releases lack some of it."""

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")] | None = None
    dirty: bool = False
    changed: tuple[str, ...] = ()
    patch_left_out: bool = False
    patch_encoding: Literal["utf-8", "latin-1"] = "utf-8"


class LineageLogged(_RunLine):
    """The lineage of the run: code, changes, data and machine."""

    kind: Literal["lineage"] = "lineage"
    stage: Stage
    facts: dict[str, Any]
    patch: str | None = None
    dvc_lock: str | None = Field(default=None, description="Text of dvc.lock when the stage began.")

    @property
    def git(self) -> GitFacts:
        """Its facts about git."""
        return GitFacts.model_validate(self.facts.get("git", {}))

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        (self.patch or "").encode(self.git.patch_encoding)
        return self


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
