"""A run read back for people who compare it: from its journals, or from the store where the journals are elsewhere."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline.errors import ArtifactError
from glyphline.journal.journal_file import History
from glyphline.journal.run_events import Artifact, FileMark, Lineage, Metrics, Params, Start
from glyphline.journal.run_files import FileLocator

Points = tuple[tuple[int, float], ...]

FIX = "make it again with `dvc repro evaluate`, or restore it with `dvc checkout`"


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A trained and evaluated run.

    Attributes:
        key: of the run; its MLflow id where the run has none of ours.
        name: as people see it.
        params: dotted key -> value, as MLflow shows it.
        curves: metric -> (step, value), in the order of the steps.
        facts: of its lineage; empty where nothing is known.
        files: file name -> where the file is now, for those that are as they were written.
        changed: file name -> where a file of this name is that is not as it was written.
    """

    key: str
    name: str
    params: Mapping[str, str]
    curves: Mapping[str, Points]
    facts: Mapping[str, Any]
    files: Mapping[str, Path]
    changed: Mapping[str, Path]

    def file(self, name: str) -> Path:
        """Where a file of the run is.

        Raises:
            ArtifactError: the run has none of this name, or what is there was edited.
        """
        if name in self.files:
            return self.files[name]
        if name in self.changed:
            raise ArtifactError(
                f"{self.changed[name]} was changed after run {self.name} wrote it: its digest differs", fix=FIX
            )
        raise ArtifactError(f"run {self.name} has no {name}: it was not evaluated, or the file is gone", fix=FIX)


def recorded_run(key: str, histories: Iterable[History], shelf: FileLocator) -> RecordedRun | None:
    """The run of a key, as the last of its journals tell it; None when no journal began it.

    Args:
        key: of the run.
        histories: oldest first, as `sources.histories` gives them.
        shelf: where files are.
    """
    events = [event for history in histories for event in history.runs.get(key, ())]
    start = next((event for event in events if isinstance(event, Start)), None)
    if start is None:
        return None
    params: dict[str, str] = {}
    curves: dict[str, dict[int, float]] = {}
    marks: dict[str, FileMark] = {}
    for event in events:
        match event:
            case Params():
                params = {key: _text(value) for key, value in event.values.items()} | params
            case Metrics():
                for name, value in event.values.items():
                    curves.setdefault(name, {})[event.step] = value
            case Artifact():
                # A run that was evaluated again has the file of the last time.
                marks[Path(event.file.path).name] = event.file
    found = {name: shelf.find(file) for name, file in marks.items()}
    present = {name: path for name, path in found.items() if path is not None}
    lost = {name: shelf.work / marks[name].path for name, path in found.items() if path is None}
    return RecordedRun(
        key=key,
        name=start.name,
        params=params,
        curves={name: tuple(sorted(points.items())) for name, points in curves.items()},
        facts=next((event.facts for event in events if isinstance(event, Lineage)), {}),
        files=present,
        changed={name: path for name, path in lost.items() if path.is_file()},
    )


def _text(value: Any) -> str:
    # As MLflow shows it, so that a run of a journal and one of a store can be laid side by side.
    return value if isinstance(value, str) else json.dumps(value)


def trained_runs(histories: Iterable[History]) -> dict[str, Start]:
    """Key -> beginning of every run that a train stage made, oldest first."""
    starts = (events[0] for history in histories if history.stage == "train" for events in history.runs.values())
    return {start.run: start for start in starts if isinstance(start, Start) and start.parent is None}
