"""preprocess in several processes that are killed or interrupted: said in a line or two, and nothing is left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
from PIL import Image

from tests import odd_pictures
from tests.conftest import ROOT, environment

PATIENCE_S = 120.0
IMAGES = 160


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """A project with 160 large JPEGs in data/raw, a second of work for several cores."""
    project = tmp_path_factory.mktemp("project")
    noise = Image.effect_noise((1500, 1200), 120).convert("RGB")
    first = project / "own" / "a" / "0.jpg"
    for label in "ab":
        (project / "own" / label).mkdir(parents=True)
    first.write_bytes(odd_pictures.encoded(noise, "JPEG", quality=95))
    for number in range(1, IMAGES):
        os.link(first, project / "own" / "ab"[number % 2] / f"{number}.jpg")
    shutil.copy(ROOT / "dvc.yaml", project)
    text = (ROOT / "params.yaml").read_text()
    text = text.replace("dataset: digits ", "dataset: own ").replace("  path:\n", "  path: own\n")
    (project / "params.yaml").write_text(text.replace("  image_size:\n", "  image_size: [300, 300]\n"))
    done = subprocess.run(stage("fetch"), cwd=project, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return project


def stage(name: str) -> list[str]:
    return [sys.executable, "-P", "-m", "glyphline", name]


@pytest.fixture
def running(fetched):
    """preprocess at work, and its first decoding process; what an earlier test made is gone."""
    for place in ("data/processed", "artifacts/preprocess"):
        shutil.rmtree(fetched / place, ignore_errors=True)
    process = subprocess.Popen(
        stage("preprocess"), cwd=fetched, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + PATIENCE_S
    workers: list[psutil.Process] = []
    while not workers and time.monotonic() < deadline:
        workers = [child for child in psutil.Process(process.pid).children() if is_worker(child)]
        time.sleep(0.01)
    yield process, workers[0]
    process.kill()
    process.communicate()


def is_worker(child: psutil.Process) -> bool:
    return "spawn_main" in " ".join(child.cmdline())


def left(project) -> list[str]:
    """What a stage that failed has left: files of data/processed and of the scratch folder, but for its lock."""
    places = [project / "data" / "processed", project / "artifacts" / "preprocess", project / "mlruns" / "scratch"]
    return [str(path) for place in places for path in place.rglob("*") if path.name != "lock"]


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core: there are no decoding processes")
def test_a_killed_process_is_told_in_two_lines(fetched, running):
    process, worker = running
    worker.kill()
    _, said = process.communicate(timeout=PATIENCE_S)
    error, fix = said.rstrip().split("\n")[-2:]
    assert process.returncode == 3
    assert error.startswith("error: a process that decodes images was lost at a/")
    assert "free memory" in fix
    assert "Traceback" not in said
    assert left(fetched) == []


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core: there are no decoding processes")
def test_ctrl_c_stops_all_processes_and_one_line_says_so(fetched, running):
    process, worker = running
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert said.rstrip().endswith("interrupted; the same command goes on from here")
    assert "Traceback" not in said
    worker.wait(PATIENCE_S)
    assert left(fetched) == []


def test_after_all_that_it_ends_well(fetched):
    done = subprocess.run(
        stage("preprocess"), cwd=fetched, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "own: train " in done.stderr
    assert (fetched / "artifacts" / "preprocess" / "fit.png").is_file()
