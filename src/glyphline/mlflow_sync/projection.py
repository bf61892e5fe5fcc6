"""Send journals to a store, so that sending them again changes nothing.

A tag of the run itself counts its sent events; it is set after they were sent. After a crash in between they are sent
again, which adds nothing: equal points, params and inputs are one row in MLflow.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Run
from mlflow.exceptions import MlflowException

from glyphline import files, mlflow_client
from glyphline.journal import lineage
from glyphline.journal.journal_file import Journal
from glyphline.journal.run_events import (
    KEY_TAG,
    ArtifactLogged,
    FileDigest,
    InputLogged,
    LineageLogged,
    MetricsLogged,
    ModelLogged,
    ParamsLogged,
    RunEnded,
    RunEvent,
    RunStarted,
    TagsLogged,
)
from glyphline.mlflow_client import Failure, local_path, reason, tracking_errors
from glyphline.mlflow_sync import dvc_lock, logged_model
from glyphline.mlflow_sync.lost_files import lineage_stem, lost_files
from glyphline.mlflow_sync.request_batches import Batch, clean_tags, fault
from glyphline.mlflow_sync.run_index import MISSING_TAG, SENT_TAG, RunIndex, json_tag
from glyphline.mlflow_sync.store import ExperimentDeletedError, Store
from glyphline.records.seal import sealed
from glyphline.scratch import scratch_folder

MAX_DIGEST_CHARACTERS = 36
MAX_NAME_CHARACTERS = 250
MAX_SHOWN = 5
MAX_REASON_CHARACTERS = 200

Find = Callable[[FileDigest], Path | None]
Report = Callable[[str, int, int], None]
Step = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What sending journals has added to the store, and what could not be sent.

    Attributes:
        runs_made: runs that the store did not have.
        events_sent: events that it did not have, or whose files it had lost.
        missing: paths of files that are gone.
        orphans: keys of runs that the store does not have and that other journals began.
        refused: one error per run that was left out because somebody has deleted its experiment.
        set_aside: file, line and reason of each event that no store takes; everything else of its run was sent.
    """

    runs_made: int = 0
    events_sent: int = 0
    missing: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    refused: tuple[ExperimentDeletedError, ...] = ()
    set_aside: tuple[str, ...] = ()

    def __add__(self, other: "UploadResult") -> "UploadResult":
        return UploadResult(
            self.runs_made + other.runs_made,
            self.events_sent + other.events_sent,
            self.missing + other.missing,
            self.orphans + other.orphans,
            self.refused + other.refused,
            self.set_aside + other.set_aside,
        )

    @property
    def warning(self) -> str | None:
        """What to tell about the events that were set aside; None when there are none."""
        if not self.set_aside:
            return None
        shown = "; ".join(self.set_aside[:MAX_SHOWN])
        return (
            f"{len(self.set_aside)} lines of journals were left out, because no store takes them: {shown}\n"
            "fix: restore the file with `dvc checkout`, or leave it as it is: everything else was sent"
        )


