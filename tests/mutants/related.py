"""Which tests know a module: they run first, so that a killed mutant is soon done with."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tests.contract import reachable

TESTS = Path(__file__).resolve().parents[1]
# They look at imports, names, documents and benchmarks, which no mutation changes.
NOT_IN_GATE = {"test_layers.py", "test_named_files.py", "test_benchmarks.py"}
# Rooms whose modules are programs of their own: a test of one says nothing of the next.
APART = {"commands", "stages"}


def gate() -> list[Path]:
    """All unit and contract tests, as paths relative to the project."""
    return [test.relative_to(TESTS.parent) for test in _gate()]


def quick_tests(module: str) -> list[Path]:
    """The unit and contract tests that can reach the module: first those that name it, then its room."""
    return [test for _, test in _ranked((test for test in _gate() if module in _reached_by(test)), module)]


def related_tests(module: str) -> list[Path]:
    """The integration tests that name the module or its room."""
    return [test for rank, test in _ranked((TESTS / "integration").glob("test_*.py"), module) if rank < 2]


def _ranked(tests: Iterable[Path], module: str) -> list[tuple[int, Path]]:
    """Test files, relative to the project, in the order to run them; 0: names the module, 1: its room, 2: neither."""
    parts = module.split(".")
    room = ".".join(parts[:3] if parts[1:2] and parts[1] in APART else parts[:2])

    def rank(test: Path) -> int:
        names = [f"{name}." for name in _named_by(test)]
        return 0 if f"{module}." in names else 1 if any(name.startswith(f"{room}.") for name in names) else 2

    # Contract tests start processes; they come after the unit tests of the same rank.
    ordered = sorted(tests, key=lambda test: (rank(test), test.parent.name == "contract", test))
    return [(rank(test), test.relative_to(TESTS.parent)) for test in ordered]


def _gate() -> list[Path]:
    tests = (test for folder in ("unit", "contract") for test in sorted((TESTS / folder).glob("test_*.py")))
    return [test for test in tests if test.name not in NOT_IN_GATE]


@cache
def _reached_by(test: Path) -> frozenset[str]:
    """All modules that what a test file and its fixtures name can load; the contract tests read every module."""
    if test.parent.name == "contract":
        return frozenset(reachable.modules())
    reached: set[str] = set()
    waiting = [*_named_by(test), *_names_in(TESTS / "conftest.py")]
    while waiting:
        name = waiting.pop()
        # The package itself loads nothing before somebody calls `glyphline.load`, and a test that does names it.
        if name in reached or name == reachable.PACKAGE or not name.startswith(f"{reachable.PACKAGE}."):
            continue
        reached.add(name)
        waiting.append(name.rpartition(".")[0])
        if reachable.file_of(name):
            waiting += reachable.imported(name)
    return frozenset(reached)


@cache
def _named_by(test: Path) -> frozenset[str]:
    """Modules that a test file names: in imports, in programs and commands that it starts, or through its helpers."""
    names: set[str] = set()
    waiting, read = [test], set()
    while waiting:
        path = waiting.pop()
        # What every test takes from conftest says nothing about what it tests.
        if path in read or path.name == "conftest.py" or not path.is_file():
            continue
        read.add(path)
        names |= _names_in(path)
        for helpers in re.findall(r"from tests(?: import ([\w, ]+)|\.(\w+) import)", path.read_text(encoding="utf-8")):
            waiting += [TESTS / f"{helper}.py" for helper in re.findall(r"\w+", " ".join(helpers))]
    return frozenset(names)


@cache
def _names_in(path: Path) -> frozenset[str]:
    text = path.read_text(encoding="utf-8")
    names = set(re.findall(r"\bglyphline(?:\.\w+)+", text))
    for package, imported in re.findall(r"from (glyphline[\w.]*) import (\([^)]*\)|[\w, ]+)", text):
        names |= {f"{package}.{name}" for name in re.findall(r"\w+", imported)}
    for command in re.findall(r"\brun\(\[\"(\w+)\"", text):
        names |= {f"glyphline.{room}.{command}" for room in APART}
    return frozenset(names)
