"""Promote, roll back, rebuild and clean up in a real project, with the real command line."""

import json
import shutil

import pytest

from glyphline.records.seal import unsealed
from tests.project import copied, store

NAME = "glyphline-digits"


@pytest.fixture(scope="module")
def project(small_run, tmp_path_factory):
    """Version 1 from a dirty tree, version 2 from a clean commit, both on the same splits."""
    made = copied(small_run, tmp_path_factory.mktemp("registered") / "project")
    # Not a value that is searched: where the search finds a better one, the fit would be the same.
    made.set_params({"train.weight_decay": "0.01"})
    made.commit("Decay the weights")
    made.run("dvc", "repro")
    return made


def aliases(project) -> dict[str, int]:
    return {alias: int(number) for alias, number in store(project).get_registered_model(NAME).aliases.items()}


def decision(project) -> dict:
    return json.loads((project.folder / "artifacts/register/decision.json").read_text())


def predicted(project, version: int, target: str) -> bytes:
    project.glyphline("rescore", f"models:/{NAME}/{version}", target)
    return (project.folder / target).read_bytes()


def test_the_history_tells_of_both_and_promotion_and_rollback_go_through_the_command_line(project):
    second = decision(project)
    assert second["version"] == 2
    assert (second["comparison"], second["level"]) == (1, 0.05)
    if not second["promoted"]:
        refused = project.attempt("python", "-m", "glyphline", "promote", "2")
        assert refused.code == 7
        assert "version 2 is not promoted: not " in refused.err
        assert "better than champion version 1: " in refused.err
        project.glyphline("promote", "2", "--force", "--reason", "a try")
    assert aliases(project)["champion"] == 2
    assert "champion is version 1, before it version 2" in project.glyphline("rollback", "--reason", "enough").out
    assert aliases(project) == {"champion": 1, "challenger": 2}
    lines = [json.loads(line) for line in project.glyphline("history", "--json").out.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1]["kind"] == "rolled_back"
    assert "champion went back to version 1: enough" in project.glyphline("history").out
    table = project.glyphline("models").out
    assert "champion" in table
    assert "passed" in table


def test_a_version_from_a_dirty_tree_is_rebuilt_identically(project):
    said = project.glyphline("reproduce", f"models:/{NAME}/1").out
    assert said.splitlines()[0] == "identical", said


def test_a_version_from_a_clean_commit_is_rebuilt_identically_also_without_the_cache(project):
    cache = project.folder / ".dvc" / "cache"
    shutil.move(cache, cache.with_name("away"))
    try:
        said = project.glyphline("reproduce", f"{NAME}@challenger").out
    finally:
        shutil.move(cache.with_name("away"), cache)
    assert said.splitlines()[0] == "identical", said
    assert project.run("git", "worktree", "list").out.count("\n") == 1


def test_a_commit_that_is_gone_is_named(project, tmp_path):
    client = store(project)
    run_id = client.get_model_version(NAME, "2").run_id
    told = (tmp_path / client.download_artifacts(run_id, "lineage.json", str(tmp_path))).read_text()
    facts = unsealed(told)
    facts["git"]["commit"] = "0" * 40
    client.log_text(run_id, json.dumps(facts), "lineage.json")
    try:
        ended = project.attempt("python", "-m", "glyphline", "reproduce", f"models:/{NAME}/2")
    finally:
        client.log_text(run_id, told, "lineage.json")
    assert ended.code == 7
    assert f"commit {'0' * 40} is not in this repository" in ended.err


def test_cleaning_leaves_every_registered_version_as_it_was(project):
    before = {number: predicted(project, number, f"before-{number}.npz") for number in (1, 2)}
    client = store(project)
    trials = client.get_experiment_by_name("digits/tuning").experiment_id
    studies = len(client.search_runs([trials]))
    assert studies > 2
    said = project.glyphline("gc", "--keep", "0", "--dry-run").out
    assert "would be removed" in said
    assert len(client.search_runs([trials])) == studies
    said = project.glyphline("gc", "--keep", "0").out
    assert f"{studies} runs" in said
    assert "2 old runs stay" in said
    assert client.search_runs([trials]) == []
    database = f"sqlite:///{project.folder}/mlflow.db"
    project.run("mlflow", "gc", "--backend-store-uri", database, "--tracking-uri", database)
    after = {number: predicted(project, number, f"after-{number}.npz") for number in (1, 2)}
    assert after == before
    assert json.loads(project.glyphline("history", "--json").out.splitlines()[0])["kind"] == "judged"


def test_a_champion_whose_predictions_are_gone_is_scored_again_by_register(project):
    client = store(project)
    run = client.get_run(client.get_model_version_by_alias(NAME, "champion").run_id)
    kept = project.folder / run.info.artifact_uri.removeprefix("file://") / "predictions.npz"
    shutil.move(kept, kept.with_suffix(".away"))
    try:
        project.run("dvc", "repro", "--force", "--single-item", "register")
    finally:
        shutil.move(kept.with_suffix(".away"), kept)
    assert "in 360 images" in " ".join(decision(project)["reasons"]) or decision(project)["p_value"] is not None


def test_a_version_that_was_evaluated_again_with_other_settings_is_rebuilt_identically(project):
    trained = (project.folder / "artifacts/train/journal.jsonl").read_bytes()
    project.set_params({"evaluate.corruption_images": "0", "evaluate.calibration_bins": "7"})
    project.run("dvc", "repro")
    assert (project.folder / "artifacts/train/journal.jsonl").read_bytes() == trained
    said = project.glyphline("reproduce", f"models:/{NAME}/2").out
    assert said.splitlines()[0] == "identical", said
