"""The journal of a stage: an append-only file of JSON lines, the truth about its runs.

While its writer lives, the kernel holds a lock on the file. So a reader knows, without any process number, whether
more lines can come; and a run without an end, in a journal without a living writer, is known to have died.
"""

import fcntl
import os
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from glyphline.errors import ArtifactError, TrackingError
from glyphline.journal.run_events import Header, RunEnded, RunEvent, RunStarted, decode, encode
from glyphline.records import remedy

KEY_CHARACTERS = 32
ID_CHARACTERS = 24
DAMAGED_FIX = "restore the file with `dvc checkout`, or run its stage again with `dvc repro`"


class Writer:
    """Appends events; the kernel has every line before `append` returns.

    Args:
        handle: file descriptor, open for appending; the writer owns it from now on.
        header: the first line.
        name: what to call the file in errors.
    """

    def __init__(self, handle: int, header: Header, name: str) -> None:
        self.header = header
        self._handle, self._name = handle, name
        self._mutex = threading.Lock()
        self._runs_started = 0

    @classmethod
    def open(cls, path: Path, stage: str) -> Self:
        """Begin a new journal in the place of an older one.

        Raises:
            TrackingError: another living process writes this journal.
            OSError: the file cannot be made or written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_second_writer(path)
        # A new file, never the old one: DVC may have linked that to its cache, and a projector may still read it.
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        fcntl.flock(handle, fcntl.LOCK_EX)
        writer = cls(handle, Header(id=uuid.uuid4().hex[:ID_CHARACTERS], stage=stage), str(path))
        try:
            writer._write(encode(writer.header), durable=True)
        except BaseException:
            os.close(handle)
            raise
        return writer

    def new_key(self) -> str:
        """The key of the next run; the first characters are those of the journal's id."""
        with self._mutex:
            self._runs_started += 1
            return f"{self.header.id}{self._runs_started:0{KEY_CHARACTERS - ID_CHARACTERS}x}"

    def append(self, event: RunEvent) -> None:
        """Write one event; the start and the end of a run reach the disk before this returns.

        Raises:
            OSError: the disk is full or broken; the journal is as it was before, and later events may find room again.
        """
        self._write(encode(event), durable=isinstance(event, RunStarted | RunEnded))

    def close(self) -> None:
        """Write everything to the disk and release the lock."""
        os.fsync(self._handle)
        os.close(self._handle)

    def _write(self, line: bytes, *, durable: bool) -> None:
        with self._mutex:
            size_before = os.fstat(self._handle).st_size
            rest = memoryview(line)
            try:
                while rest:
                    rest = rest[os.write(self._handle, rest) :]
                if durable:
                    os.fsync(self._handle)
            except BaseException as error:
                # A part of a line, with other lines after it, would make the whole journal unreadable.
                if size_before < os.fstat(self._handle).st_size < size_before + len(line):
                    os.ftruncate(self._handle, size_before)
                if isinstance(error, OSError):
                    error.filename = self._name
                raise


