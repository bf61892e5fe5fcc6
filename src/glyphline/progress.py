"""The progress of long work: a bar on a terminal, a line every few seconds in a log."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 5.0
BYTES = "B"

Advance = Callable[..., None]
"""Called with the amount done since the last call; 1 when it is called with nothing. `note` is shown with it."""


@dataclass
class _Work:
    """Something that is being done.

    Attributes:
        description, total, unit, done: as in `bar`.
        note: the last one.
        began: by the monotonic clock, in seconds.
        before: how much was done when it began.
    """

    description: str
    total: int | None
    unit: str
    done: int
    note: str = ""
    began: float = field(default_factory=time.monotonic)
    before: int = field(init=False)

    def __post_init__(self) -> None:
        self.before = self.done

    def step(self, amount: int, note: str) -> None:
        self.done += amount
        self.note = note

    def __str__(self) -> str:
        amount = _amount(self.done, self.total, self.unit)
        return f"{self.description}: {amount}{f', {self.note}' if self.note else ''}"

    def rate(self) -> float:
        """How much is done per second."""
        return (self.done - self.before) / max(time.monotonic() - self.began, 1e-9)

    def speed(self) -> str:
        """The rate for a person, as `812 images/s`; empty for what has no unit."""
        if not self.unit:
            return ""
        return f"{self.rate() / 1e6:.1f} MB/s" if self.unit == BYTES else f"{self.rate():,.0f} {self.unit}/s"

    def time_left(self) -> str:
        """How long it still takes, as `0:01:09 left`; empty where that is unknown."""
        if self.total is None or not self.unit or not self.rate():
            return ""
        return f"{timedelta(seconds=(self.total - self.done) // self.rate())} left"

    def log_end(self) -> None:
        log.info("%s in %.1f s", self, time.monotonic() - self.began)


_bars: list[tuple[TextIO, "Console"]] = []
"""The streams on which a bar is drawn now, each with rich's console; the innermost bar is last."""


def write_line(stream: TextIO, line: str) -> None:
    """Write a line to a terminal or a file; above the bar, where one is drawn on it now.

    Args:
        stream: for example standard error.
        line: without its end; it is not wrapped.
    """
    for drawn_on, console in reversed(_bars):
        if drawn_on is stream:
            console.out(line, highlight=False)
            return
    stream.write(f"{line}\n")
    stream.flush()


@contextmanager
def bar(
    description: str, total: int | None, unit: str = "", stream: TextIO | None = None, *, done: int = 0
) -> Iterator[Advance]:
    """Show progress while the block runs, and at its end one line about what was done.

    Args:
        description: what is being done, for example `mnist/train-images`.
        total: how much there is to do; None when it is unknown.
        unit: what is counted, for example `images`; `B` shows bytes as MB.
        stream: where to show it; standard error when it is None.
        done: how much was done before, when work that was interrupted goes on.

    Yields:
        `advance(n=1)`, to be called after each step.
    """
    stream = stream or sys.stderr
    work = _Work(description, total, unit, done)
    with _drawn(work, stream) if stream.isatty() else _logged(work) as advance:
        yield advance
    work.log_end()


@contextmanager
def _drawn(work: _Work, stream: TextIO) -> Iterator[Advance]:
    # Here, not above: a stage whose output goes to a log need not wait for rich.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    count = (DownloadColumn(),) if work.unit == BYTES else (MofNCompleteColumn(), TextColumn(work.unit))
    speed, note = (TextColumn(f"{{task.fields[{name}]}}", markup=False) for name in ("speed", "note"))
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), *count, speed, TimeRemainingColumn(), note)
    console = Console(file=stream)
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(work.description, total=work.total, completed=work.done, speed="", note="")

        def advance(n: int = 1, note: str = "") -> None:
            work.step(n, note)
            shown.update(task, advance=n, speed=work.speed(), note=note)

        _bars.append((stream, console))
        try:
            yield advance
        finally:
            _bars.remove((stream, console))


@contextmanager
def _logged(work: _Work) -> Iterator[Advance]:
    last_line = time.monotonic()

    def advance(n: int = 1, note: str = "") -> None:
        nonlocal last_line
        work.step(n, note)
        now = time.monotonic()
        if now - last_line >= SECONDS_BETWEEN_LINES:
            last_line = now
            log.info("%s", ", ".join(filter(None, [str(work), work.speed(), work.time_left()])))

    yield advance


def _amount(done: int, total: int | None, unit: str) -> str:
    if unit == BYTES:
        of = "" if total is None else f" of {total / 1e6:.1f}"
        return f"{done / 1e6:.1f}{of} MB"
    of = "" if total is None else f" of {total:,}"
    return f"{done:,}{of} {unit}".rstrip()
