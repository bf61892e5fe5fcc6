"""Promote, roll back, and changes by hand meanwhile, against a real MLflow over SQLite."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from glyphline.commands import models
from glyphline.commands.history import lines, sentence
from glyphline.errors import ArtifactError, ReadOnlyError, RegistryError
from glyphline.records.seal import sealed, unsealed
from glyphline.registry import RegistryLocation, open_session, promotion, read_history, register_run, verified_model
from glyphline.registry.log_events import (
    AliasAssigned,
    AliasChangedByHand,
    ChampionRolledBack,
    VersionDeleted,
    VersionJudged,
    VersionNotJudged,
    decode,
)
from glyphline.registry.state import fold
from tests.project import move_artifacts
from tests.registered import Runs


class Stand:
    """A store, and what the tests do to it."""

    def __init__(self, folder, rules, models=0):
        from mlflow.tracking import MlflowClient

        self.database = folder / "mlflow.db"
        self.to = RegistryLocation(f"sqlite:///{self.database}", "shapes", 5, folder / "registry.lock", lease_s=0.2)
        self.client = MlflowClient(self.to.uri, self.to.uri)
        self.rules = rules
        self.runs = Runs(self.client, folder / "runs", made=models)

    def register(self, correct, **fields):
        return register_run(self.runs.make(correct, **fields), self.to, self.rules)

    def promote(self, wanted, **fields):
        with open_session(self.to) as session:
            return promotion.promote(session, wanted, self.rules, **fields)

    def force(self, wanted, reason):
        with open_session(self.to) as session:
            return promotion.force(session, wanted, reason, self.rules)

    def roll_back(self, to=None, reason="smoke"):
        with open_session(self.to) as session:
            return promotion.roll_back(session, to, reason, self.rules)

    def mlflow(self, *arguments):
        """MLflow's own command line, in this process: it takes seconds to import."""
        from mlflow.cli import cli

        result = CliRunner().invoke(cli, arguments, env={"MLFLOW_TRACKING_URI": self.to.uri})
        assert result.exit_code == 0, result.output

    def aliases(self):
        return {key: int(value) for key, value in self.client.get_registered_model("shapes").aliases.items()}

    def log(self):
        with open_session(self.to) as session:
            session.updater.reconcile()
            return session.updater.log.read().events


@pytest.fixture
def stand(tmp_path, migrated_store, default_params):
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    return Stand(tmp_path, default_params.registry)


@pytest.fixture(scope="module")
def three_champions(tmp_path_factory, migrated_store, default_params):
    """A folder with a store in which three versions became champion, one after another."""
    folder = tmp_path_factory.mktemp("champions")
    shutil.copy(migrated_store, folder / "mlflow.db")
    made = Stand(folder, default_params.registry)
    for correct in (955, 970, 990):
        assert made.register(correct).promoted
    return folder


@pytest.fixture
def three(tmp_path, three_champions, default_params):
    """Three champions in a row; each test has a copy of its own."""
    shutil.copytree(three_champions, tmp_path, dirs_exist_ok=True)
    move_artifacts(tmp_path / "mlflow.db", three_champions, tmp_path)
    return Stand(tmp_path, default_params.registry, models=3)


def test_rollback_goes_one_champion_back_and_says_who_and_why(three):
    moved = three.roll_back(reason="wrong on sevens")
    assert (moved.version, moved.before) == (2, 3)
    assert three.aliases() == {"champion": 2, "previous": 1, "challenger": 3}
    last = three.log()[-1]
    assert isinstance(last, ChampionRolledBack)
    assert last.reason == "wrong on sevens"
    assert "@" in last.actor


def test_rollback_can_name_any_earlier_champion_and_no_other(three):
    assert three.roll_back(to=1).version == 1
    with pytest.raises(RegistryError, match="version 3 is no earlier champion"):
        three.roll_back(to=3)
    assert three.aliases() == {"champion": 1, "challenger": 3}
    with pytest.raises(RegistryError, match="no other champion to go back to"):
        three.roll_back()


