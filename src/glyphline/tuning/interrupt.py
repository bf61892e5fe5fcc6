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
        self._is_terminated = False
        self._holds = 0
        self._due: BaseException | None = None

    def __call__(self) -> bool:
        """True when no new trial should be begun.

        Raises:
            SystemExit: there was a SIGTERM, and Python dropped what its handler raised, as it does within the callback
                of a weak reference or a `__del__`.
        """
        if self._is_terminated:
            raise SystemExit(TERMINATED)
        return self.is_wanted

    @contextmanager
    def held(self) -> Iterator[None]:
        """What a signal raises waits for the end of the block.

        Raised in the middle of a database driver's or SQLAlchemy's code, it can leave a transaction open, and with it a
        lock on the file that keeps this very process from writing down how things stand.
        """
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            if not self._holds and self._due is not None:
                due, self._due = self._due, None
                raise due

    def heard(self, _number: int, _frame: FrameType | None) -> None:
        """Take a Ctrl-C in.

        Raises:
            KeyboardInterrupt: it is the second.
        """
        if self.is_wanted:
            self._raise(KeyboardInterrupt())
        else:
            self.is_wanted = True
            log.warning("no new trial is begun; the running ones end first (Ctrl-C again stops them at once)")

    def terminated(self, _number: int, _frame: FrameType | None) -> None:
        """Take a SIGTERM in.

        Raises:
            SystemExit: always.
        """
        self._is_terminated = True
        self._raise(SystemExit(TERMINATED))

    def _raise(self, error: BaseException) -> None:
        if not self._holds:
            raise error
        self._due = error


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
        signal.SIGTERM: signal.signal(signal.SIGTERM, interrupt.terminated),
    }
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupt():
        raise KeyboardInterrupt
