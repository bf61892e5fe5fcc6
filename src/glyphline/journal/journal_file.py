"""The journal of a stage: an append-only file of JSON lines, the truth about its runs.

While its writer lives, the kernel holds a lock on the file. So whoever reads knows without process numbers whether
more can come, and a run without an end in a journal without a writer is known to have died.
"""

import fcntl
import os
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from glyphline.errors import ArtifactError, TrackingError
from glyphline.journal.run_events import End, Header, RunEvent, Start, decode, encode

KEY_CHARACTERS = 32
ID_CHARACTERS = 24


class Writer:
    """Appends events; every line is with the kernel before `append` returns.

    Args:
        handle: file descriptor, open for appending; it belongs to the writer from now on.
        header: the first line.
        name: what to call the file in errors.
    """

    def __init__(self, handle: int, header: Header, name: str) -> None:
        self.header = header
        self._handle, self._name = handle, name
        self._mutex = threading.Lock()
        self._started = 0

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
            self._started += 1
            return f"{self.header.id}{self._started:0{KEY_CHARACTERS - ID_CHARACTERS}x}"

    def append(self, event: RunEvent) -> None:
        """Write one event; the start and the end of a run reach the disk before this returns.

        Raises:
            OSError: the disk is full or broken; the journal is as it was before, and later events may find room again.
        """
        self._write(encode(event), durable=isinstance(event, Start | End))

    def close(self) -> None:
        """Make everything durable and let go of the lock."""
        os.fsync(self._handle)
        os.close(self._handle)

    def _write(self, line: bytes, *, durable: bool) -> None:
        with self._mutex:
            before = os.fstat(self._handle).st_size
            rest = memoryview(line)
            try:
                while rest:
                    rest = rest[os.write(self._handle, rest) :]
                if durable:
                    os.fsync(self._handle)
            except BaseException as error:
                # A piece of a line that other lines come to follow would make the whole journal unreadable.
                if before < os.fstat(self._handle).st_size < before + len(line):
                    os.ftruncate(self._handle, before)
                if isinstance(error, OSError):
                    error.filename = self._name
                raise


@dataclass
class History:
    """What a journal tells, run by run.

    Attributes:
        id: of the journal.
        stage: that wrote it.
        runs: key -> events in order.
        complete: no writer lives, so nothing will be added.
    """

    id: str
    stage: str
    runs: dict[str, list[RunEvent]] = field(default_factory=dict)
    complete: bool = False

    @property
    def label(self) -> str:
        """What the store calls this journal when it notes how much of it was sent."""
        return f"{self.stage}-{self.id[:8]}"

    @property
    def time(self) -> int:
        """When the first run began, in milliseconds since 1970."""
        return min((events[0].time for events in self.runs.values()), default=0)


class Reader:
    """Reads a journal, also while it grows.

    Args:
        handle: file descriptor, open for reading; it belongs to the reader from now on.
        name: what to call the file in messages.
    """

    def __init__(self, handle: int, name: str) -> None:
        self._handle, self._name = handle, name
        self._offset = self._line = 0
        self.history: History | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the journal at `path`."""
        return cls(os.open(path, os.O_RDONLY), str(path))

    def close(self) -> None:
        """Give the file back."""
        os.close(self._handle)

    def is_written(self) -> bool:
        """True while the writer lives."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._handle, fcntl.LOCK_UN)
        return False

    def has_news(self) -> bool:
        """True when there are bytes that were not read."""
        return os.fstat(self._handle).st_size > self._offset

    def read(self) -> History | None:
        """Everything told so far; None before the first line.

        The last line may be torn, by a crash or because it is being written; it is left for the next time. Runs
        that their dead writer left open get an end, FAILED, at the time of their last event.

        Raises:
            ArtifactError: a line other than the last is damaged.
        """
        # Asked before reading: a writer that ends in between has written everything that is read.
        complete = not self.is_written()
        data = os.pread(self._handle, max(0, os.fstat(self._handle).st_size - self._offset), self._offset)
        whole = data[: data.rfind(b"\n") + 1]
        for line in whole.splitlines():
            self._line += 1
            self._take(line)
        self._offset += len(whole)
        if complete and self.history and not self.history.complete:
            _close_open_runs(self.history)
        return self.history

    def _take(self, line: bytes) -> None:
        try:
            event = decode(line)
        except ValueError:
            raise ArtifactError(
                f"{self._name} is damaged at line {self._line}",
                fix="restore the file with `dvc checkout`, or run its stage again with `dvc repro`",
            ) from None
        if isinstance(event, Header):
            self.history = History(id=event.id, stage=event.stage)
        elif self.history is None:
            raise ArtifactError(f"{self._name} does not begin like a journal", fix="remove the file")
        else:
            self.history.runs.setdefault(event.run, []).append(event)


def read(path: Path) -> History | None:
    """The whole journal at `path`; None when nothing is written in it yet.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    try:
        reader = Reader.open(path)
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist", fix=f"make it with `dvc repro {path.parent.name}`") from None
    try:
        return reader.read()
    finally:
        reader.close()


def last_key(path: Path) -> str:
    """The key of the last run that a journal began and that has no parent.

    Raises:
        ArtifactError: there is no journal, or no run in it.
    """
    history = read(path)
    for key, events in reversed(list(history.runs.items()) if history else []):
        if isinstance(events[0], Start) and events[0].parent is None:
            return key
    raise ArtifactError(f"{path} holds no run", fix=f"make it again with `dvc repro --force {path.parent.name}`")


def _close_open_runs(history: History) -> None:
    for key, events in history.runs.items():
        if isinstance(events[0], Start) and not any(isinstance(event, End) for event in events):
            events.append(End(run=key, time=events[-1].time, status="FAILED"))
    history.complete = True


def _refuse_second_writer(path: Path) -> None:
    try:
        reader = Reader.open(path)
    except FileNotFoundError:
        return
    try:
        if reader.is_written():
            raise TrackingError(f"another process is writing {path}", fix="wait until that run of the stage is over")
    finally:
        reader.close()
