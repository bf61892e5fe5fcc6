"""The register stage on journals that real stages would have left, with a real store."""

import json
import logging
import shutil
from pathlib import Path

import pytest

from glyphline import files, records, registry
from glyphline.commands import restore_versions
from glyphline.errors import ArtifactError, RegistryError, TrackingError
from glyphline.journal import last_key, run_files
from glyphline.mlflow_sync import dvc_lock, flush
from glyphline.mlflow_sync.dvc_cache import DvcCache
from glyphline.records import Cost, Decision
from glyphline.registry import RegistryLocation, rescorer
from glyphline.registry.log_events import VersionJudged
from glyphline.registry.rescoring import check_rescored
from glyphline.stages import register
from tests import servers
from tests.conftest import changed, made_evaluation
from tests.integration.conftest import put_in_dvc, record_evaluation, record_model
from tests.registered import right_on, training, written_predictions


@pytest.fixture
def params(default_params, project):
    return changed(default_params, {"registry.name": "shapes", "registry.min_accuracy": 0.95})


@pytest.fixture
def evaluated(params, project, train_split):
    """A project whose model is trained and evaluated: 98 of 100."""
    for stage in ("train", "evaluate"):
        project.stage(stage).mkdir(parents=True, exist_ok=True)
    record_model(params, project, train_split)
    record_evaluation(params, project)
    write_results(project, "f" * 64)
    project.model_card.write_text("# The card\n")
    return project


def write_results(project, weights: str, correct: int = 980) -> None:
    """What train and evaluate found, for weights of this digest."""
    records.write(project.training, training(weights, files.sha256(project.model)))
    sha256 = written_predictions(project.predictions, right_on(correct), "a" * 64, weights)
    found = made_evaluation(correct, 1000, test_digest="a" * 64, weights_digest=weights, predictions_sha256=sha256)
    records.write(project.evaluation, found)
    records.write(project.cost, Cost(device="cpu", parameters=100, model_bytes=5000, latency=()))


@pytest.fixture
def client(project):
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{project.store}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def decided(paths) -> Decision:
    return records.read(paths.decision, Decision, stage="register")


def test_the_stage_sends_what_is_missing_registers_and_leaves_its_decision(params, evaluated, client):
    register.run(params, evaluated)
    decision = decided(evaluated)
    assert (decision.version, decision.aliases, decision.promoted) == (1, ("challenger", "champion"), True)
    version = client.get_model_version_by_alias("shapes", "champion")
    run = client.get_run(version.run_id)
    assert run.data.tags["glyphline.run_key"] == last_key(evaluated.journal("train"))
    assert run.data.metrics["test_accuracy"] == 0.9


def test_the_version_holds_the_model_that_was_trained(params, evaluated, client):
    register.run(params, evaluated)
    from mlflow.artifacts import download_artifacts

    source = client.get_model_version("shapes", "1").source
    folder = download_artifacts(artifact_uri=source, tracking_uri=f"sqlite:///{evaluated.store}")
    assert (Path(folder) / "data" / "model.keras").read_bytes() == evaluated.model.read_bytes()


def test_the_stage_again_makes_the_same_file(params, evaluated):
    register.run(params, evaluated)
    first = evaluated.decision.read_bytes()
    register.run(params, evaluated)
    assert evaluated.decision.read_bytes() == first


def test_a_refusal_is_a_result_and_no_error(params, evaluated):
    register.run(changed(params, {"registry.min_accuracy": 0.99}), evaluated)
    assert decided(evaluated).aliases == ("challenger",)


def test_after_a_lost_store_restore_registers_once_and_leaves_the_decision_alone(
    params, evaluated, client, migrated_store
):
    register.run(params, evaluated)
    before = evaluated.decision.read_bytes()
    shutil.rmtree(evaluated.mlruns / "artifacts")
    shutil.copy(migrated_store, evaluated.store)
    restored = restore_versions.restore(params, evaluated, decided(evaluated))
    assert restored == decided(evaluated)
    assert client.get_model_version_by_alias("shapes", "champion").version in {1, "1"}
    assert restore_versions.restore(params, evaluated, restored) is None
    assert evaluated.decision.read_bytes() == before


