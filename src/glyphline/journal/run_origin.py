"""Which run a journal began: its name, how long it took, and the lineage it started from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline.journal import journal_file
from glyphline.journal.run_events import LineageLogged, RunEnded


@dataclass(frozen=True, slots=True)
class RunOrigin:
    """A run as the journal that began it describes it.

    Attributes:
        key: of the run.
        name: as people see it.
        experiment: where it is shown.
        seconds: from its first event to its end; None while it has none.
        facts: of its lineage.
    """

    key: str
    name: str
    experiment: str
    seconds: float | None
    facts: Mapping[str, Any]


def origin(path: Path) -> RunOrigin:
    """The origin of the last run that a journal began and that has no parent.

    Raises:
        ArtifactError: there is no journal, or no run in it.
    """
    start, events = journal_file.last_run(path)
    end = next((event for event in events if isinstance(event, RunEnded)), None)
    return RunOrigin(
        key=start.run,
        name=start.name,
        experiment=start.experiment,
        seconds=(end.time - start.time) / 1000 if end else None,
        facts=next((event.facts for event in events if isinstance(event, LineageLogged)), {}),
    )
