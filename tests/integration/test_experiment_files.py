"""What a queued experiment has of the project's files, by the real DVC: what git knows."""

import subprocess

import pytest

from glyphline.errors import TrainingError
from glyphline.training.networks import custom
from tests.conftest import environment

PIPELINE = "stages:\n  train:\n    cmd: ls src/models > found.txt\n    deps: [src/models]\n    outs: [found.txt]\n"


@pytest.fixture
def run(tmp_path):
    """Runs a command in a new project with an own network that git does not know."""

    def run(*command: str) -> str:
        environ = environment(DVC_NO_ANALYTICS="1")
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, env=environ).stdout

    run("git", "init", "-q", "-b", "main")
    run("git", "config", "user.name", "Tester")
    run("git", "config", "user.email", "tester@example.invalid")
    run("dvc", "init", "-q")
    models = tmp_path / "src" / "models"
    models.mkdir(parents=True)
    (models / "__init__.py").touch()
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    run("git", "add", ".")
    run("git", "commit", "-q", "-m", "Begin")
    (models / "mine.py").write_text("build = None\n")
    return run


def test_a_new_network_is_in_an_experiment_that_is_queued_after_what_is_advised(run, tmp_path):
    def queued() -> str:
        run("dvc", "exp", "run", "-q", "--queue")
        return run("git", "ls-tree", "-r", "--name-only", "refs/exps/celery/stash", "src/models")

    assert "mine.py" not in queued()
    with pytest.raises(TrainingError, match=r"there is no module models\.yours") as caught:
        custom.source_files("models.yours:build", tmp_path)
    assert "`git add src/models`" in caught.value.fix
    run("git", "add", "src/models")
    assert "mine.py" in queued()