def test_a_pulled_clone_shows_its_versions_after_the_sync_that_is_advised(params, evaluated, migrated_store):
    register.run(params, evaluated)
    # What `dvc pull` brings into a clone is all but mlruns.
    shutil.rmtree(evaluated.mlruns / "artifacts")
    shutil.copy(migrated_store, evaluated.store)
    to = RegistryLocation.of(params, evaluated)
    with pytest.raises(RegistryError, match="shapes has no version that Glyphline registered") as caught:
        registry.read_history(to)
    assert "`glyphline sync` brings back those of the workspace" in caught.value.fix
    assert "after `dvc pull` in a clone" in caught.value.fix
    restore_versions.run(params, evaluated)
    assert registry.read_history(to)[0].state.champion == 1


@pytest.fixture
def release_another(params, evaluated, train_split):
    """Train, evaluate and register a second model: `release_another()`."""
    register.run(params, evaluated)

    def release() -> Decision:
        record_model(params, evaluated, train_split)
        record_evaluation(params, evaluated)
        write_results(evaluated, "e" * 64, correct=995)
        register.run(params, evaluated)
        return decided(evaluated)

    return release


@pytest.mark.parametrize("damaged", ["evaluate/evaluation.json", "train/journal.jsonl"])
def test_an_old_release_that_cannot_be_read_keeps_no_later_one_from_coming_back(
    params, new_store, release_another, damaged, caplog
):
    (new_store.work / "artifacts" / damaged).write_bytes(b"{}\n{}\n")
    put_in_dvc(new_store)
    lost = release_another()
    assert lost.version == 2
    with caplog.at_level(logging.WARNING, logger="glyphline"):
        (restored,) = restore_versions.run(params, new_store)
    assert (restored.version, restored.weights_digest) == (1, lost.weights_digest)
    assert "a registered run was left out" in caplog.text


def test_a_store_that_refuses_ends_the_restoring(params, evaluated):
    register.run(params, evaluated)
    dead = changed(params, {"tracking.uri": f"http://127.0.0.1:{servers.free_port()}", "tracking.timeout_s": 1.0})
    with pytest.raises(TrackingError):
        restore_versions.run(dead, evaluated)


def test_there_is_nothing_to_restore_before_the_stage_has_run(params, evaluated):
    assert restore_versions.run(params, evaluated) == []


def test_a_decision_about_an_earlier_model_is_not_restored(params, evaluated, client):
    register.run(params, evaluated)
    records.write(evaluated.training, training("e" * 64))
    assert restore_versions.restore(params, evaluated, decided(evaluated)) is None
    write_results(evaluated, "e" * 64, correct=970)
    assert restore_versions.restore(params, evaluated, decided(evaluated)) is None
    assert len(client.search_model_versions("name = 'shapes'")) == 1


def test_a_run_that_was_deleted_in_the_store_is_told_with_the_way_back(params, evaluated, client):
    key = last_key(evaluated.journal("train"))
    client.delete_run(flush(params, evaluated)[key].run_id)
    with pytest.raises(RegistryError, match="was it deleted there") as caught:
        register.run(params, evaluated)
    assert "restore the run in the UI" in caught.value.fix
    assert not evaluated.decision.exists()


def test_a_run_whose_experiment_was_deleted_is_told_with_the_command_that_restores_it(params, evaluated, client):
    experiment = flush(params, evaluated)[last_key(evaluated.journal("train"))].experiment_id
    client.delete_experiment(experiment)
    with pytest.raises(TrackingError, match="experiment shapes") as caught:
        register.run(params, evaluated)
    assert f"`mlflow experiments restore --experiment-id {experiment}`" in caught.value.fix
    assert not evaluated.decision.exists()


def test_what_was_deleted_on_purpose_is_not_restored(params, evaluated, client):
    register.run(params, evaluated)
    client.delete_run(flush(params, evaluated)[last_key(evaluated.journal("train"))].run_id)
    assert restore_versions.restore(params, evaluated, decided(evaluated)) is None