class Projection:
    """Sends journals to one store; hold `projection_lock` while it works.

    Args:
        store: where to.
        find: where a file of a run is now.
        scratch: parent of the folders that are needed for a moment.
    """

    def __init__(self, store: Store, find: Find, scratch: Path) -> None:
        self.index = RunIndex(store)
        self._store, self._client, self._find, self._scratch = store, store.client, find, scratch
        # (id of a journal, key of a run) -> number of events, of runs for which nothing is left to send.
        self._finished: dict[tuple[str, str], int] = {}
        self._refused: set[str] = set()

    def send(self, journal: Journal, report: Report = lambda *_: None) -> UploadResult:
        """Send what the store does not have of a journal.

        Args:
            journal: to send.
            report: called after each step with what is sent, how many of its events are in the store, and how many
                it has.

        Raises:
            TrackingError: the store does not answer or refuses.
        """
        total = UploadResult(
            set_aside=tuple(_set_aside(f"{journal.name}:{line}", why) for line, why in journal.damaged.items())
        )
        done, count = 0, sum(map(len, journal.runs.values()))

        def advance(before: int, sent: int) -> None:
            report(journal.label, before + sent, count)

        with tracking_errors(self._store.uri.text):
            self.index.begin(journal)
            for key, events in journal.runs.items():
                if self._finished.get((journal.id, key)) != len(events):
                    total += self._send_or_leave(journal, key, events, partial(advance, done))
                done += len(events)
        return total

    def _send_or_leave(self, journal: Journal, key: str, events: list[RunEvent], step: Step) -> UploadResult:
        if key in self._refused and not isinstance(events[0], RunStarted):
            # There is no run to add to, which was reported when the journal that began it was left out.
            return UploadResult()
        try:
            return self._send_run(journal, key, events, step)
        except ExperimentDeletedError as error:
            # Like a deleted run: nobody wants it back, and it must not keep the others out.
            self._finished[journal.id, key] = len(events)
            self._refused.add(key)
            return UploadResult(refused=(error,))

    def _send_run(self, journal: Journal, key: str, events: list[RunEvent], step: Step) -> UploadResult:
        first = events[0]
        run, made = self.index.find(key, getattr(first, "experiment", None)), 0
        if run is None:
            if not isinstance(first, RunStarted):
                return UploadResult(orphans=(key,))
            run, made = self._create(key, first), 1
        if run.info.lifecycle_stage == "deleted":
            # Whoever deleted it in the UI does not want it back.
            self._finished[journal.id, key] = len(events)
            return UploadResult()
        sent_counts, missing_events = json_tag(run, SENT_TAG), json_tag(run, MISSING_TAG)
        sent, missing_before = _marked(sent_counts, missing_events, journal.label, len(events))
        lost = set(lost_files(self._client, run, events[:sent])) - set(missing_before)
        unsent = [*missing_before, *sorted(lost), *range(sent, len(events))]
        upload = RunUpload(self._client, run, self._find, self._scratch, is_origin=isinstance(first, RunStarted))
        with self._artifact_errors(run):
            missing = []
            for number in unsent:
                if not upload.add(number, events[number]):
                    missing.append(number)
                step(number)
        if missing != missing_before or sent < len(events):
            marks = {SENT_TAG: json.dumps(sent_counts | {journal.label: len(events)})}
            if missing or missing_before:
                marks[MISSING_TAG] = json.dumps(missing_events | {journal.label: missing})
            upload.finish(marks, on_request=partial(step, len(events)))
        if not missing:
            self._finished[journal.id, key] = len(events)
        return UploadResult(
            made,
            len(unsent) - len(missing) - len(upload.refused),
            tuple(_path(events[number]) for number in missing),
            set_aside=tuple(_set_aside(journal.place(key, number), why) for number, why in upload.refused.items()),
        )

    @contextmanager
    def _artifact_errors(self, run: Run) -> Iterator[None]:
        """A folder where a server keeps the files of a run, and which this machine may not write, is the store's."""
        location = local_path(run.info.artifact_uri)
        try:
            yield
        except OSError as error:
            path = error.filename2 or error.filename
            if path is None and error.errno in files.DISK_FULL and location is not None:
                # What this program writes is named; this was MLflow's copy.
                error.filename = path = str(location)
            if not self._store.uri.is_server or location is None or path is None:
                raise
            if not (location.is_relative_to(path) or Path(path).is_relative_to(location.parents[1])):
                raise
            why = f"{path}: {error.strerror}"
            raise mlflow_client.store_failed(self._store.uri.text, Failure.ARTIFACTS, why) from None

    def _create(self, key: str, start: RunStarted) -> Run:
        if fault(start) is not None:
            # A run must have a beginning; what is wrong with this one is told when its events are sent.
            start = start.model_copy(update={"name": key, "tags": {}})
        own = {KEY_TAG, SENT_TAG, MISSING_TAG}
        tags = {tag: value for tag, value in clean_tags(start.tags).items() if tag not in own} | {KEY_TAG: key}
        parent = self.index.find(start.parent, start.experiment) if start.parent else None
        if parent is not None:
            tags["mlflow.parentRunId"] = parent.info.run_id
        experiment_id = self._store.experiment(start.experiment)
        run = self._client.create_run(
            experiment_id, start_time=start.time, tags=tags, run_name=start.name[:MAX_NAME_CHARACTERS]
        )
        self.index.add(key, run)
        return run


