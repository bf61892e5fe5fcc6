"""How a search handles signals."""

import os
import signal

import pytest

from glyphline.tuning.interrupt import TERMINATED, handled_signals


def test_a_sigterm_ends_the_block_and_leaves_the_handlers_as_they_were():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, handled_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.code == TERMINATED
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_sigterm_that_python_drops_is_noticed_when_the_search_asks_next():
    class Dying:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)

    def work():
        with handled_signals() as interrupt:
            dying = Dying()
            del dying
            steps.append("dropped")
            interrupt()
            steps.append("not noticed")

    steps = []
    with pytest.raises(SystemExit):
        work()
    assert steps == ["dropped"]


def test_one_ctrl_c_lets_the_block_end_and_two_do_not():
    def work():
        with handled_signals() as interrupt:
            os.kill(os.getpid(), signal.SIGINT)
            steps.append(interrupt())
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("after the second")

    steps = []
    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == [True]


@pytest.mark.parametrize(
    ("signals", "error"),
    [([signal.SIGTERM], SystemExit), ([signal.SIGINT, signal.SIGINT], KeyboardInterrupt)],
)
def test_a_deferring_block_is_whole_before_a_signal_interrupts(signals, error):
    def work():
        with handled_signals() as interrupt, interrupt.deferred():
            with interrupt.deferred():
                for number in signals:
                    os.kill(os.getpid(), number)
            steps.append("whole")
        steps.append("after")

    steps = []
    with pytest.raises(error):
        work()
    assert steps == ["whole"]
