"""Who may import whom, as pyproject.toml says it in [tool.importlinter]."""

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

from tests.contract import reachable


def test_the_layers_and_the_owners_of_heavy_libraries_hold(root, tmp_path):
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--cache-dir", tmp_path],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_module_imports_itself_by_way_of_others():
    names = set(reachable.modules())
    # A package is passed over: it is imported by each of its modules, and imports some of them.
    graph = {name: {other for other in reachable.imported(name) & names if not is_above(other, name)} for name in names}
    # It raises CycleError, which names the modules.
    assert len([*TopologicalSorter(graph).static_order()]) == len(names)


def is_above(package: str, module: str) -> bool:
    return f"{module}.".startswith(f"{package}.")
