"""The log of a model: append-only, in the store itself, one segment after another.

A segment takes a bounded number of entries, because a run is always read as a whole: what was read of a closed segment
is kept, and asking for new entries costs one request for the last one. docs/decisions/ says why it is built like this.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from glyphline.errors import RegistryError
from glyphline.mlflow_client import pages
from glyphline.registry import log_events, segment
from glyphline.registry.log_events import ENTRIES_PER_RUN, LogEvent
from glyphline.registry.registered_model import RegisteredModel
from glyphline.registry.segment import RUN_TAG, Segment, damaged
from glyphline.registry.state import RegistryState, fold

# The first version nearly always has the tag; the rest is for models that had versions before their history began.
_VERSIONS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Entries:
    """The log as it was at one moment.

    Attributes:
        events: in order, without a gap.
        shown_by: place of an entry -> id of the writer that set the aliases to what it led to.
        before: the state after all entries but the last.
        state: the state after all entries.
    """

    events: tuple[LogEvent, ...] = ()
    shown_by: Mapping[int, str] = field(default_factory=dict)
    before: RegistryState = field(default_factory=RegistryState)
    state: RegistryState = field(default_factory=RegistryState)


class Log:
    """One model's log.

    Args:
        client: an `MlflowClient`.
        run_id: the run that holds its first segment.
        name: of the registered model.
        capacity: entries that a segment takes; logs may be read and continued with any.
    """

    def __init__(self, client: Any, run_id: str, name: str, capacity: int = ENTRIES_PER_RUN) -> None:
        if capacity < 1:
            raise ValueError(f"a segment takes at least one entry, not {capacity}")
        self._client, self._name, self._capacity = client, name, capacity
        self._segments = [Segment(client, name, run_id, first=1)]
        self._known = Entries()

    @property
    def run_id(self) -> str:
        """The run of the first segment; versions name it."""
        return self._segments[0].run_id

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The runs of all segments that were read."""
        return tuple(part.run_id for part in self._segments)

    def read(self) -> Entries:
        """All entries.

        Raises:
            RegistryError: the log was damaged.
        """
        while (link := self._continue()) is not None:
            self._segments.append(Segment(self._client, self._name, link, first=len(self._known.events) + 1))
        return self._known

    def append(self, event: LogEvent) -> bool:
        """Write an entry at `event.seq`, the place after those that were read; false when another writer was first."""
        if event.seq != len(self._known.events) + 1:
            raise ValueError(f"entry {event.seq} does not follow the {len(self._known.events)} that were read")
        last = self._segments[-1]
        if event.seq - last.first >= self._capacity:
            made = segment.create(self._client, self._name, event.seq)
            if not last.close(event.seq, made):
                # Another writer closed it, or has added an entry: its run is the one that counts.
                self._client.delete_run(made)
                return False
            last = Segment(self._client, self._name, made, first=event.seq)
            self._segments.append(last)
        return last.add(event.seq, log_events.encode(event))

    def note_shown(self, seq: int, by: str) -> bool:
        """Note that the aliases show the state after an entry; false when another writer noted it first."""
        return next(part for part in reversed(self._segments) if part.first <= seq).note_shown(seq, by)

    def _continue(self) -> str | None:
        """Read what is new in the last segment; returns the run of the next segment, if there is one."""
        last, known = self._segments[-1], self._known
        content = last.read()
        place = len(known.events) + 1
        new = [decoded(text, self._name) for text in content.entries[place - last.first :]]
        is_shorter = last.first + len(content.entries) < place
        if is_shorter or [event.seq for event in new] != list(range(place, place + len(new))):
            raise damaged(self._name, f"entries of run {last.run_id} are missing or not in their places")
        before = fold(new[:-1], known.state) if new else known.before
        state = fold(new[-1:], before) if new else known.state
        shown = {**known.shown_by, **content.shown_by}
        self._known = Entries((*known.events, *new), shown, before, state)
        return content.link


def find(client: Any, name: str) -> str | None:
    """The run of the first segment of a model's log, by the tag of its oldest version; None when there is none.

    A version gets the tag in the request that makes it, and numbers are given out in order. So the oldest version
    decides which run it is, however many were made at once. When no version is left, the tag of the model decides.
    """
    faults: dict[str, RegistryError] = {}
    order = ["version_number ASC"]
    for version in pages(client.search_model_versions, f"name = '{name}'", _VERSIONS_AT_ONCE, order_by=order):
        run_id = version.tags.get(RUN_TAG)
        if run_id and run_id not in faults:
            if (fault := segment.fault(client, run_id, name)) is None:
                return str(run_id)
            faults[run_id] = fault
    run_id = RegisteredModel(client, name).tag(RUN_TAG)
    if run_id and run_id not in faults:
        if (fault := segment.fault(client, run_id, name)) is None:
            return run_id
        faults[run_id] = fault
    if faults:
        raise next(iter(faults.values()))
    return None


def registered_models(client: Any) -> list[str]:
    """Names of the models in a store that have a log."""
    models = client.search_registered_models(max_results=1000)
    return [model.name for model in models if RUN_TAG in model.tags]


def decoded(text: str, name: str) -> LogEvent:
    """An entry of the log.

    Raises:
        RegistryError: it is none, or one that a later release wrote.
    """
    try:
        return log_events.decode(text)
    except ValueError as error:
        raise damaged(name, " ".join(str(error).split())[:120]) from None