def test_registering_again_does_not_undo_a_rollback_but_a_person_may(stand):
    stand.register(955)
    candidate = stand.runs.make(990)
    register_run(candidate, stand.to, stand.rules)
    stand.roll_back(reason="wrong on sevens")
    again = register_run(candidate, stand.to, stand.rules)
    assert not again.promoted
    assert "was rolled back (wrong on sevens)" in again.reasons[0]
    assert stand.aliases()["champion"] == 1
    assert stand.promote(2).version == 2
    assert stand.aliases() == {"champion": 2, "previous": 1, "challenger": 2}


def test_the_gate_stands_before_promote_too_and_force_needs_a_reason(stand):
    stand.register(970)
    stand.register(971)
    with pytest.raises(RegistryError, match="is not promoted: not shown to be better") as caught:
        stand.promote(2)
    assert "--force --reason" in caught.value.fix
    with pytest.raises(RegistryError, match="no reason is given"):
        stand.force(2, "  ")
    assert stand.aliases()["champion"] == 1
    moved = stand.force(2, "smaller and as good")
    assert moved.reason == "forced: smaller and as good"
    assert stand.aliases() == {"champion": 2, "previous": 1, "challenger": 2}
    last = stand.log()[-1]
    assert isinstance(last, AliasAssigned)
    assert last.forced


def test_asking_again_about_the_same_two_models_spends_no_evidence(stand):
    stand.register(970)
    stand.register(971)
    for _ in range(3):
        with pytest.raises(RegistryError):
            stand.promote(2)
    assert stand.register(972).comparison == 2


def test_a_version_is_found_by_number_alias_and_run(three):
    run_id = three.client.get_model_version("shapes", "1").run_id
    with open_session(three.to) as session:
        now = session.reconcile()
        assert [promotion.version_number(session, now, one) for one in (3, "champion", "previous", run_id)] == [
            3,
            3,
            2,
            1,
        ]


@pytest.mark.parametrize("wanted", [9, "champoin", "0" * 32])
def test_the_error_about_an_unknown_version_names_those_that_exist(three, wanted):
    with pytest.raises(RegistryError, match=f"has no version {wanted}") as caught:
        three.promote(wanted)
    assert "versions: 1, 2, 3" in caught.value.fix
    assert three.aliases()["champion"] == 3


@pytest.mark.parametrize(
    ("alias", "problem"),
    [
        ("latest", "MLflow keeps the alias 'latest' for itself"),
        ("Latest", "MLflow keeps the alias 'Latest' for itself"),
        ("V12", "MLflow keeps the alias 'V12' for itself"),
        ("Champion", "'Champion' would be taken for champion"),
        ("a.b", "'a.b' cannot be an alias"),
        ("a" * 64, "cannot be an alias"),
        ("Previous", "previous follows from the history"),
        ("v3", "MLflow keeps the alias 'v3' for itself"),
        ("previous", "previous follows from the history"),
        ("a b", "'a b' cannot be an alias"),
    ],
)
def test_an_alias_that_cannot_be_given_is_refused_before_anything_is_done(three, alias, problem):
    with pytest.raises(RegistryError, match=problem):
        three.promote(1, alias=alias)
    assert three.roll_back().version == 2


def leave_unfinished(stand, event):
    """Write an entry as a process does that is killed before it has set the aliases."""
    with open_session(stand.to) as session:
        state = session.updater.reconcile()
        assert session.updater.log.append(
            event.model_copy(update={"seq": state.seq + 1, "machine": session.updater.machine})
        )


def test_an_alias_in_the_log_that_mlflow_refuses_blocks_no_later_change(three, caplog):
    leave_unfinished(three, AliasAssigned(alias="Latest", version=1, forced=False, reason=""))
    assert three.roll_back().version == 2
    assert "alias Latest cannot be given to version 1" in caplog.text
    assert three.aliases() == {"champion": 2, "previous": 1, "challenger": 3}
    assert [event.alias for event in three.log() if isinstance(event, AliasChangedByHand)] == ["Latest"]


@pytest.mark.parametrize("alias", ["champion", "canary"])
def test_a_version_deleted_between_its_entry_and_its_alias_blocks_no_later_change(three, alias):
    leave_unfinished(three, AliasAssigned(alias=alias, version=1, forced=True, reason="because"))
    three.client.delete_model_version("shapes", "1")
    log = three.log()
    assert [event.version for event in log if isinstance(event, VersionDeleted)] == [1]
    expected = {"previous": 3} if alias == "champion" else {"champion": 3, "previous": 2}
    assert three.aliases() == {**expected, "challenger": 3}
    assert three.log() == log
    assert three.register(999).promoted


