"""Registering versions, against a real MLflow over SQLite."""

import shutil
import socket
import sqlite3
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from glyphline.errors import ArtifactError, RegistryError, TrackingError
from glyphline.params.registry import RegistryParams
from glyphline.records import Decision
from glyphline.registry import (
    EvaluatedModel,
    FinishedRun,
    RegistryLocation,
    open_session,
    register_run,
    registered_versions,
    restore_version,
)
from glyphline.registry.gate_input import ModelScores
from glyphline.registry.labels import shortened
from glyphline.registry.promotion import roll_back
from glyphline.registry.run_artifacts import VersionArtifacts
from glyphline.registry.session import open_for_registration
from tests.conftest import made_evaluation
from tests.registered import COMMIT, Runs, training


@pytest.fixture
def to(tmp_path, migrated_store) -> RegistryLocation:
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    return RegistryLocation(
        uri=f"sqlite:///{tmp_path / 'mlflow.db'}", name="shapes", timeout_s=5, lock=tmp_path / "registry.lock"
    )


@pytest.fixture
def client(to):
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=to.uri, registry_uri=to.uri)


@pytest.fixture
def finished(client, tmp_path):
    """A trained and evaluated run: `finished(correct=980)` of 1,000."""
    runs = Runs(client, tmp_path / "runs")
    return runs.make


@pytest.fixture
def rules(default_params) -> RegistryParams:
    return default_params.registry


@pytest.fixture
def register(to, rules):
    """`register(candidate)`, or with other rules: `register(candidate, min_accuracy=0.5)`."""

    def run(candidate: FinishedRun, **fields) -> Decision:
        return register_run(candidate, to, rules.model_copy(update=fields))

    return run


@pytest.fixture
def by_errors(rules) -> dict:
    """Rules that ask for fewer errors beyond luck."""
    return {"gate": rules.gate.model_copy(update={"against_champion": "better"})}


def aliases(client, name: str = "shapes") -> dict[str, int]:
    return {alias: int(version) for alias, version in client.get_registered_model(name).aliases.items()}


def test_the_first_good_model_becomes_champion(register, client, finished):
    decision = register(finished(980))
    assert decision.promoted
    assert decision.version == 1
    assert decision.aliases == ("challenger", "champion")
    assert aliases(client) == {"challenger": 1, "champion": 1}


def test_a_version_says_what_it_is_and_how_to_load_it(register, client, finished):
    candidate = finished(980)
    register(candidate)
    version = client.get_model_version("shapes", "1")
    assert version.run_id == candidate.run_id
    assert version.source == candidate.source
    assert version.tags["accuracy"] == "0.980000"
    assert version.tags["mlflow.glyphline.test_digest"] == "a" * 12
    assert version.tags["commit"] == COMMIT[:12]
    assert version.tags["verdict"] == "passed"
    # MLflow's pages show no tag that begins with `mlflow.`: what is left can be read at a glance.
    shown = {key for key in version.tags if not key.startswith("mlflow.")}
    assert shown == {"accuracy", "commit", "dataset", "history", "verdict"}
    # The table of versions shows the first line as it is written.
    first = version.description.splitlines()[0]
    assert first.startswith("Became champion: ")
    assert "there is no champion to compare with" in first
    assert 'mlflow.keras.load_model("models:/shapes@champion")' in version.description
    assert "Version `models:/shapes/1`." in version.description
    assert "champion" in client.get_registered_model("shapes").description


def test_a_card_that_is_too_long_is_cut_at_a_section_and_says_where_the_rest_is():
    card = "head" + "".join(f"\n\n## Section {n}\n\n{'word ' * 100}" for n in range(12))
    text = shortened(card)
    assert len(text) <= 5000
    assert "Section 7" in text
    assert text.endswith("`model_card.md` among the artifacts of the source run.*\n")
    assert shortened("head\n\n## Short\n") == "head\n\n## Short\n"


