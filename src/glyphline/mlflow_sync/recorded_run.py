"""A run as it was recorded, for people who compare runs; read from its journals here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline.errors import ArtifactError
from glyphline.journal.journal_file import Journal
from glyphline.journal.run_events import (
    ArtifactLogged,
    FileDigest,
    LineageLogged,
    MetricsLogged,
    ParamsLogged,
    RunStarted,
    as_text,
)
from glyphline.mlflow_sync.file_locator import FileLocator
from glyphline.records import remedy

Points = tuple[tuple[int, float], ...]

FIX = remedy("evaluate")


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run with its params, curves and files.

    Attributes:
        key: of the run; its MLflow id where the run has none of ours.
        name: as people see it.
        params: dotted key -> value, as MLflow shows it.
        curves: metric -> (step, value), in the order of the steps.
        facts: of its lineage; empty where nothing is known.
        files: file name -> where the file is now.
        changed: file name -> where a file of this name is that was changed since, while the recorded one is gone.
    """

    key: str
    name: str
    params: Mapping[str, str]
    curves: Mapping[str, Points]
    facts: Mapping[str, Any]
    files: Mapping[str, Path]
    changed: Mapping[str, Path]

    def file(self, name: str) -> Path:
        """Where a file of the run is now.

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


def recorded_run(key: str, journals: Iterable[Journal], locator: FileLocator) -> RecordedRun | None:
    """The run of a key; None when no journal began it. Of what is recorded twice, the last counts.

    Args:
        key: of the run.
        journals: oldest first.
        locator: finds the files of the run.
    """
    events = [event for journal in journals for event in journal.runs.get(key, ())]
    start = next((event for event in events if isinstance(event, RunStarted)), None)
    if start is None:
        return None
    params: dict[str, str] = {}
    curves: dict[str, dict[int, float]] = {}
    digests: dict[str, FileDigest] = {}
    for event in events:
        match event:
            case ParamsLogged():
                params = {key: as_text(value) for key, value in event.values.items()} | params
            case MetricsLogged():
                for name, value in event.values.items():
                    curves.setdefault(name, {})[event.step] = value
            case ArtifactLogged():
                # A run that was evaluated again has the file of the last time.
                digests[Path(event.file.path).name] = event.file
    files = {name: path for name, file in digests.items() if (path := locator.find(file)) is not None}
    others = {name: locator.work / file.path for name, file in digests.items() if name not in files}
    return RecordedRun(
        key=key,
        name=start.name,
        params=params,
        curves={name: tuple(sorted(points.items())) for name, points in curves.items()},
        facts=next((event.facts for event in events if isinstance(event, LineageLogged)), {}),
        files=files,
        changed={name: path for name, path in others.items() if path.is_file()},
    )
