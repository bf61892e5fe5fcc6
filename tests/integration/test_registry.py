"""The registry room against a real MLflow over SQLite."""

import shutil
import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from glyphline.errors import ArtifactError, RegistryError, TrackingError
from glyphline.records import Evaluation, Training
from glyphline.registry import Candidate, Destination, release, restore
from glyphline.registry.release import shortened
from tests.conftest import made_evaluation

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = '# The card\nload_model: mlflow.keras.load_model("models:/NAME@champion") or models:/NAME/VERSION\n'


@pytest.fixture
def to(tmp_path, migrated_store) -> Destination:
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    return Destination(
        uri=f"sqlite:///{tmp_path / 'mlflow.db'}", name="shapes", timeout_s=5, lock=tmp_path / "registry.lock"
    )


@pytest.fixture
def client(to):
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=to.uri, registry_uri=to.uri)


@pytest.fixture
def finished(client, tmp_path):
    """A run with a logged model, as the tracking room leaves it: `finished(correct=98)`."""

    def make(*, correct: int, split: str = "a" * 64, weights: str | None = None) -> Candidate:
        found = client.get_experiment_by_name("shapes")
        experiment = found.experiment_id if found else client.create_experiment("shapes", (tmp_path / "files").as_uri())
        run = client.create_run(experiment, tags={"mlflow.source.git.commit": COMMIT})
        model = client.create_logged_model(experiment, name="model", source_run_id=run.info.run_id)
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        (folder / "MLmodel").write_text("flavors: {}\n")
        client.log_model_artifacts(model.model_id, str(folder))
        client.finalize_logged_model(model.model_id, "READY")
        weights = weights or run.info.run_id * 2
        return Candidate(
            run_id=run.info.run_id,
            model_id=model.model_id,
            source=model.artifact_location,
            training=training(weights),
            evaluation=evaluation(correct, split, weights),
            card=CARD,
        )

    return make


def training(weights: str) -> Training:
    return Training(
        dataset="shapes",
        params={"train.learning_rate": 0.003, "model.filters": [4], "registry.name": "shapes"},
        weights_digest=weights,
        parameters=100,
        epochs=3,
        best_epoch=2,
        val_loss=0.1,
        val_accuracy=0.97,
        val_count=50,
        train_digest="c" * 64,
        val_digest="d" * 64,
        device="cpu",
        precision="float32",
        why="",
        xla=False,
        model_sha256="e" * 64,
    )


def evaluation(correct: int, split: str, weights: str) -> Evaluation:
    return made_evaluation(correct, 100, test_digest=split, weights_digest=weights)


def aliases(client, name: str = "shapes") -> dict[str, int]:
    return {alias: int(version) for alias, version in client.get_registered_model(name).aliases.items()}


def test_the_first_good_model_becomes_champion(to, client, finished):
    decision = release(finished(correct=98), to, 0.95)
    assert decision.promoted
    assert decision.version == 1
    assert decision.aliases == ("challenger", "champion")
    assert aliases(client) == {"challenger": 1, "champion": 1}


def test_a_version_says_what_it_is_and_how_to_load_it(to, client, finished):
    candidate = finished(correct=98)
    release(candidate, to, 0.95)
    version = client.get_model_version("shapes", "1")
    assert version.run_id == candidate.run_id
    assert version.source == candidate.source
    assert version.tags["accuracy"] == "0.980000"
    assert version.tags["test_digest"] == "a" * 12
    assert version.tags["commit"] == COMMIT[:12]
    assert max(map(len, version.tags.values())) <= 12
    assert 'mlflow.keras.load_model("models:/shapes@champion")' in version.description
    assert version.description.startswith("### Decision\nBecame champion: ")
    assert "# The card\n" in version.description
    assert "models:/shapes/1\n" in version.description
    assert "champion" in client.get_registered_model("shapes").description


def test_the_model_of_a_version_can_be_found_from_its_logged_model(to, client, finished):
    candidate = finished(correct=98)
    release(candidate, to, 0.95)
    release(candidate, to, 0.95)
    link = client.get_logged_model(candidate.model_id).tags["mlflow.modelVersions"]
    assert link == '[{"name": "shapes", "version": 1}]'


@pytest.mark.parametrize("correct", [98, 90])
def test_registering_a_run_twice_changes_nothing(to, client, finished, correct):
    candidate = finished(correct=correct)
    first = release(candidate, to, 0.95)
    assert release(candidate, to, 0.95) == first
    assert len(client.search_model_versions("name = 'shapes'")) == 1


def test_a_champion_registered_again_is_compared_with_the_one_it_replaced(to, finished):
    release(finished(correct=96), to, 0.95)
    better = finished(correct=98)
    first = release(better, to, 0.95)
    assert (first.promoted, first.champion_version, first.champion_accuracy) == (True, 1, 0.96)
    assert release(better, to, 0.95) == first