def test_the_model_of_a_version_can_be_found_from_its_logged_model(register, client, finished):
    candidate = finished(980)
    register(candidate)
    register(candidate)
    link = client.get_logged_model(candidate.model_id).tags["mlflow.modelVersions"]
    assert link == '[{"name": "shapes", "version": 1}]'


@pytest.mark.parametrize("correct", [980, 900])
def test_registering_a_run_twice_changes_nothing(register, client, finished, correct):
    candidate = finished(correct)
    first = register(candidate)
    assert register(candidate) == first
    assert len(client.search_model_versions("name = 'shapes'")) == 1


def test_a_champion_registered_again_is_compared_with_the_one_it_replaced(register, finished, by_errors):
    register(finished(960))
    better = finished(980)
    first = register(better, **by_errors)
    assert (first.promoted, first.champion_version, first.champion_accuracy) == (True, 1, 0.96)
    assert (first.comparison, first.level) == (1, 0.025)
    assert first.p_value == pytest.approx(2 * 0.5**20)
    assert register(better, **by_errors) == first


def test_the_champion_before_is_previous(register, client, finished):
    register(finished(960))
    register(finished(980))
    assert aliases(client) == {"challenger": 2, "champion": 2, "previous": 1}


def test_an_equal_model_is_challenger_and_the_champion_stays(register, client, finished):
    register(finished(980))
    decision = register(finished(980))
    assert not decision.promoted
    assert "not shown to be better than champion version 1" in decision.reasons[0]
    assert decision.aliases == ("challenger",)
    assert aliases(client) == {"challenger": 2, "champion": 1}


def test_each_comparison_on_one_test_split_makes_the_next_one_stricter(register, finished, by_errors):
    register(finished(960))
    first, second = register(finished(961), **by_errors), register(finished(965), **by_errors)
    assert [first.comparison, second.comparison] == [1, 2]
    assert [first.level, second.level] == pytest.approx([0.05 / 2, 0.05 / 6])
    # p is 0.0625 for 5 against none, which even the level of a single comparison would not let through.
    assert not second.promoted
    assert register(finished(975), **by_errors).level == pytest.approx(0.05 / 12)


def test_a_comparison_that_no_challenger_can_pass_uses_up_nothing(register, client, finished, by_errors):
    register(finished(998))
    hopeless = [register(finished(correct), **by_errors) for correct in (999, 1000)]
    assert [(decision.comparison, decision.level, decision.p_value) for decision in hopeless] == [(None,) * 3] * 2
    assert "with 2 errors in 1,000 images the smallest possible p is 0.5000" in hopeless[1].reasons[0]
    version = client.get_model_version("shapes", "3")
    assert "no challenger can be shown to be better" in version.description
    assert version.description.startswith("Did not become champion: no challenger can")
    # The first comparison is still to come.
    assert register(finished(1000)).comparison == 1


def test_a_better_model_on_another_test_split_does_not_become_champion(register, client, finished):
    register(finished(960))
    decision = register(finished(990, split="b" * 64))
    assert not decision.promoted
    assert "cannot be compared" in decision.reasons[0]
    assert decision.comparison is None
    assert aliases(client)["champion"] == 1


def test_a_lower_floor_lets_the_same_run_in_without_a_second_version(register, client, finished):
    candidate = finished(900)
    assert register(candidate).aliases == ("challenger",)
    assert register(candidate, min_accuracy=0.85).aliases == ("challenger", "champion")
    assert "Became champion" in client.get_model_version("shapes", "1").description
    assert client.get_model_version("shapes", "1").tags["verdict"] == "passed"


def test_a_raised_floor_does_not_dethrone_and_says_so(register, finished):
    candidate = finished(960)
    register(candidate)
    decision = register(candidate, min_accuracy=0.99)
    assert not decision.promoted
    assert decision.aliases == ("challenger", "champion")
    assert any("keeps the alias champion" in reason for reason in decision.reasons)


