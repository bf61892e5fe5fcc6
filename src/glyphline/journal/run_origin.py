"""What a journal tells of the run that it began: its name, how long it took, where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline.errors import ArtifactError
from glyphline.journal import journal_file
from glyphline.journal.run_events import End, Lineage, Start


@dataclass(frozen=True, slots=True)
class RunOrigin:
    """The beginning of a run.

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
    key = journal_file.last_key(path)
    history = journal_file.read(path)
    events = history.runs[key] if history else []
    start = next((event for event in events if isinstance(event, Start)), None)
    if start is None:
        raise ArtifactError(f"{path} holds no run", fix=f"make it again with `dvc repro --force {path.parent.name}`")
    end = next((event for event in events if isinstance(event, End)), None)
    facts = next((event.facts for event in events if isinstance(event, Lineage)), {})
    seconds = (end.time - start.time) / 1000 if end else None
    return RunOrigin(key=key, name=start.name, experiment=start.experiment, seconds=seconds, facts=facts)
