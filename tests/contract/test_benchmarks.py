"""Every benchmark that `make bench` names is there, and has a quick mode."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT, environment

NAMES = re.search(r"^BENCHMARKS := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1].split()


@pytest.mark.parametrize("name", NAMES)
def test_it_explains_itself_and_has_a_quick_mode(name):
    said = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / f"{name}.py", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    ).stdout
    assert "--quick" in said