def test_a_champion_made_by_hand_is_not_compared_with(register, client, finished):
    by_hand = finished(500)
    client.create_registered_model("shapes", description="mine")
    client.create_model_version("shapes", by_hand.source, run_id=by_hand.run_id)
    client.set_registered_model_alias("shapes", "champion", "1")
    decision = register(finished(990))
    assert not decision.promoted
    assert "unknown test split" in decision.reasons[0]
    assert client.get_registered_model("shapes").description == "mine"
    assert aliases(client) == {"champion": 1, "challenger": 2}


def test_a_deleted_champion_of_before_is_not_compared_with_again(register, client, finished):
    register(finished(960))
    better = finished(980)
    register(better)
    client.delete_model_version("shapes", "1")
    assert register(better).champion_version is None
    assert aliases(client) == {"challenger": 2, "champion": 2}


def test_a_champion_whose_predictions_are_gone_stays_and_the_reason_is_given(register, client, finished, to):
    first = finished(960)
    register(first)
    folder = client.get_run(first.run_id).info.artifact_uri.removeprefix("file://")
    shutil.os.unlink(f"{folder}/predictions.npz")
    decision = register(finished(990))
    assert not decision.promoted
    assert "the predictions of version 1 are gone" in decision.reasons[0]


def test_a_champion_whose_predictions_are_gone_is_scored_again_where_that_is_possible(to, rules, client, finished):
    first = finished(960)
    register_run(first, to, rules)
    kept = first.model.artifacts.predictions
    folder = client.get_run(first.run_id).info.artifact_uri.removeprefix("file://")
    shutil.os.unlink(f"{folder}/predictions.npz")
    decision = register_run(finished(990), to, rules, rescore=lambda judged: kept)
    assert decision.promoted
    assert "better than champion version 1" in decision.reasons[-1]


def test_a_champion_whose_predictions_were_edited_is_scored_again(to, rules, client, finished):
    first = finished(960)
    register_run(first, to, rules)
    folder = client.get_run(first.run_id).info.artifact_uri.removeprefix("file://")
    shutil.copy(finished(10).model.artifacts.predictions, f"{folder}/predictions.npz")
    better = finished(990)
    assert "was changed after it was written" in register_run(better, to, rules).reasons[-1]
    decision = register_run(better, to, rules, rescore=lambda judged: first.model.artifacts.predictions)
    assert decision.promoted


