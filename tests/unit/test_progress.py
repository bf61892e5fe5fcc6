"""Progress: plain lines in a log, a bar on a terminal, nothing else anywhere."""

import io
import logging

import pytest

from glyphline import progress
from glyphline.errors import DataError


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


@pytest.mark.parametrize(("total", "unit"), [(3, "images"), (None, "B")])
def test_a_terminal_gets_a_bar_and_no_log_line(total, unit, caplog):
    screen = Terminal()
    with caplog.at_level(logging.INFO), progress.bar("packing cats", total, unit, stream=screen) as advance:
        advance(3)
    assert "packing cats" in screen.getvalue()
    assert not caplog.records