def test_a_version_made_and_deleted_by_hand_that_was_champion_in_between_blocks_no_later_change(three):
    run = three.runs.make(999)
    with open_session(three.to) as session:
        session.updater.reconcile()
        three.client.create_model_version("shapes", run.source, run_id=run.run_id)
        noticed = AliasChangedByHand(alias="champion", before=3, version=4)
        assert session.updater.log.append(noticed.model_copy(update={"seq": 4, "machine": session.updater.machine}))
    three.client.delete_model_version("shapes", "4")
    assert any(isinstance(event, VersionDeleted) for event in three.log())
    assert three.roll_back().version == 3


def test_rollback_does_not_go_to_a_version_that_was_never_evaluated(three):
    run = three.runs.make(999)
    three.client.create_model_version("shapes", run.source, run_id=run.run_id)
    three.client.set_registered_model_alias("shapes", "champion", "4")
    three.force(2, "mine")
    assert three.aliases()["previous"] == 4
    with pytest.raises(RegistryError, match="version 4 of shapes was never evaluated by Glyphline"):
        three.roll_back()
    assert three.aliases()["champion"] == 2
    assert three.roll_back(to=3).version == 3


def test_where_a_signature_is_required_no_way_to_an_alias_goes_round_it(three):
    three.rules = three.rules.model_copy(update={"require_signature": True})
    moves = (
        lambda: three.force(1, "because"),
        three.roll_back,
        lambda: three.promote(1, alias="canary"),
        lambda: three.promote(1),
    )
    for move in moves:
        with pytest.raises(RegistryError, match=r"is not promoted: .*its files carry no signature"):
            move()
    assert three.aliases() == {"champion": 3, "previous": 2, "challenger": 3}


def test_the_reason_for_an_alias_of_ones_own_is_kept(three):
    assert three.promote(1, alias="canary", reason="five  percent").reason == "five percent"
    assert sentence(three.log()[-1]) == "version 1 was given canary: five percent"


def test_a_challenger_is_not_replaced_by_an_older_version_that_is_refused(three):
    with pytest.raises(RegistryError, match="is not promoted"):
        three.promote(1)
    assert three.aliases()["challenger"] == 3
    log = three.log()
    with pytest.raises(RegistryError, match="is not promoted"):
        three.promote(1)
    assert three.log() == log


def test_an_alias_of_ones_own_is_given_and_remembered(three):
    three.promote(1, alias="canary")
    assert three.aliases()["canary"] == 1
    three.client.set_registered_model_alias("shapes", "canary", "2")
    last = three.log()[-1]
    assert isinstance(last, AliasChangedByHand)
    assert (last.alias, last.before, last.version) == ("canary", 1, 2)


def test_a_version_without_evaluation_is_never_promoted(three):
    run = three.runs.make(999)
    three.client.create_model_version("shapes", run.source, run_id=run.run_id)
    for move in (lambda: three.promote(4), lambda: three.force(4, "because")):
        with pytest.raises(RegistryError, match="was never evaluated by Glyphline"):
            move()
    assert three.aliases()["champion"] == 3
    assert isinstance(three.log()[-1], VersionNotJudged)


def test_a_promotion_made_in_the_ui_is_noticed_once_and_lasts(three):
    three.client.set_registered_model_alias("shapes", "champion", "1")
    noticed = [event for event in three.log() if isinstance(event, AliasChangedByHand)]
    assert [(event.alias, event.before, event.version) for event in noticed] == [("champion", 3, 1)]
    assert three.aliases() == {"champion": 1, "previous": 3, "challenger": 3}
    assert three.log() == three.log()


def test_a_champion_deleted_in_the_ui_is_noticed_and_rollback_brings_it_back(three):
    three.client.delete_registered_model_alias("shapes", "champion")
    assert isinstance(three.log()[-1], AliasChangedByHand)
    assert three.aliases() == {"previous": 3, "challenger": 3}
    three.roll_back()
    assert three.aliases() == {"champion": 3, "previous": 2, "challenger": 3}


