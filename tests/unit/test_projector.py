"""The projector's manners towards the work beside it."""

import os
import subprocess
import sys

import pytest

from tests.conftest import environment

GIVES_WAY = """
import os
from glyphline.mlflow_sync import projector
projector._lower_priority()
print(os.nice(0), os.sched_getscheduler(0) == os.SCHED_IDLE)
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="only Linux has a class for work that can wait")
def test_the_projector_runs_only_when_nothing_else_wants_to():
    done = subprocess.run(
        [sys.executable, "-c", GIVES_WAY], env=environment(), capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["19", "True"]
