"""Who may import whom, as pyproject.toml says it in [tool.importlinter]."""

import subprocess
import sys
from pathlib import Path


def test_the_layers_and_the_owners_of_heavy_libraries_hold(root, tmp_path):
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--cache-dir", tmp_path],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