def test_after_the_champion_alias_was_deleted_a_new_version_is_compared_with_the_last_champion(stand):
    stand.register(960)
    stand.client.delete_registered_model_alias("shapes", "champion")
    worse = stand.register(961)
    assert not worse.promoted
    assert "not shown to be better than version 1, the last champion" in worse.reasons[0]
    candidate = stand.runs.make(990)
    better = register_run(candidate, stand.to, stand.rules)
    assert better.promoted
    assert (better.champion_version, better.comparison) == (1, 2)
    assert register_run(candidate, stand.to, stand.rules) == better
    assert stand.aliases() == {"champion": 3, "previous": 1, "challenger": 3}


def test_the_last_champion_gets_a_deleted_alias_back_for_the_reasons_for_which_it_won(three):
    three.client.delete_registered_model_alias("shapes", "champion")
    assert "better than champion version 2" in three.promote(3).reason
    assert three.aliases() == {"champion": 3, "previous": 2, "challenger": 3}


def test_when_all_versions_are_deleted_the_history_and_its_counts_go_on(three):
    for version in "123":
        three.client.delete_model_version("shapes", version)
    digest = three.log()[0].test_digest
    decision = three.register(970)
    assert "there is no champion to compare with" in decision.reasons[-1]
    log = three.log()
    assert [event.kind for event in log] == ["judged"] * 3 + ["removed"] * 3 + ["judged"]
    assert fold(log).comparison_number(digest, ("new", "models")) == 3


def test_who_cannot_write_may_read(three, tmp_path, caplog):
    (tmp_path / "file").touch()
    locked = replace(three.to, lock=tmp_path / "file" / "registry.lock")
    with pytest.raises(ReadOnlyError, match=r"registry.lock cannot be written") as caught, open_session(locked):
        pass
    assert "let this user write" in caught.value.fix
    now, events = read_history(locked)
    assert (now.state.champion, sorted(now.versions)) == (3, [1, 2, 3])
    assert events == three.log()
    assert "cannot be written" in caplog.text


def test_a_store_that_can_only_be_read_is_not_told_to_be_started(three):
    closed = replace(three.to, uri=f"sqlite:///file:{three.database}?mode=ro&uri=true")
    with pytest.raises(ReadOnlyError, match="cannot be written") as caught, open_session(closed) as session:
        promotion.roll_back(session, None, "smoke", three.rules)
    assert "start it" not in caught.value.fix


def test_previous_moved_by_hand_is_noted_and_put_back(three):
    three.client.set_registered_model_alias("shapes", "previous", "1")
    assert isinstance(three.log()[-1], AliasChangedByHand)
    assert three.aliases()["previous"] == 2


def test_a_champion_whose_version_is_deleted_leaves_the_others_alone(three):
    three.client.delete_model_version("shapes", "3")
    three.log()
    assert three.aliases() == {"previous": 2}


def test_tags_and_descriptions_edited_by_hand_decide_nothing_and_are_shown(three):
    three.client.set_model_version_tag("shapes", "3", "accuracy", "0.100000")
    three.client.set_model_version_tag("shapes", "3", "dataset", "bbbb")
    three.client.update_model_version("shapes", "3", description="the best")
    decision = three.register(960)
    assert decision.champion_accuracy == 0.99
    assert not decision.promoted
    with open_session(three.to) as session:
        found = models.rows(session.reconcile())
    assert {row.version: row.edited for row in found}[3] == ("dataset", "accuracy")


def test_the_log_cannot_be_rewritten_through_mlflow(three):
    from mlflow.exceptions import MlflowException

    run_id = three.client.get_model_version("shapes", "1").tags["history"]
    with pytest.raises(MlflowException, match="not allowed"):
        three.client.log_param(run_id, "event.00000001", "{}")


def test_the_error_about_a_deleted_log_says_how_to_restore_it(three):
    run_id = three.client.get_model_version("shapes", "1").tags["history"]
    three.client.delete_run(run_id)
    with pytest.raises(RegistryError, match="the history of shapes cannot be read") as caught:
        three.roll_back()
    assert f"`mlflow runs restore --run-id {run_id}`" in caught.value.fix
    assert three.aliases()["champion"] == 3
    three.mlflow(*re.search(r"`mlflow (.+)`", caught.value.fix)[1].split())
    assert three.roll_back().version == 2


