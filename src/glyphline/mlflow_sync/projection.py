"""Bring journals into a store, so that doing it again changes nothing.

How many events of a run were sent is noted on the run itself, in the same store, after they were sent. A crash in
between makes them be sent again, which adds nothing: equal points, params and inputs are one row in MLflow.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Run

from glyphline.journal import lineage
from glyphline.journal.journal_file import History
from glyphline.journal.run_events import (
    KEY_TAG,
    Artifact,
    End,
    FileMark,
    Input,
    Lineage,
    Metrics,
    Model,
    Params,
    RunEvent,
    Start,
    Tags,
)
from glyphline.mlflow_sync import logged_model
from glyphline.mlflow_sync.request_batches import Batch, clean_tags
from glyphline.mlflow_sync.run_index import MISSING_TAG, SENT_TAG, RunIndex, sent_counts
from glyphline.mlflow_sync.store import ExperimentDeletedError, Store, refusals

MAX_DIGEST_CHARACTERS = 36

Find = Callable[[FileMark], Path | None]


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What a pass over journals has added to the store, and what it could not find.

    Attributes:
        runs_made: runs that the store did not have.
        events_sent: events that it did not have.
        missing: paths of files that are nowhere any more.
        orphans: keys of runs that other journals began, which the store has never seen.
        refused: one error per run that was left out because somebody has deleted its experiment.
    """

    runs_made: int = 0
    events_sent: int = 0
    missing: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    refused: tuple[ExperimentDeletedError, ...] = ()

    def __add__(self, other: "UploadResult") -> "UploadResult":
        return UploadResult(
            self.runs_made + other.runs_made,
            self.events_sent + other.events_sent,
            self.missing + other.missing,
            self.orphans + other.orphans,
            self.refused + other.refused,
        )


class Projection:
    """Sends journals to one store; hold `store.projecting` while it works.

    Args:
        store: where to.
        find: where a file of a run is now.
    """

    def __init__(self, store: Store, find: Find) -> None:
        self.index = RunIndex(store)
        self._store, self._client, self._find = store, store.client, find
        self._settled: dict[tuple[str, str], int] = {}
        self._refused: set[str] = set()

    def send(self, history: History) -> UploadResult:
        """Send what the store does not have of a journal.

        Raises:
            TrackingError: the store is out of reach or refuses.
        """
        total = UploadResult()
        with refusals(self._store.uri):
            self.index.begin(history)
            for key, events in history.runs.items():
                if self._settled.get((history.id, key)) != len(events):
                    total += self._send_or_leave(history, key, events)
        return total

    def _send_or_leave(self, history: History, key: str, events: list[RunEvent]) -> UploadResult:
        if key in self._refused and not isinstance(events[0], Start):
            # It has no run to add to, which was said when the journal that began it was left out.
            return UploadResult()
        try:
            return self._send_run(history, key, events)
        except ExperimentDeletedError as error:
            # Like a deleted run: nobody wants it back, and it must not keep the others out.
            self._settled[history.id, key] = len(events)
            self._refused.add(key)
            return UploadResult(refused=(error,))

    def _send_run(self, history: History, key: str, events: list[RunEvent]) -> UploadResult:
        first = events[0]
        begins = isinstance(first, Start)
        run, made = self.index.find(key, getattr(first, "experiment", None)), 0
        if run is None:
            if not isinstance(first, Start):
                return UploadResult(orphans=(key,))
            run, made = self._create(key, first), 1
        if run.info.lifecycle_stage == "deleted":
            # Whoever deleted it in the UI does not want it back.
            self._settled[history.id, key] = len(events)
            return UploadResult()
        sent, missing = sent_counts(run, SENT_TAG), sent_counts(run, MISSING_TAG)
        owed: list[int] = missing.get(history.label, [])
        done = sent.get(history.label, 0)
        due = [*owed, *range(done, len(events))]
        parcel = RunUpload(self._client, run, self._find, is_origin=begins)
        lost = [number for number in due if not parcel.take(events[number])]
        paths = tuple(_path(events[number]) for number in lost)
        if lost != owed or done < len(events):
            marks = {SENT_TAG: json.dumps(sent | {history.label: len(events)})}
            if lost or owed:
                marks[MISSING_TAG] = json.dumps(missing | {history.label: lost})
            parcel.deliver(marks)
        if not lost:
            self._settled[history.id, key] = len(events)
        return UploadResult(made, len(due) - len(lost), paths)

    def _create(self, key: str, start: Start) -> Run:
        tags = clean_tags(start.tags) | {KEY_TAG: key}
        parent = self.index.find(start.parent, start.experiment) if start.parent else None
        if parent is not None:
            tags["mlflow.parentRunId"] = parent.info.run_id
        experiment_id = self._store.experiment(start.experiment)
        run = self._client.create_run(experiment_id, start_time=start.time, tags=tags, run_name=start.name)
        self.index.add(key, run)
        return run


