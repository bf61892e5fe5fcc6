"""Tables: whole in a pipe, and no number broken in a terminal of any width."""

import io
import re
import subprocess
import sys

import pytest
from rich.console import Console

from glyphline.terminal_table import Column, show_facts, show_rows
from tests.conftest import environment

COLUMNS = [
    Column("trial", right=True),
    Column("val_loss", right=True),
    Column("interval"),
    Column("seconds", right=True, optional=True),
    Column("worker", words=True, optional=True),
    Column("verdict", words=True),
]
ROWS = [
    ("0", "0.65932", "0.9944 (0.9799 to 0.9985)", "12.3", "host-0123456789 4711", "passed"),
    ("11", "1.20001", "0.9900 (0.9701 to 0.9955)", "101.3", "host-0123456789 4712", "refused: not better than before"),
]
NUMBERS = {"0.65932", "1.20001", "0.9944", "0.9985", "0.9955"}


def shown(width, rows=ROWS):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, highlight=False)
    show_rows(console, COLUMNS, rows, title="trials")
    return console.file.getvalue()


@pytest.mark.parametrize("width", range(36, 140, 4))
def test_no_number_is_broken_in_a_terminal_of_any_width(width):
    text = shown(width)
    assert max(map(len, text.splitlines())) <= width
    assert set(re.findall(r"\d\.\d{4,}", text)) >= NUMBERS


def test_the_columns_that_matter_least_are_left_out_first_and_that_is_said():
    assert "worker" in shown(140).splitlines()[1]
    heading = shown(76).splitlines()[1].split()
    assert heading == ["trial", "val_loss", "interval", "seconds", "verdict"]
    assert shown(76).splitlines()[-1] == "a wider terminal, or a pipe, also shows: worker"


def test_where_no_table_fits_each_row_is_a_block_with_all_that_it_has():
    lines = [line.split() for line in shown(40).splitlines()]
    assert ["trial", "0"] in lines
    assert ["val_loss", "0.65932"] in lines
    assert ["worker", "host-0123456789", "4711"] in lines


def test_a_table_without_rows_has_its_headings():
    assert shown(100, rows=[]).split() == ["trials", *(column.heading for column in COLUMNS)]


PROGRAM = """
from glyphline.terminal_table import Column, console, show_facts, show_rows
show_rows(console(), [Column("name"), Column("number"), Column("words", words=True)], [["a", "0.123456"] + [90 * "x "]])
show_facts(console(), {"label": 90 * "y "})
"""


@pytest.mark.parametrize("columns", ["80", "20"])
def test_nothing_is_wrapped_in_a_pipe_whatever_columns_says(columns):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment(COLUMNS=columns), capture_output=True, check=True, text=True
    )
    heading, row, fact = done.stdout.splitlines()
    assert heading.split() == ["name", "number", "words"]
    assert row.split() == ["a", "0.123456", *90 * ["x"]]
    assert fact.split() == ["label", *90 * ["y"]]


def test_facts_are_wrapped_between_words():
    console = Console(file=io.StringIO(), width=40, force_terminal=True, color_system=None)
    show_facts(console, {"accuracy": "0.9944 (95 % interval 0.9799 to 0.9985, n 359)"})
    assert {"0.9944", "0.9799", "0.9985,"} <= set(console.file.getvalue().split())


def test_no_line_in_a_pipe_ends_in_blanks():
    console = Console(file=io.StringIO(), width=10_000, highlight=False)
    show_rows(console, COLUMNS, ROWS, title="trials", styles={1: "dim"})
    show_facts(console, {"test": "accuracy 0.99", "seconds": "train 1.5, evaluate 20.25", "note": ""})
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 7
    assert [line for line in lines if line != line.rstrip()] == []