def test_an_equal_model_is_challenger_and_the_champion_stays(to, client, finished):
    release(finished(correct=98), to, 0.95)
    decision = release(finished(correct=98), to, 0.95)
    assert not decision.promoted
    assert decision.aliases == ("challenger",)
    assert aliases(client) == {"challenger": 2, "champion": 1}


def test_a_better_model_on_another_test_split_does_not_become_champion(to, client, finished):
    release(finished(correct=96), to, 0.95)
    decision = release(finished(correct=99, split="b" * 64), to, 0.95)
    assert not decision.promoted
    assert "cannot be compared" in decision.reasons[0]
    assert aliases(client)["champion"] == 1


def test_a_lower_floor_lets_the_same_run_in_without_a_second_version(to, client, finished):
    candidate = finished(correct=90)
    assert release(candidate, to, 0.95).aliases == ("challenger",)
    assert release(candidate, to, 0.85).aliases == ("challenger", "champion")
    assert "Became champion" in client.get_model_version("shapes", "1").description


def test_a_raised_floor_does_not_dethrone_and_says_so(to, finished):
    candidate = finished(correct=96)
    release(candidate, to, 0.95)
    decision = release(candidate, to, 0.99)
    assert not decision.promoted
    assert decision.aliases == ("challenger", "champion")
    assert any("keeps the alias champion" in reason for reason in decision.reasons)


def test_a_champion_made_by_hand_is_not_compared_with(to, client, finished):
    by_hand = finished(correct=50)
    client.create_registered_model("shapes", description="mine")
    client.create_model_version("shapes", by_hand.source, run_id=by_hand.run_id)
    client.set_registered_model_alias("shapes", "champion", "1")
    decision = release(finished(correct=99), to, 0.95)
    assert not decision.promoted
    assert "unknown test split" in decision.reasons[0]
    assert client.get_registered_model("shapes").description == "mine"


def test_a_deleted_rival_is_forgotten(to, client, finished):
    release(finished(correct=96), to, 0.95)
    better = finished(correct=98)
    release(better, to, 0.95)
    client.delete_model_version("shapes", "1")
    assert release(better, to, 0.95).champion_version is None


def test_three_that_register_at_once_make_one_version(to, client, finished):
    candidate = finished(correct=98)
    threads = [threading.Thread(target=release, args=(candidate, to, 0.95)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(client.search_model_versions("name = 'shapes'")) == 1


def test_a_lost_store_gets_version_aliases_and_description_back(to, client, finished, tmp_path, migrated_store):
    decision = release(finished(correct=98, weights="f" * 64), to, 0.95)
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    again = finished(correct=98, weights="f" * 64)
    assert restore(again, to, decision) == decision
    assert aliases(client) == {"challenger": 1, "champion": 1}
    assert "there is no champion yet" in client.get_model_version("shapes", "1").description
    assert restore(again, to, decision) is None


def test_restoring_takes_no_alias_from_another_version(to, client, finished):
    decision = release(finished(correct=98, weights="f" * 64), to, 0.95)
    twin = restore(finished(correct=98, weights="f" * 64), to, decision)
    assert twin is not None
    assert twin.aliases == ()
    assert aliases(client) == {"challenger": 1, "champion": 1}


def test_an_evaluation_of_other_weights_is_refused():
    with pytest.raises(ArtifactError, match="looked at weights 222222222222") as caught:
        Candidate("run", "model", "/model", training("1" * 64), evaluation(98, "a" * 64, "2" * 64), CARD)
    assert caught.value.fix == "run `dvc repro evaluate`"


def test_a_dead_server_is_told_without_its_password_and_soon(to, finished):
    candidate = finished(correct=98)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://ann:swordfish@127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TrackingError, match="does not answer") as caught:
            release(candidate, replace(to, uri=uri, timeout_s=1), 0.95)
    assert "swordfish" not in caught.value.problem
    assert "tracking.uri" in caught.value.fix


def test_a_server_that_refuses_is_told_with_its_words(to, finished):
    candidate = finished(correct=98)

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
        with pytest.raises(RegistryError, match="not for ann") as caught:
            release(candidate, replace(to, uri=uri, timeout_s=2), 0.95)
        server.shutdown()
    assert "swordfish" not in caught.value.problem


def test_a_run_that_the_store_does_not_know_is_a_registry_error(to, finished):
    with pytest.raises(RegistryError, match="refuses"):
        release(replace(finished(correct=98), run_id="0" * 32), to, 0.95)


def test_a_card_that_is_too_long_for_a_description_is_cut_between_sections_and_says_where_it_goes_on():
    card = "\n\n".join(["# Title\nsummary", *(f"## Part {number}\n{'x' * 900}" for number in range(8))])
    found = shortened(card)
    assert len(found) <= 5000
    assert "## Part 4\n" in found
    assert "## Part 5\n" not in found
    assert "model_card.md" in found.splitlines()[-1]
    assert shortened("short") == "short"
