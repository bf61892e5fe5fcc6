"""Files in a project's folder that bear the names of libraries: no process of ours takes them for those."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from glyphline.commands.reproduce import worktree
from glyphline.training.networks import custom
from tests.conftest import ROOT

NAMES = ("random", "json", "logging", "tempfile", "numpy", "mlflow", "keras", "click", "multiprocessing")
SHADOW = "raise SystemExit('a file of the project was imported in place of a library')\n"


@pytest.fixture
def shadowed(tmp_path):
    """A folder with a file for each of the names."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(SHADOW)
    return tmp_path


def stage_environment():
    """Of a shell whose `python` is this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PATH": path}


def test_a_stage_runs_the_code_of_its_folder_and_the_libraries_of_the_environment(shadowed):
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, shadowed)
    (shadowed / "src").symlink_to(ROOT / "src")
    command = YAML(typ="safe", pure=True).load(shadowed / "dvc.yaml")["stages"]["fetch"]["cmd"]
    done = subprocess.run(
        ["sh", "-c", command], cwd=shadowed, env=stage_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (shadowed / "data" / "raw").is_dir()


def test_a_stage_that_is_run_again_in_a_worktree_takes_no_file_of_it_for_a_library(shadowed):
    package = shadowed / "src" / "glyphline"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import json, random\nfrom pathlib import Path\nPath('ran').touch()\n")
    assert worktree.run(shadowed, "train") is None
    assert (shadowed / "ran").exists()


PROGRAM = """
import multiprocessing, subprocess, sys
from glyphline import __main__, cli

def child():
    import random
    print("spawned", flush=True)

def run(arguments):
    process = multiprocessing.get_context("spawn").Process(target=child)
    process.start()
    process.join()
    subprocess.run([sys.executable, "-c", "import random; print('started', flush=True)"])
    return process.exitcode

if __name__ == "__main__":
    cli.run = run
    __main__.main()
"""


def test_what_a_command_starts_takes_no_file_of_the_folder_for_a_library(shadowed, tmp_path_factory):
    program = tmp_path_factory.mktemp("elsewhere") / "glyphline_command.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=shadowed,
        env=stage_environment() | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["spawned", "started"]), done.stderr


def test_a_persons_own_network_imports_the_libraries_and_is_found_beside_the_files(shadowed):
    (shadowed / "networks_here.py").write_text("import fractions, wave\ndef build(): return wave.__file__\n")
    (shadowed / "wave.py").write_text(SHADOW)
    sys.modules.pop("wave", None)
    assert custom._function("networks_here:build", shadowed)() != str(shadowed / "wave.py")
