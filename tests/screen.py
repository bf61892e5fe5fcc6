"""What stands on a terminal after a program has written to it."""

import os
import re
import subprocess
import sys

from tests.conftest import environment

_PIECE = re.compile(r"\x1b\[\??([0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


def run(program: str, width: int = 70) -> list[str]:
    """The rows that stand on a terminal of this width after a Python program has run on it."""
    ours, theirs = os.openpty()
    variables = {"TERM": "xterm-256color", "COLUMNS": str(width), "LINES": "24", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**variables)
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            # What Linux says when the last program on the terminal has ended.
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    assert process.wait() == 0, written.decode()
    return rows(written.decode(), width)


def rows(text: str, width: int) -> list[str]:
    """The rows after a text with the control sequences that rich writes: cursor up, erase line, return, line feed."""
    lines: list[list[str]] = [[]]
    row = column = 0
    for match in _PIECE.finditer(text):
        amount, command, control, words = match.groups()
        if control == "\r":
            column = 0
        elif control == "\n":
            row += 1
        elif command == "A":
            row -= int(amount or 1)
        elif command == "K":
            lines[row] = lines[row][:column] if amount in {"", "0"} else []
        for character in words or "":
            if column == width:
                row, column = row + 1, 0
            lines.extend([] for _ in range(row + 1 - len(lines)))
            lines[row] += " " * (column + 1 - len(lines[row]))
            lines[row][column] = character
            column += 1
        lines.extend([] for _ in range(row + 1 - len(lines)))
    return ["".join(line).rstrip() for line in lines]