@dataclass
class Journal:
    """The content of a journal, run by run.

    Attributes:
        id: of the journal.
        stage: that wrote it.
        runs: key -> events in order.
        is_complete: its writer has ended, so that nothing will be added.
        name: of its file, for messages.
        lines: key -> the line of each event in the file, from 1; an end that a reader has added has none.
        damaged: line -> why it is no event.
    """

    id: str
    stage: str
    runs: dict[str, list[RunEvent]] = field(default_factory=dict)
    is_complete: bool = False
    name: str = ""
    lines: dict[str, list[int]] = field(default_factory=dict)
    damaged: dict[int, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name of this journal in the tags that count its sent events."""
        return f"{self.stage}-{self.id[:8]}"

    def place(self, key: str, number: int) -> str:
        """File and line of an event of a run, counted from 0."""
        lines = self.lines.get(key, [])
        return f"{self.name}:{lines[number]}" if number < len(lines) else self.name

    @property
    def time(self) -> int:
        """When the first run began, in milliseconds since 1970."""
        return min((events[0].time for events in self.runs.values()), default=0)


class Reader:
    """Reads a journal, also while it grows.

    Args:
        handle: file descriptor, open for reading; the reader owns it from now on.
        name: what to call the file in messages.
    """

    def __init__(self, handle: int, name: str) -> None:
        self._handle, self._name = handle, name
        self._offset = self._line = 0
        self._journal: Journal | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the journal at `path`."""
        return cls(os.open(path, os.O_RDONLY), str(path))

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def has_writer(self) -> bool:
        """True while the writer lives."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._handle, fcntl.LOCK_UN)
        return False

    def has_unread(self) -> bool:
        """True when there are bytes that were not read yet."""
        return os.fstat(self._handle).st_size > self._offset

    def read(self) -> Journal | None:
        """Everything that was written so far; None before the first line.

        The last line may be incomplete, after a crash or because it is being written; the next call reads it. A run
        that a dead writer left open gets an end, FAILED, at the time of its last event. A line that is no event is left
        out and noted in the journal.

        Raises:
            ArtifactError: it does not begin like a journal.
        """
        # Asked before the bytes are read: a writer that ended before this has no line after them.
        is_complete = not self.has_writer()
        data = os.pread(self._handle, max(0, os.fstat(self._handle).st_size - self._offset), self._offset)
        lines = data[: data.rfind(b"\n") + 1]
        for line in lines.splitlines():
            self._line += 1
            self._add(line)
        self._offset += len(lines)
        if is_complete and _is_line(data[len(lines) : -1]):
            # A writer that died leaves a part of a line; here the line break after a whole one was changed.
            if self._journal is None:
                raise damaged(self._name, self._line + 1)
            self._journal.damaged[self._line + 1] = "the end of the line was changed"
        if is_complete and self._journal and not self._journal.is_complete:
            _close_open_runs(self._journal)
        return self._journal

    def _add(self, line: bytes) -> None:
        try:
            event = _decoded(line, is_first=self._journal is None)
        except ValueError as error:
            if self._journal is None:
                raise damaged(self._name, self._line) from None
            self._journal.damaged[self._line] = _reason(error)
            return
        if isinstance(event, Header):
            self._journal = Journal(id=event.id, stage=event.stage, name=self._name)
        elif self._journal is not None:
            self._journal.runs.setdefault(event.run, []).append(event)
            self._journal.lines.setdefault(event.run, []).append(self._line)


def read(path: Path) -> Journal | None:
    """The whole journal at `path`, every line of it; None when nothing is written in it yet.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    journal = scan(path)
    if journal is not None and journal.damaged:
        raise damaged(str(path), min(journal.damaged), journal.stage)
    return journal


def scan(path: Path) -> Journal | None:
    """The journal at `path`, with the lines noted in it that are no events; None when nothing is written in it yet.

    Raises:
        ArtifactError: the file is missing, cannot be read or does not begin like a journal.
    """
    try:
        reader = Reader.open(path)
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist", fix=f"make it with `dvc repro {path.parent.name}`") from None
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}", fix=DAMAGED_FIX) from None
    try:
        return reader.read()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}", fix=DAMAGED_FIX) from None
    finally:
        reader.close()


def damaged(name: str, line: int, stage: str | None = None) -> ArtifactError:
    """The error about a line that is no event, or was changed after it was written."""
    return ArtifactError(f"{name} is damaged at line {line}", fix=remedy(stage) if stage else DAMAGED_FIX)


def last_run(path: Path) -> tuple[RunStarted, list[RunEvent]]:
    """The last run that a journal began and that has no parent: its first event, and all its events.

    Raises:
        ArtifactError: there is no journal, or no run in it.
    """
    journal = read(path)
    for events in reversed(journal.runs.values()) if journal else ():
        start = events[0]
        if isinstance(start, RunStarted) and start.parent is None:
            return start, events
    raise ArtifactError(f"{path} holds no run", fix=f"make it again with `dvc repro --force {path.parent.name}`")


def last_key(path: Path) -> str:
    """The key of the last run that a journal began and that has no parent.

    Raises:
        ArtifactError: there is no journal, or no run in it.
    """
    start, _ = last_run(path)
    return start.run


def _decoded(line: bytes, *, is_first: bool) -> Header | RunEvent:
    event = decode(line)
    if isinstance(event, Header) != is_first:
        raise ValueError("the first line, and no other, tells which journal it is")
    return event


def _reason(error: ValueError) -> str:
    """Why a line is no event, in the words of the first fault that pydantic found."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")


def _is_line(text: bytes) -> bool:
    try:
        decode(text)
    except ValueError:
        return False
    return True


def _close_open_runs(journal: Journal) -> None:
    for key, events in journal.runs.items():
        if isinstance(events[0], RunStarted) and not any(isinstance(event, RunEnded) for event in events):
            events.append(RunEnded(run=key, time=events[-1].time, status="FAILED"))
    journal.is_complete = True


def _refuse_second_writer(path: Path) -> None:
    try:
        reader = Reader.open(path)
    except FileNotFoundError:
        return
    try:
        if reader.has_writer():
            raise TrackingError(f"another process is writing {path}", fix="wait until that run of the stage is over")
    finally:
        reader.close()
