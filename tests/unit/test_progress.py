"""Progress: plain lines in a log, a bar on a terminal, nothing else anywhere."""

import io
import logging
import re
import time

import pytest

from glyphline import progress
from glyphline.errors import DataError
from tests import screen


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("total", "unit", "line"),
    [(7, "images", "work: 7 of 7 images in"), (None, "", "work: 7 in"), (7, "B", "work: 0.0 of 0.0 MB in")],
)
def test_a_log_gets_one_line_at_the_end_of_quick_work(total, unit, line, caplog):
    with caplog.at_level(logging.INFO), progress.bar("work", total, unit, stream=io.StringIO()) as advance:
        advance()
        advance(6)
    assert [record.getMessage().startswith(line) for record in caplog.records] == [True]


def test_work_that_fails_is_not_reported_as_done(caplog):
    def work():
        with progress.bar("work", 2, stream=io.StringIO()) as advance:
            advance()
            raise DataError("no more", fix="stop")

    with caplog.at_level(logging.INFO), pytest.raises(DataError):
        work()
    assert not caplog.records


@pytest.mark.parametrize(("total", "unit", "end"), [(3, "images", "3 of 3 images"), (None, "B", "0.0 MB")])
def test_a_terminal_gets_a_bar_and_one_line_at_its_end(total, unit, end, caplog):
    terminal = Terminal()
    with caplog.at_level(logging.INFO), progress.bar("packing cats", total, unit, stream=terminal) as advance:
        advance(3, note="two are grey")
        assert not caplog.records
    assert "packing cats" in terminal.getvalue()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"packing cats: {end}, two are grey in ")


def test_work_that_goes_on_begins_where_it_stopped(caplog):
    terminal = Terminal()
    with progress.bar("trials", 8, stream=terminal, done=5):
        pass
    assert "5/8" in terminal.getvalue()
    assert "0/8" not in terminal.getvalue()
    caplog.clear()
    with caplog.at_level(logging.INFO), progress.bar("trials", 8, stream=io.StringIO(), done=5) as advance:
        advance()
    assert [record.getMessage()[:18] for record in caplog.records] == ["trials: 6 of 8 in "]


@pytest.mark.parametrize(
    ("total", "unit", "done", "speed", "left"),
    [
        (300, "images", 0, "10 images/s", "0:00:20 left"),
        # What was done before this work began says nothing about its speed.
        (400, "images", 100, "10 images/s", "0:00:20 left"),
        (None, "images", 0, "10 images/s", ""),
        (300_000_000, "B", 0, "10.0 MB/s", "0:00:20 left"),
        (300, "", 0, "", ""),
    ],
)
def test_speed_and_time_left_follow_from_what_was_done_in_this_work(total, unit, done, speed, left):
    work = progress._Work("work", total, unit, done, began=time.monotonic() - 10)
    work.step(100_000_000 if unit == "B" else 100, "")
    assert (work.speed(), work.time_left()) == (speed, left)


def test_work_that_has_done_nothing_promises_no_time():
    assert progress._Work("work", 7, "images", 0).time_left() == ""


def test_a_terminal_shows_the_speed():
    terminal = Terminal()
    with progress.bar("decoding", 3, "images", stream=terminal) as advance:
        advance(3)
    assert re.search(r"[\d,]+ images/s", terminal.getvalue())


LOGGING_BAR = """
import logging, sys
from glyphline import progress
from glyphline.cli import terminal
terminal.log_to_stderr()
log = logging.getLogger("glyphline")
with progress.bar("trials", 3) as advance:
    for number in range(3):
        log.info("message %d about https://example.org/{}/end", number)
        advance(note="best 0.1234")
"""


@pytest.mark.parametrize("length", [5, 90])
def test_a_line_of_the_log_stands_above_the_bar_whole(length):
    rows = screen.run(LOGGING_BAR.format("x" * length), width=70)
    text = "\n".join(rows)
    for number in range(3):
        message = f"message {number} about https://example.org/{'x' * length}/end"
        # A line that is longer than the terminal goes on in the next row, as the terminal does it.
        (row,) = [row for row in rows if f"message {number}" in row]
        assert re.match(r"\d\d:\d\d:\d\d message", row)
        assert message in text.replace("\n", "") if length > 70 else row.endswith(message)
    assert "━" not in text
    assert re.search(r"trials: 3 of 3, best 0.1234 in \d", text)