class RunUpload:
    """One upload of events of a run: files are sent at once, params, metrics and tags together at its end.

    Attributes:
        refused: number of an event -> why the store does not take it.
    """

    def __init__(self, client: Any, run: Run, find: Find, scratch: Path, *, is_origin: bool) -> None:
        self.refused: dict[int, str] = {}
        self._client = client
        self._run, self._find, self._scratch, self._is_origin = run, find, scratch, is_origin
        self._batch = Batch()
        self._inputs: list[DatasetInput] = []
        self._end: RunEnded | None = None
        self._together: dict[int, RunEvent] = {}
        self._on_request: Callable[[], None] = lambda: None

    def add(self, number: int, event: RunEvent) -> bool:
        """Add an event, by its number in the journal; false when it names a file that is gone."""
        if (why := fault(event)) is not None:
            self.refused[number] = why
            return True
        if isinstance(event, ParamsLogged | MetricsLogged | TagsLogged | InputLogged):
            self._together[number] = event
        try:
            return self._add(event)
        except MlflowException as error:
            self.refused[number] = _refusal(error)
            return True

    def _add(self, event: RunEvent) -> bool:
        match event:
            case ParamsLogged():
                self._batch.add_params(event.values)
            case MetricsLogged():
                self._batch.add_metrics(event)
            case TagsLogged():
                self._batch.add_tags(event.values)
            case InputLogged():
                self._inputs.append(_dataset_input(event))
            case RunEnded() if self._is_origin:
                self._end = event
            case LineageLogged():
                self._send_lineage(event)
            case ArtifactLogged() | ModelLogged():
                return self._send_file(event)
        return True

    def finish(self, marks: dict[str, str], on_request: Callable[[], None]) -> None:
        """Send what was added, and then the tags that mark it as sent.

        Args:
            marks: the tags.
            on_request: called after each request.
        """
        self._on_request = on_request
        try:
            self._finish(marks)
        except MlflowException as error:
            _refusal(error)
            # The store does not say which event it refuses, and sending one again changes nothing.
            for number, event in self._together.items():
                self._batch, self._inputs = Batch(), []
                self._add(event)
                try:
                    self._send_together()
                except MlflowException as alone:
                    self.refused[number] = _refusal(alone)
            self._batch, self._inputs = Batch(), []
            self._finish(marks)

    def _finish(self, marks: dict[str, str]) -> None:
        client, run_id = self._client, self._run.info.run_id
        if self._end is None:
            self._batch.tags |= marks
        self._send_together()
        if self._end is not None:
            # The marks come last of all: a crash before the status is set must not leave the run RUNNING for ever.
            client.set_terminated(run_id, self._end.status, self._end.time)
            self._on_request()
            for request in Batch(tags=marks).requests():
                client.log_batch(run_id, **request, synchronous=True)
                self._on_request()

    def _send_together(self) -> None:
        client, run_id = self._client, self._run.info.run_id
        if self._inputs:
            client.log_inputs(run_id, self._inputs)
            self._on_request()
        present = self._run.data.params
        self._batch.params = {key: value for key, value in self._batch.params.items() if key not in present}
        for request in self._batch.requests():
            client.log_batch(run_id, **request, synchronous=True)
            self._on_request()

    def _send_file(self, event: ArtifactLogged | ModelLogged) -> bool:
        path = self._find(event.file)
        try:
            if path is None:
                return False
            if isinstance(event, ModelLogged):
                logged_model.ensure(self._client, self._run, path, event, self._batch.params, scratch=self._scratch)
                return True
            with scratch_folder(self._scratch, "artifact") as folder:
                # A copy under its own name: in DVC's cache a file is named by its MD5 and cannot be written.
                copy = folder / Path(event.file.path).name
                with files.named(copy):
                    shutil.copyfile(path, copy)
                self._client.log_artifact(self._run.info.run_id, str(copy), event.folder or None)
        except FileNotFoundError:
            # A queued experiment's folder may be removed after the file was found.
            return False
        return True

    def _send_lineage(self, event: LineageLogged) -> None:
        stem = lineage_stem(event, is_origin=self._is_origin)
        # The patch of an earlier lineage stays with the run when a later one has none; this tells whether it counts.
        facts = event.facts | {
            "dvc_lock": dvc_lock.parse(event.dvc_lock) if event.dvc_lock else {},
            "has_patch": bool(event.patch),
            "patch_sha256": hashlib.sha256(lineage.patch_bytes(event)).hexdigest() if event.patch else None,
        }
        contents = {f"{stem}.json": json.dumps(sealed(json.dumps(facts, sort_keys=True)), indent=2).encode()}
        if event.patch:
            # As bytes: a patch has the encodings of the files that it changes.
            contents[f"{stem}.patch"] = lineage.patch_bytes(event)
        with scratch_folder(self._scratch, "lineage") as folder:
            for name, content in contents.items():
                path = folder / name
                with files.named(path):
                    path.write_bytes(content)
                self._client.log_artifact(self._run.info.run_id, str(path))


def _dataset_input(event: InputLogged) -> DatasetInput:
    is_url = event.source.startswith(("http://", "https://"))
    dataset = Dataset(
        name=event.name,
        digest=event.digest[:MAX_DIGEST_CHARACTERS],
        source_type="http" if is_url else "local",
        source=json.dumps({"url" if is_url else "uri": event.source}),
        profile=json.dumps({"num_rows": event.count}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", event.context)])


def _refusal(error: MlflowException) -> str:
    """Why a store does not take what it was sent; any other failure of it is raised again."""
    if error.error_code != "INVALID_PARAMETER_VALUE":
        raise error
    return reason(error)


def _marked(sent: dict[str, Any], missing: dict[str, Any], label: str, count: int) -> tuple[int, list[int]]:
    """How many events of a journal were sent, and the numbers of those that were missing; people can edit tags."""
    marked, numbers = sent.get(label), missing.get(label)
    before = marked if isinstance(marked, int) and 0 <= marked <= count else 0
    return before, [n for n in numbers if isinstance(n, int) and 0 <= n < before] if isinstance(numbers, list) else []


def _set_aside(place: str, why: str) -> str:
    return f"{place}: {why[:MAX_REASON_CHARACTERS]}"


def _path(event: RunEvent) -> str:
    return event.file.path if isinstance(event, ArtifactLogged | ModelLogged) else event.kind
