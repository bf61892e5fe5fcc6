"""How many processes can compute at once: the cores that the process may run on, or the share of a container."""

import os
import subprocess
import sys

import pytest

from glyphline import cores
from tests.conftest import environment


def limited(folder, **content):
    for name, text in content.items():
        path = folder / name.replace("__", "/").replace("cpu_max", "cpu.max").replace("cpu_cfs", "cpu.cfs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "share"),
    [
        ({"cpu_max": "100000 100000\n"}, 1),
        ({"cpu_max": "50000 100000\n"}, 1),
        ({"cpu_max": "6400000 100000\n"}, cores.visible()),
        ({"cpu_max": "max 100000\n"}, cores.visible()),
        ({"cpu_max": "nonsense"}, cores.visible()),
        ({"cpu__cpu_cfs_quota_us": "100000\n", "cpu__cpu_cfs_period_us": "100000\n"}, 1),
        ({"cpu__cpu_cfs_quota_us": "-1\n", "cpu__cpu_cfs_period_us": "100000\n"}, cores.visible()),
        ({}, cores.visible()),
    ],
)
def test_a_share_of_the_processor_is_the_limit_where_it_is_lower(files, share, tmp_path):
    assert cores.usable(limited(tmp_path, **files)) == share


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_a_process_bound_to_one_core_sees_one():
    program = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\nfrom glyphline import cores\n"
    program += "print(cores.visible(), cores.usable())"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1"]
