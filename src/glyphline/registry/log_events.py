"""The entries in the log of a model: one frozen type per kind of event."""

import time
import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import to_json

from glyphline.records import Evaluation, RuleResult
from glyphline.records.base import Digest
from glyphline.records.seal import sealed, unsealed

# MLflow cuts a value off at 6,000 characters; the rest is left for the escapes of JSON in JSON.
MAX_CHARACTERS = 5500
MAX_REASON_CHARACTERS = 300
ENTRIES_PER_RUN = 128
"""How many entries of a log one MLflow run takes; a run is always read as a whole."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    seq: int = Field(default=0, description="Place in the log, from 1; 0 until it has one. What orders the entries.")
    id: str = Field(default_factory=lambda: uuid.uuid4().hex, description="Distinguishes an entry from an equal one.")
    time: int = Field(
        default_factory=lambda: time.time_ns() // 1_000_000,
        description="Milliseconds since 1970 by the writer's clock, for people; nothing is decided by it.",
    )
    actor: str = Field(default="", description="Who, as user@host.")
    machine: str = Field(default="", description="Identity of the writer's lock file.")


class VersionJudged(_Entry):
    """The gate decided about a version."""

    kind: Literal["judged"] = "judged"
    version: int
    run_id: str = Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")
    dataset: str
    accuracy: float
    test_digest: str
    weights_digest: str
    predictions_sha256: Digest
    files: dict[str, str] = Field(description="Path in the model's folder -> SHA-256.")
    promoted: bool
    rules: tuple[RuleResult, ...]
    champion: int | None = Field(description="The version that it was compared with.")
    champion_weights: str | None
    champion_accuracy: float | None
    comparison: int | None = Field(
        ge=1, lt=2**31, description="Number of the comparison on this test split; null when none was made."
    )
    level: float | None
    p_value: float | None
    vacant: bool = Field(
        default=False, description="No version had the alias `champion`; `champion` above is the one that had it last."
    )
    evaluation_sha256: str | None = Field(
        default=None, description="Of evaluation.json; null in entries of earlier releases."
    )
    cost_sha256: str | None = Field(default=None, description="Of cost.json; null without one.")
    card_sha256: str | None = Field(default=None, description="Of model_card.md; null without one.")
    restored: bool = Field(default=False, description="Written again from decision.json after the store was lost.")

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons of the rules that failed; of all rules when none did and the version became champion."""
        failed = tuple(rule.reason for rule in self.rules if not rule.passed)
        if not failed and self.restored and not self.promoted:
            return ("it passed all rules before the loss, and another version has become champion since",)
        return failed or tuple(rule.reason for rule in self.rules)


class VersionNotJudged(_Entry):
    """A version without a judgement: it was made by hand, or its registration was interrupted."""

    kind: Literal["unjudged"] = "unjudged"
    version: int
    run_id: str | None
    why: str


class AliasAssigned(_Entry):
    """A person gave an alias to a version."""

    kind: Literal["pointed"] = "pointed"
    alias: str
    version: int
    forced: bool
    reason: str


class ChampionRolledBack(_Entry):
    """A person made an earlier champion the champion again."""

    kind: Literal["rolled_back"] = "rolled_back"
    version: int
    reason: str


class AliasChangedByHand(_Entry):
    """An alias was changed by hand, for example in MLflow's UI."""

    kind: Literal["noticed"] = "noticed"
    alias: str
    before: int | None
    version: int | None = Field(description="Null: the alias was deleted.")


class VersionDeleted(_Entry):
    """A version was deleted by hand."""

    kind: Literal["removed"] = "removed"
    version: int


class AliasRestored(_Entry):
    """An alias was put back that the late write of an interrupted command had moved."""

    kind: Literal["repaired"] = "repaired"
    alias: str
    late: int = Field(description="Place in the log of the entry whose write came late.")


LogEvent = (
    VersionJudged
    | VersionNotJudged
    | AliasAssigned
    | ChampionRolledBack
    | AliasChangedByHand
    | VersionDeleted
    | AliasRestored
)
_ANY: TypeAdapter[LogEvent] = TypeAdapter(Annotated[LogEvent, Field(discriminator="kind")])


def encode(event: LogEvent) -> str:
    """One line of JSON with its seal, without its newline."""
    text = to_json(sealed(event.model_dump_json())).decode()
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"an entry of {len(text)} characters does not fit into a log that takes {MAX_CHARACTERS}")
    return text


def decode(text: str) -> LogEvent:
    """The entry of a line.

    Raises:
        ValueError: the line is no JSON, no entry that this version knows, or was changed after it was written.
    """
    return _ANY.validate_python(unsealed(text))


def evaluated(evaluation: Evaluation) -> dict[str, Any]:
    """The fields of an evaluation that the entry about a version repeats."""
    names = {"dataset", "accuracy", "test_digest", "weights_digest", "predictions_sha256"}
    return evaluation.model_dump(include=names)


def short(rules: tuple[RuleResult, ...]) -> tuple[RuleResult, ...]:
    """The rules with their reasons cut to what an entry can hold."""
    return tuple(rule.model_copy(update={"reason": rule.reason[:MAX_REASON_CHARACTERS]}) for rule in rules)