def test_force_promotes_what_the_gate_refuses_as_advised(stand):
    stand.register(955)
    stand.register(955)
    with pytest.raises(RegistryError, match="version 2 is not promoted") as caught:
        stand.promote(2)
    assert "`glyphline promote models:/shapes/2 --force --reason '...'`" in caught.value.fix
    assert stand.force(2, "a try").version == 2


def test_the_files_of_a_run_that_is_gone_are_found_in_the_one_that_sync_makes_anew(stand):
    stand.register(955)
    candidate = stand.runs.make(955)
    register_run(candidate, stand.to, stand.rules)
    folder = Path(stand.client.get_run(candidate.run_id).info.artifact_uri.removeprefix("file://"))
    kept = folder.rename(folder.with_name("away"))
    with pytest.raises(ArtifactError, match=f"run {candidate.run_id} has no evaluation.json") as caught:
        stand.promote(2)
    assert "`glyphline sync`" in caught.value.fix
    # As `glyphline sync` makes a run anew that was deleted.
    tags = {"glyphline.weights": candidate.model.training.weights_digest[:12]}
    made = stand.client.create_run(stand.client.get_experiment_by_name("shapes").experiment_id, tags=tags).info.run_id
    for file in kept.iterdir():
        stand.client.log_artifact(made, str(file))
    with pytest.raises(RegistryError, match="version 2 is not promoted: not shown to be better"):
        stand.promote(2)
    # And as the champion that others are compared with.
    stand.force(2, "a try")
    assert stand.register(990).promoted


def test_the_history_comes_back_with_its_deleted_experiment_as_advised(three):
    experiment = three.client.get_experiment_by_name("registry").experiment_id
    three.client.delete_experiment(experiment)
    with pytest.raises(RegistryError, match="is deleted, with the experiment `registry`") as caught:
        three.roll_back()
    three.mlflow(*re.search(r"`mlflow (.+)`", caught.value.fix)[1].split())
    assert three.roll_back().version == 2


def test_a_renamed_model_names_its_history_and_goes_on_when_it_is_renamed_back(three):
    three.client.rename_registered_model("shapes", "figures")
    with pytest.raises(RegistryError, match="shapes has no version that Glyphline registered") as caught:
        three.roll_back()
    assert "`glyphline models figures`" in caught.value.fix
    with pytest.raises(RegistryError, match="figures has the history of shapes") as caught:
        read_history(replace(three.to, name="figures"))
    assert caught.value.fix == "rename figures back to shapes in MLflow's UI"
    three.client.rename_registered_model("figures", "shapes")
    assert three.roll_back().version == 2


def test_copies_of_versions_name_the_model_that_they_are_copied_from(three):
    three.client.copy_model_version("models:/shapes/1", "copies")
    with pytest.raises(RegistryError, match="copies") as caught:
        read_history(replace(three.to, name="copies"))
    assert "`glyphline models shapes`" in caught.value.fix
    assert read_history(three.to)[0].state.champion == 3


def test_a_renamed_model_whose_name_was_given_again_says_what_comes_first(three):
    three.client.rename_registered_model("shapes", "figures")
    assert three.register(980).version == 1
    with pytest.raises(RegistryError) as caught:
        read_history(replace(three.to, name="figures"))
    assert caught.value.fix.startswith("give the new shapes another name or delete it, and then rename figures back")
    three.client.delete_registered_model("shapes")
    three.client.rename_registered_model("figures", "shapes")
    assert three.roll_back().version == 2


def test_the_history_as_json_lines_replays_to_the_same_state(three):
    three.roll_back()
    log = three.log()
    again = [decode(line) for line in lines(log)]
    assert fold(again) == fold(log)
    assert [json.loads(line)["kind"] for line in lines(log)] == ["judged"] * 3 + ["rolled_back"]
    assert sentence(log[-1]) == "champion went back to version 2: smoke"


def test_order_does_not_depend_on_clocks(three, monkeypatch):
    import time

    early = time.time_ns() - 10**18
    monkeypatch.setattr(time, "time_ns", lambda: early)
    three.roll_back()
    log = three.log()
    assert log[-1].time < log[0].time
    assert fold(log).champion == 2


