"""Ctrl-C once: start no more trials, and end well. Twice, or SIGTERM: stop at once."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)

TERMINATED = 128 + signal.SIGTERM


class Interrupt:
    """Whether the search is asked to stop.

    Attributes:
        is_requested: true from the first Ctrl-C on.
    """

    def __init__(self) -> None:
        self.is_requested = False
        self._is_terminated = False
        self._deferrals = 0
        self._pending: BaseException | None = None

    def __call__(self) -> bool:
        """True when no new trial should be started.

        Raises:
            SystemExit: there was a SIGTERM, and Python dropped what its handler raised, as it does within the callback
                of a weak reference or a `__del__`.
        """
        if self._is_terminated:
            raise SystemExit(TERMINATED)
        return self.is_requested

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Raise what a signal raises only at the end of the block.

        Raised in the middle of a database driver's or SQLAlchemy's code, it can leave a transaction open, and with it a
        lock on the file that keeps this very process from recording the state of its trials.
        """
        self._deferrals += 1
        try:
            yield
        finally:
            self._deferrals -= 1
            if not self._deferrals and self._pending is not None:
                pending, self._pending = self._pending, None
                raise pending

    def on_sigint(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a Ctrl-C.

        Raises:
            KeyboardInterrupt: it is the second.
        """
        if self.is_requested:
            self._raise(KeyboardInterrupt())
        else:
            self.is_requested = True
            log.warning("no new trial is started; the running trials end first (Ctrl-C again stops them at once)")

    def on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a SIGTERM.

        Raises:
            SystemExit: always.
        """
        self._is_terminated = True
        self._raise(SystemExit(TERMINATED))

    def _raise(self, error: BaseException) -> None:
        if not self._deferrals:
            raise error
        self._pending = error


@contextmanager
def handled_signals() -> Iterator[Interrupt]:
    """Handle Ctrl-C and SIGTERM while the block runs.

    Raises:
        KeyboardInterrupt: after a block that was asked to stop and ended well.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, interrupt.on_sigint),
        signal.SIGTERM: signal.signal(signal.SIGTERM, interrupt.on_sigterm),
    }
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupt():
        raise KeyboardInterrupt