def test_a_missing_evaluation_names_the_stage_to_run(params, evaluated):
    evaluated.evaluation.unlink()
    with pytest.raises(ArtifactError) as caught:
        register.run(params, evaluated)
    assert caught.value.fix == "make it again with `dvc repro evaluate`"


@pytest.fixture
def judged(params, evaluated) -> VersionJudged:
    """What the log says of the version of the evaluated project."""
    register.run(params, evaluated)
    with registry.open_session(RegistryLocation.of(params, evaluated)) as session:
        return session.reconcile().state.judgement(1)


def test_predictions_made_again_are_taken_up_only_where_they_are_those_of_the_log(evaluated, judged):
    kept = evaluated.mlruns / "rescored" / f"{judged.predictions_sha256}.npz"
    kept.parent.mkdir()
    shutil.copy(evaluated.predictions, kept)
    assert rescorer("shapes", evaluated)(judged) == kept
    written_predictions(kept, right_on(10), judged.test_digest, judged.weights_digest)
    # It is made anew, which the missing test split prevents here.
    with pytest.raises(ArtifactError, match="cannot be scored again"):
        rescorer("shapes", evaluated)(judged)


@pytest.mark.parametrize("other", [{"weights_digest": "9" * 64}, {"test_digest": "9" * 64}])
def test_predictions_of_another_model_or_split_do_not_stand_for_a_version(evaluated, judged, other):
    check_rescored(evaluated.predictions, judged)
    with pytest.raises(ArtifactError, match="are not of version 1"):
        check_rescored(evaluated.predictions, judged.model_copy(update=other))


DECISIONS = [
    {"name": "shapes' OR name = 'x"},
    {"name": "../../x"},
    {"comparison": 10**400},
    {"comparison": 0},
    {"rules": [{"rule": "r" * 9000, "passed": True, "reason": "because"}]},
    {"aliases": 5},
    {"level": "high"},
]


@pytest.mark.parametrize("changes", DECISIONS)
def test_a_decision_that_nobody_made_is_left_out_and_the_registry_stays_usable(
    params, evaluated, new_store, caplog, changes
):
    register.run(params, evaluated)
    kept = evaluated.decision.read_text()
    evaluated.decision.write_text(json.dumps(json.loads(kept) | changes))
    with caplog.at_level(logging.WARNING, logger="glyphline"):
        assert restore_versions.run(params, new_store, past=[]) == []
    assert "left out" in caplog.text
    evaluated.decision.write_text(kept)
    assert [decision.version for decision in restore_versions.run(params, new_store, past=[])] == [1]


def test_reasons_that_are_too_long_for_an_entry_are_cut(params, evaluated, new_store):
    register.run(params, evaluated)
    content = json.loads(evaluated.decision.read_text())
    content["rules"][0]["reason"] = "x" * 10_000
    # Without its seal, as an earlier release wrote it.
    del content["seal"]
    evaluated.decision.write_text(json.dumps(content))
    assert [decision.version for decision in restore_versions.run(params, new_store, past=[])] == [1]


def test_a_lock_file_that_names_places_outside_makes_no_file_there(params, evaluated, new_store, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    md5 = run_files.digest(evaluated.evaluation, evaluated.work).md5
    cached = DvcCache.of(new_store.home).path(md5)
    cached.parent.mkdir(parents=True)
    shutil.copy(evaluated.evaluation, cached)
    places = [
        outside / "a",
        f"../../../../../../../../../..{outside}/b",
        "artifacts",
        "artifacts/train",
        "artifacts/./train",
    ]
    lock = dvc_lock.parse(
        f"stages: {{train: {{outs: [{', '.join(f'{{path: {place}, md5: {md5}}}' for place in places)}]}}}}"
    )
    restore_versions.run(params, new_store, past=[lock])
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("kind", ["missing", "folder", "no UTF-8"])
def test_a_card_that_cannot_be_read_is_told(params, evaluated, kind):
    evaluated.model_card.unlink()
    if kind == "folder":
        evaluated.model_card.mkdir()
    elif kind == "no UTF-8":
        evaluated.model_card.write_bytes(b"\xff")
        register.run(params, evaluated)
        return
    with pytest.raises(ArtifactError, match=r"model_card\.md"):
        register.run(params, evaluated)