def test_two_names_for_one_model_are_two_histories(three):
    candidate = three.runs.make(980)
    other = replace(three.to, name="others")
    assert register_run(candidate, other, three.rules).promoted
    assert not register_run(candidate, three.to, three.rules).promoted
    assert (
        three.client.get_model_version("others", "1").tags["history"]
        != (three.client.get_model_version("shapes", "4").tags["history"])
    )


def test_a_store_that_cannot_be_written_leaves_everything_as_it_was(three):
    before = three.log()
    with sqlite3.connect(three.database) as database:
        database.execute(
            "CREATE TRIGGER no_entry BEFORE INSERT ON params BEGIN SELECT RAISE(ABORT, 'read-only for ann'); END"
        )
    with pytest.raises(RegistryError, match="read-only for ann"):
        three.roll_back()
    assert three.aliases()["champion"] == 3
    with sqlite3.connect(three.database) as database:
        database.execute("DROP TRIGGER no_entry")
    assert three.log() == before


@pytest.mark.parametrize("table", ["registered_model_aliases", "params"])
def test_whatever_write_fails_the_next_command_finishes_it(three, table):
    # The entry is written and the aliases cannot be set, or they are set and it cannot be noted.
    condition = "NEW.key LIKE 'shown.%'" if table == "params" else "1"
    with sqlite3.connect(three.database) as database:
        for operation in ("INSERT", "UPDATE"):
            database.execute(
                f"CREATE TRIGGER no_{operation} BEFORE {operation} ON {table} WHEN {condition}"
                " BEGIN SELECT RAISE(ABORT, 'disk on fire'); END"
            )
    with pytest.raises(RegistryError, match="disk on fire"):
        three.roll_back()
    with sqlite3.connect(three.database) as database:
        database.execute("DROP TRIGGER no_INSERT")
        database.execute("DROP TRIGGER no_UPDATE")
    log = three.log()
    assert isinstance(log[-1], ChampionRolledBack)
    assert three.aliases() == {"champion": 2, "previous": 1, "challenger": 3}


def test_a_registration_that_broke_off_has_a_verdict_after_the_next_command(three):
    with sqlite3.connect(three.database) as database:
        database.execute(
            "CREATE TRIGGER no_entry BEFORE INSERT ON params WHEN NEW.key LIKE 'event.%'"
            " BEGIN SELECT RAISE(ABORT, 'cut off'); END"
        )
    candidate = three.runs.make(999)
    with pytest.raises(RegistryError, match="cut off"):
        register_run(candidate, three.to, three.rules)
    with sqlite3.connect(three.database) as database:
        database.execute("DROP TRIGGER no_entry")
    last = three.log()[-1]
    assert isinstance(last, VersionNotJudged)
    assert (last.version, last.why) == (4, "its registration was interrupted")
    decision = register_run(candidate, three.to, three.rules)
    assert (decision.version, decision.promoted) == (4, True)
    assert isinstance(three.log()[-1], VersionJudged)


def test_labels_that_a_killed_command_did_not_write_are_written_by_the_next(three):
    three.client.set_model_version_tag("shapes", "3", "mlflow.glyphline.verdict_entry", "0")
    three.client.set_model_version_tag("shapes", "3", "verdict", "refused")
    three.client.update_model_version("shapes", "3", description="")
    three.roll_back()
    version = three.client.get_model_version("shapes", "3")
    assert version.tags["verdict"] == "passed"
    assert "Became champion: accuracy 0.99" in version.description


def test_a_changed_file_keeps_a_version_from_promotion_force_and_rollback(three):
    from pathlib import Path

    three.roll_back()
    source = Path(three.client.get_model_version("shapes", "1").source.removeprefix("file://"))
    archive = source / "data" / "model.keras"
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    for move in (lambda: three.force(1, "because"), lambda: three.roll_back(to=1)):
        with pytest.raises(ArtifactError, match=r"data/model.keras was changed"):
            move()
    assert three.aliases()["champion"] == 2


def edited(stand, candidate, name, **fields):
    """Change fields of a record in the artifacts of a run, as a hand with access to the store can."""
    path = Path(stand.client.get_run(candidate.run_id).info.artifact_uri.removeprefix("file://")) / name
    path.write_text(json.dumps(sealed(json.dumps(unsealed(path.read_bytes()) | fields))))


