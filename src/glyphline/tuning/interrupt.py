"""Ctrl-C once: begin nothing more, and end well. Twice, or SIGTERM: stop at once."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)

TERMINATED = 128 + signal.SIGTERM


class Interrupt:
    """Whether somebody wants the search to end.

    Attributes:
        is_wanted: true from the first Ctrl-C on.
    """

    def __init__(self) -> None:
        self.is_wanted = False

    def __call__(self) -> bool:
        """True when no new trial should be begun."""
        return self.is_wanted

    def heard(self, _number: int, _frame: FrameType | None) -> None:
        """Take a Ctrl-C in.

        Raises:
            KeyboardInterrupt: it is the second.
        """
        if self.is_wanted:
            raise KeyboardInterrupt
        self.is_wanted = True
        log.warning("no new trial is begun; the running ones end first (Ctrl-C again stops them at once)")


@contextmanager
def listening() -> Iterator[Interrupt]:
    """Hear Ctrl-C and SIGTERM while the block runs.

    Raises:
        KeyboardInterrupt: after a block that was asked to end and ended well.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, interrupt.heard),
        signal.SIGTERM: signal.signal(signal.SIGTERM, _terminated),
    }
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupt.is_wanted:
        raise KeyboardInterrupt


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)
