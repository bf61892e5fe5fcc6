"""Every benchmark that `make bench` names is there, and has a quick mode."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT, environment

NAMES = re.search(r"^BENCHMARKS := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1].split()


# As programs, each with its own `sys.argv`, but in one process: what they import takes a second.
HELP = """
import runpy, sys
folder, *names = sys.argv[1:]
sys.path.insert(0, folder)
for name in names:
    sys.argv = [f"{folder}/{name}.py", "--help"]
    print(f"\\f{name}")
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
"""


@pytest.fixture(scope="module")
def helps():
    """Name of a benchmark -> what it says to `--help`."""
    command = [sys.executable, "-c", HELP, ROOT / "benchmarks", *NAMES]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment()).stdout
    return dict(part.split("\n", 1) for part in out.split("\f")[1:])


@pytest.mark.parametrize("name", NAMES)
def test_it_explains_itself_and_has_a_quick_mode(helps, name):
    assert "--quick" in helps[name]
