"""The progress of long work: a bar on a terminal, a line every few seconds in a log."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 5.0
BYTES = "B"

Advance = Callable[..., None]
"""Called with the amount done since the last call; 1 when it is called with nothing. On a terminal, `note` is shown."""


@contextmanager
def bar(description: str, total: int | None, unit: str = "", stream: TextIO | None = None) -> Iterator[Advance]:
    """Show progress while the block runs.

    Args:
        description: what is being done, for example `mnist/train-images`.
        total: how much there is to do; None when it is unknown.
        unit: what is counted, for example `images`; `B` shows bytes as MB.
        stream: where to show it; standard error when it is None.

    Yields:
        `advance(n=1)`, to be called after each step.
    """
    stream = stream or sys.stderr
    with _drawn(description, total, unit, stream) if stream.isatty() else _logged(description, total, unit) as advance:
        yield advance


@contextmanager
def _drawn(description: str, total: int | None, unit: str, stream: TextIO) -> Iterator[Advance]:
    # Here, not above: a stage whose output goes to a log need not wait for rich.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    count = (DownloadColumn(),) if unit == BYTES else (MofNCompleteColumn(), TextColumn(unit))
    note = TextColumn("{task.fields[note]}", markup=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), *count, TimeRemainingColumn(), note)
    with Progress(*columns, console=Console(file=stream), transient=True) as shown:
        task = shown.add_task(description, total=total, note="")

        def advance(n: int = 1, note: str = "") -> None:
            shown.update(task, advance=n, note=note)

        yield advance


@contextmanager
def _logged(description: str, total: int | None, unit: str) -> Iterator[Advance]:
    done = 0
    began = last_line = time.monotonic()

    def advance(n: int = 1, note: str = "") -> None:  # noqa: ARG001
        nonlocal done, last_line
        done += n
        now = time.monotonic()
        if now - last_line >= SECONDS_BETWEEN_LINES:
            last_line = now
            log.info("%s: %s", description, _amount(done, total, unit))

    yield advance
    log.info("%s: %s in %.1f s", description, _amount(done, total, unit), time.monotonic() - began)


def _amount(done: int, total: int | None, unit: str) -> str:
    if unit == BYTES:
        of = "" if total is None else f" of {total / 1e6:.1f}"
        return f"{done / 1e6:.1f}{of} MB"
    of = "" if total is None else f" of {total:,}"
    return f"{done:,}{of} {unit}".rstrip()
