"""Commands about a registered model that is not the one of the project's data set."""

import re
import shutil
from dataclasses import replace

import pytest

from glyphline.cli import program, terminal
from glyphline.errors import RegistryError
from glyphline.registry import RegistryLocation, register_run, verified_model
from tests.conftest import ROOT
from tests.registered import Runs

OTHER = "glyphline-shapes"


@pytest.fixture
def glyphline(project, default_params, migrated_store, monkeypatch, capsys):
    """`glyphline("models")` in a project whose store holds two versions of another data set's model, and no other."""
    from mlflow.tracking import MlflowClient

    shutil.copy(ROOT / "params.yaml", project.params)
    monkeypatch.chdir(project.work)
    to = RegistryLocation.of(default_params, project)
    shutil.copy(migrated_store, to.uri.removeprefix("sqlite:///"))
    runs = Runs(MlflowClient(to.uri, to.uri), project.work / "runs")
    for correct in (960, 960):
        register_run(runs.make(correct), replace(to, name=OTHER), default_params.registry)

    def run(*arguments: str) -> tuple[int, str]:
        code = terminal.exit_code(lambda: program.main(list(arguments), standalone_mode=False))
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.mark.parametrize("command", ["models", "history"])
def test_a_model_without_versions_names_the_others_and_the_advice_shows_one(glyphline, command):
    code, said = glyphline(command)
    assert code == RegistryError.exit_code
    assert "glyphline-digits has no version that Glyphline registered" in said
    assert "`glyphline sync` brings back those of the workspace and of past commits" in said
    advised = re.search(r"`glyphline models (.+)`", said)[1]
    code, said = glyphline(command, advised)
    assert (code, "960" in said or "version 1" in said) == (0, True), said


def test_a_version_of_another_model_is_the_one_that_is_promoted_and_rolled_back(glyphline):
    code, said = glyphline("promote", f"models:/{OTHER}/2", "--force", "--reason", "a try")
    assert (code, f"{OTHER}: champion is version 2, before it version 1" in said) == (0, True), said
    code, said = glyphline("promote", f"models:/{OTHER}/7")
    assert f"{OTHER} has no version 7" in said
    code, said = glyphline("rollback", "--to", f"models:/{OTHER}/1")
    assert (code, f"{OTHER}: champion is version 1" in said) == (0, True), said


def test_the_gate_answers_about_the_model_that_was_named(glyphline):
    code, said = glyphline("promote", f"{OTHER}@challenger")
    assert code == RegistryError.exit_code
    assert "version 2 is not promoted: not shown to be better than champion version 1" in said
    advised = re.search(r"`glyphline (promote .+)`", said)[1]
    code, said = glyphline(*advised.replace("'...'", "agreed").split())
    assert (code, f"{OTHER}: champion is version 2" in said) == (0, True), said


def test_a_verified_version_is_of_the_model_that_was_named(glyphline, project, default_params):
    to = RegistryLocation.of(default_params, project)
    with verified_model.verified_model(to, f"models:/{OTHER}/2") as verified:
        assert verified.judged.version == 2
    with (
        pytest.raises(RegistryError, match=f"{OTHER} has no version 9") as caught,
        verified_model.verified_model(to, f"models:/{OTHER}/9"),
    ):
        pass
    assert f"`glyphline models {OTHER}`" in caught.value.fix
    assert glyphline("models", OTHER)[0] == 0