def purged(to, run_id):
    """Take a run out of the database with its files, as `mlflow gc` does."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.tracking import MlflowClient

    client = MlflowClient(to.uri, to.uri)
    shutil.rmtree(client.get_run(run_id).info.artifact_uri.removeprefix("file://"))
    client.delete_run(run_id)
    SqlAlchemyStore(to.uri, (to.lock.parent / "unused").as_uri())._hard_delete_run(run_id)


def test_a_champion_whose_run_is_gone_blocks_no_registration_and_is_scored_again(to, rules, finished):
    first = finished(960)
    register_run(first, to, rules)
    purged(to, first.run_id)
    better = finished(990)
    decision = register_run(better, to, rules)
    assert not decision.promoted
    assert "the predictions of version 1 are gone from its run" in decision.reasons[-1]
    decision = register_run(better, to, rules, rescore=lambda judged: first.model.artifacts.predictions)
    assert decision.promoted
    with open_session(to) as session:
        assert roll_back(session, None, "smoke", rules).version == 1


def test_three_that_register_at_once_make_one_version(register, client, finished):
    candidate = finished(980)
    threads = [threading.Thread(target=register, args=(candidate,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(client.search_model_versions("name = 'shapes'")) == 1


def test_a_lost_store_gets_version_aliases_and_description_back(register, to, client, finished, migrated_store):
    decision = register(finished(980, weights="f" * 64))
    shutil.copy(migrated_store, to.lock.with_name("mlflow.db"))
    again = finished(980, weights="f" * 64)
    assert restore_version(again, to, decision) == decision
    assert aliases(client) == {"challenger": 1, "champion": 1}
    assert "there is no champion to compare with" in client.get_model_version("shapes", "1").description
    assert restore_version(again, to, decision) is None


def test_a_history_that_was_removed_for_good_is_begun_anew_as_advised(register, to, client, finished):
    candidate = finished(980)
    decision = register(candidate)
    experiment = client.get_experiment_by_name("registry").experiment_id
    client.delete_experiment(experiment)
    removed_for_good(to.lock.with_name("mlflow.db"), experiment)
    with pytest.raises(RegistryError, match="the history of shapes is lost") as caught:
        register(finished(990))
    assert "delete the registered model shapes" in caught.value.fix
    assert "`glyphline sync`" in caught.value.fix
    client.delete_registered_model("shapes")
    # What `glyphline sync` does with the runs that it knows.
    assert restore_version(candidate, to, decision) == decision
    assert register(finished(990)).promoted


def removed_for_good(database: Path, experiment: str) -> None:
    """As `mlflow gc` removes a deleted experiment."""
    with sqlite3.connect(database) as opened:
        for table in ("params", "tags", "metrics", "latest_metrics"):
            runs = "SELECT run_uuid FROM runs WHERE experiment_id = ?"
            opened.execute(f"DELETE FROM {table} WHERE run_uuid IN ({runs})", (experiment,))
        for table in ("runs", "experiment_tags", "experiments"):
            opened.execute(f"DELETE FROM {table} WHERE experiment_id = ?", (experiment,))


def test_a_deleted_experiment_of_histories_is_named_where_the_first_model_is_registered(register, client, finished):
    experiment = client.create_experiment("registry")
    client.delete_experiment(experiment)
    candidate = finished(980)
    with pytest.raises(RegistryError, match="the experiment `registry` is deleted") as caught:
        register(candidate)
    assert f"`mlflow experiments restore --experiment-id {experiment}`" in caught.value.fix
    client.restore_experiment(experiment)
    assert register(candidate).promoted


def test_a_lost_registry_comes_back_with_its_champions_in_a_row_and_the_way_back(
    register, to, client, finished, migrated_store
):
    lost = [(correct, f"{place}" * 64) for place, correct in enumerate((955, 950, 990), start=1)]
    decisions = [register(finished(correct, weights=weights)) for correct, weights in lost]
    before = aliases(client)
    assert before == {"champion": 3, "previous": 1, "challenger": 3}
    shutil.copy(migrated_store, to.lock.with_name("mlflow.db"))
    assert registered_versions(to) == {}
    restored = []
    for (correct, weights), decision in zip(lost, decisions, strict=True):
        again = restore_version(finished(correct, weights=weights), to, decision, after=restored)
        restored.append(again.version)
    assert restored == [1, 2, 3]
    assert aliases(client) == before
    assert registered_versions(to) == {weights: 1 for _, weights in lost}


def test_the_comparisons_made_before_a_loss_still_count(register, to, client, finished, migrated_store):
    lost = [(correct, f"{place}" * 64) for place, correct in enumerate((955, 956, 957), start=1)]
    decisions = [register(finished(correct, weights=weights)) for correct, weights in lost]
    shutil.copy(migrated_store, to.lock.with_name("mlflow.db"))
    for (correct, weights), decision in zip(lost, decisions, strict=True):
        restore_version(finished(correct, weights=weights), to, decision)
    assert register(finished(958)).comparison == 3


def test_what_was_judged_since_the_loss_keeps_its_aliases(register, to, client, finished, migrated_store):
    old = [(955, "1" * 64), (990, "2" * 64)]
    decisions = [register(finished(correct, weights=weights)) for correct, weights in old]
    shutil.copy(migrated_store, to.lock.with_name("mlflow.db"))
    assert register(finished(970, weights="3" * 64)).promoted
    restored = []
    for (correct, weights), decision in zip(old, decisions, strict=True):
        again = restore_version(finished(correct, weights=weights), to, decision, after=restored)
        restored.append(again.version)
    assert aliases(client) == {"challenger": 1, "champion": 1}
    assert restored == [2, 3]
    for version in restored:
        description = client.get_model_version("shapes", str(version)).description
        assert description.startswith(
            "Did not become champion: it passed all rules before the loss, and another version"
        )


def test_restoring_takes_no_alias_from_another_version(register, to, client, finished):
    decision = register(finished(980, weights="f" * 64))
    twin = restore_version(finished(980, weights="f" * 64), to, decision)
    assert twin is not None
    assert twin.aliases == ()
    assert aliases(client) == {"challenger": 1, "champion": 1}


def test_an_evaluation_of_other_weights_is_refused(tmp_path):
    scores = ModelScores(made_evaluation(980, 1000, weights_digest="2" * 64), None)
    artifacts = VersionArtifacts(scores, tmp_path, "0" * 64, None)
    with pytest.raises(ArtifactError, match="looked at weights 222222222222") as caught:
        FinishedRun("run", "model", "/model", EvaluatedModel(training("1" * 64), artifacts, "card"))
    assert caught.value.fix == "run `dvc repro evaluate`"


def test_a_model_that_is_not_the_one_that_was_trained_is_not_registered(register, client, finished):
    candidate = finished(980)
    trained = training(candidate.model.training.weights_digest, "0" * 64)
    other = replace(candidate, model=replace(candidate.model, training=trained))
    with pytest.raises(ArtifactError, match="is not the one that was trained"):
        register(other)
    assert not client.search_model_versions("name = 'shapes'")


def test_a_dead_server_is_named_without_its_password_and_soon(to, rules, finished):
    candidate = finished(980)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://ann:swordfish@127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TrackingError, match="out of reach") as caught:
            register_run(candidate, replace(to, uri=uri, timeout_s=1), rules)
    assert "swordfish" not in caught.value.problem
    assert "tracking.uri" in caught.value.fix


def test_the_error_of_a_server_that_refuses_has_its_message(to, rules, finished):
    candidate = finished(980)

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(403)
            self.end_headers()
            self.wfile.write(b'{"error_code": "PERMISSION_DENIED", "message": "not for ann"}')

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://ann:swordfish@127.0.0.1:{server.server_port}"
        with pytest.raises(TrackingError, match=r"forbids this user.*not for ann") as caught:
            register_run(candidate, replace(to, uri=uri, timeout_s=2), rules)
        server.shutdown()
    assert "swordfish" not in caught.value.problem


def test_a_run_that_the_store_does_not_know_is_a_registry_error(register, finished):
    with pytest.raises(RegistryError, match="refuses"):
        register(replace(finished(980), run_id="0" * 32))


def test_of_two_machines_that_register_first_at_once_one_history_counts(to, client, finished, rules, tmp_path):
    other = replace(to, lock=tmp_path / "other-machine.lock")
    mine, theirs = finished(980), finished(985)
    with open_for_registration(to) as (session, history):
        # Nobody has named a history yet; meanwhile another machine makes version 1 and names its own.
        assert register_run(theirs, other, rules).version == 1
        version = session.model.ensure_version(mine.run_id, mine.model_id, mine.source, {"history": history})
        session.agree_on_log(version, history)
        (chosen,) = {client.get_model_version("shapes", str(number)).tags["history"] for number in (1, 2)}
        assert version == 2
        assert chosen != history
        assert session.updater.log.run_id == chosen
        assert client.get_run(history).info.lifecycle_stage == "deleted"
    assert client.get_registered_model("shapes").tags["history"] == chosen
    # The process goes on with the history of the other one.
    assert register_run(mine, to, rules).version == 2
    with open_session(other) as session:
        assert [event.version for event in session.updater.log.read().events] == [1, 2]


def test_the_second_version_goes_on_with_the_history_of_the_first(register, client, finished):
    for correct in (980, 985):
        register(finished(correct))
    tags = [client.get_model_version("shapes", str(number)).tags["history"] for number in (1, 2)]
    assert tags == [client.get_registered_model("shapes").tags["history"]] * 2
    assert client.get_run(tags[0]).info.lifecycle_stage == "active"