def without_digests_of_files(stand, seq):
    """Make an entry of the log as earlier releases wrote it."""
    with closing(sqlite3.connect(stand.database)) as database, database:
        key = f"event.{seq:08}"
        (text,) = database.execute("SELECT value FROM params WHERE key = ?", (key,)).fetchone()
        names = {"seal", "evaluation_sha256", "cost_sha256", "card_sha256"}
        entry = {name: value for name, value in json.loads(text).items() if name not in names}
        database.execute("UPDATE params SET value = ? WHERE key = ?", (json.dumps(entry), key))


@pytest.mark.parametrize(
    ("name", "fields"), [("evaluation.json", {"calibration_error": 0.0}), ("cost.json", {"model_bytes": 1})]
)
def test_a_number_of_the_gate_that_was_edited_promotes_nothing(stand, name, fields):
    stand.register(980)
    candidate = stand.runs.make(990)
    strict = stand.rules.model_copy(update={"min_accuracy": 0.999})
    register_run(candidate, stand.to, strict)
    edited(stand, candidate, name, **fields)
    with pytest.raises(ArtifactError, match=rf"{name} of version 2 is not .* its SHA-256 differs"):
        stand.promote(2)
    assert stand.aliases()["champion"] == 1


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"accuracy": 0.999}, "accuracy"),
        ({"test_digest": "b" * 64}, "test_digest"),
        ({"weights_digest": "b" * 64}, "weights_digest"),
        ({"predictions_sha256": "b" * 64}, "predictions_sha256"),
    ],
)
def test_an_evaluation_that_is_not_the_one_that_was_judged_promotes_nothing(stand, fields, what):
    stand.register(980)
    candidate = stand.runs.make(900)
    register_run(candidate, stand.to, stand.rules)
    without_digests_of_files(stand, 2)
    edited(stand, candidate, "evaluation.json", **fields)
    with pytest.raises(ArtifactError, match=rf"evaluation.json of version 2 is not .*{what}") as caught:
        stand.promote(2)
    assert "dvc repro register" in caught.value.fix
    assert stand.aliases()["champion"] == 1


@pytest.mark.parametrize("name", ["evaluation.json", "predictions.npz", "cost.json"])
def test_a_flipped_bit_in_a_file_of_its_run_keeps_a_version_from_promotion(stand, name):
    stand.register(980)
    candidate = stand.runs.make(900)
    register_run(candidate, stand.to, stand.rules)
    path = Path(stand.client.get_run(candidate.run_id).info.artifact_uri.removeprefix("file://")) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"{name} of version 2 is not .* its SHA-256 differs") as caught:
        stand.promote(2)
    assert "`dvc repro --force --single-item evaluate`" in caught.value.fix


def changed_row(stand, statement, *values):
    with closing(sqlite3.connect(stand.database)) as database, database:
        assert database.execute(statement, values).rowcount == 1


def test_a_changed_number_in_the_log_is_noticed(three):
    statement = "UPDATE params SET value = replace(value, '0.97', '0.99') WHERE key = 'event.00000002'"
    changed_row(three, statement)
    with pytest.raises(RegistryError, match="its seal does not fit"):
        three.promote(2)


def test_a_version_of_another_run_than_the_log_says_is_refused(three):
    changed_row(three, "UPDATE model_versions SET run_id = ? WHERE version = 2", "0" * 32)
    with pytest.raises(
        RegistryError, match=f"version 2 of shapes is of run {'0' * 32}, and its history says"
    ) as caught:
        three.promote(2)
    assert "`glyphline sync`" in caught.value.fix


def test_an_alias_that_the_log_does_not_have_is_told_when_the_model_is_loaded(three, caplog):
    changed_row(three, "UPDATE registered_model_aliases SET version = 1 WHERE alias = 'champion'")
    with verified_model.verified_model(three.to, "@champion") as verified:
        assert verified.judged.version == 1
    assert "alias champion of shapes shows version 1, and its history has version 3" in caplog.text
    caplog.clear()
    with verified_model.verified_model(three.to, "3"):
        assert not caplog.text


def test_a_log_of_a_release_without_seals_goes_on(three):
    for seq in (1, 2, 3):
        without_digests_of_files(three, seq)
    assert three.promote(1, alias="mine").version == 1
    assert three.roll_back().version == 2