class RunUpload:
    """What is sent about one run in one go: files at once, numbers and words together at the end."""

    def __init__(self, client: Any, run: Run, find: Find, *, is_origin: bool) -> None:
        self._client = client
        self._run, self._find, self._is_origin = run, find, is_origin
        self._batch = Batch()
        self._inputs: list[DatasetInput] = []
        self._end: End | None = None

    def take(self, event: RunEvent) -> bool:
        """Take one event; false when it speaks of a file that is nowhere any more."""
        match event:
            case Params():
                self._batch.add_params(event.values)
            case Metrics():
                self._batch.add_metrics(event)
            case Tags():
                self._batch.add_tags(event.values)
            case Input():
                self._inputs.append(_dataset_input(event))
            case End() if self._is_origin:
                self._end = event
            case Lineage():
                self._send_lineage(event)
            case Artifact() | Model():
                return self._send_file(event)
        return True

    def deliver(self, marks: dict[str, str]) -> None:
        """Send what was taken, then note that it was sent."""
        client, run_id = self._client, self._run.info.run_id
        if self._inputs:
            client.log_inputs(run_id, self._inputs)
        known = self._run.data.params
        self._batch.params = {key: value for key, value in self._batch.params.items() if key not in known}
        if self._end is None:
            self._batch.tags |= marks
        for request in self._batch.requests():
            client.log_batch(run_id, **request, synchronous=True)
        if self._end is not None:
            # Noted last of all: a crash before the status is set must not leave the run RUNNING for ever.
            client.set_terminated(run_id, self._end.status, self._end.time)
            for request in Batch(tags=marks).requests():
                client.log_batch(run_id, **request, synchronous=True)

    def _send_file(self, event: Artifact | Model) -> bool:
        path = self._find(event.file)
        try:
            if path is None:
                return False
            if isinstance(event, Model):
                logged_model.ensure(self._client, self._run, path, event, self._batch.params)
                return True
            with tempfile.TemporaryDirectory(prefix="glyphline-artifact-") as folder:
                # A copy under its own name: in DVC's cache a file is named by its MD5 and cannot be written.
                named = shutil.copyfile(path, Path(folder) / Path(event.file.path).name)
                self._client.log_artifact(self._run.info.run_id, str(named), event.folder or None)
        except FileNotFoundError:
            # A queued experiment's folder may be removed between looking and reading.
            return False
        return True

    def _send_lineage(self, event: Lineage) -> None:
        stem = "lineage" if self._is_origin else f"lineage.{event.stage}"
        # Whether there is a patch: one that a stage left earlier stays with the run when a later lineage has none.
        facts = event.facts | {
            "dvc_lock": lineage.md5s(event.dvc_lock) if event.dvc_lock else {},
            "has_patch": bool(event.patch),
        }
        self._client.log_text(self._run.info.run_id, json.dumps(facts, indent=2, sort_keys=True), f"{stem}.json")
        if event.patch:
            with tempfile.TemporaryDirectory(prefix="glyphline-artifact-") as folder:
                # As bytes: MLflow writes text as UTF-8, and a patch has the encodings of the files that it changes.
                named = Path(folder) / f"{stem}.patch"
                named.write_bytes(lineage.patch_bytes(event))
                self._client.log_artifact(self._run.info.run_id, str(named))


def _dataset_input(event: Input) -> DatasetInput:
    is_url = event.source.startswith(("http://", "https://"))
    dataset = Dataset(
        name=event.name,
        digest=event.digest[:MAX_DIGEST_CHARACTERS],
        source_type="http" if is_url else "local",
        source=json.dumps({"url" if is_url else "uri": event.source}),
        profile=json.dumps({"num_rows": event.count}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", event.context)])


def _path(event: RunEvent) -> str:
    return event.file.path if isinstance(event, Artifact | Model) else event.kind
