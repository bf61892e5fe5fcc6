"""A random walk through everything that can happen to a registry, over a real SQLite store."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from glyphline.errors import PipelineError
from glyphline.registry import RegistryLocation, open_session, promotion, register_run
from glyphline.registry.log import Log
from glyphline.registry.log_events import (
    AliasAssigned,
    AliasChangedByHand,
    ChampionRolledBack,
    VersionDeleted,
    VersionJudged,
)
from glyphline.registry.registered_model import RegisteredModel
from glyphline.registry.state import fold
from tests.registered import DyingClient, Killed, Runs

# So small that a walk goes through several runs of the history, and ends amid the change from one to the next.
ENTRIES_PER_RUN = 3
TEMPLATE: Path | None = None


class Registry(RuleBasedStateMachine):
    """Promote, roll back, register, die, and change aliases by hand, in any order."""

    def __init__(self):
        super().__init__()
        from mlflow.tracking import MlflowClient

        self.folder = Path(tempfile.mkdtemp(prefix="glyphline-machine-"))
        shutil.copy(TEMPLATE, self.folder / "mlflow.db")
        uri = f"sqlite:///{self.folder / 'mlflow.db'}"
        lock = self.folder / "registry.lock"
        self.to = RegistryLocation(uri, "shapes", 5, lock, lease_s=0.1, entries_per_run=ENTRIES_PER_RUN)
        self.client = MlflowClient(uri, uri)
        self.runs = Runs(self.client, self.folder / "runs")
        self.hands = self.deleted = 0

    def teardown(self):
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self):
        self.register(970)

    def _reconciled(self):
        with open_session(self.to) as session:
            state = session.updater.reconcile_all().state
            return state, session.updater.log.read().events, session.model.aliases(), session.model.versions()

    @rule(correct=st.integers(940, 999))
    def register(self, correct):
        decision = register_run(self.runs.make(correct), self.to, RULES)
        assert decision.promoted == ("champion" in decision.aliases)

    def _command(self, command, *refusals):
        """Run a command that may be refused with these words and no others."""
        with open_session(self.to) as session:
            try:
                command(session)
            except PipelineError as error:
                if not any(words in error.problem for words in refusals):
                    raise

    @rule(version=st.integers(1, 6))
    def promote(self, version):
        self._command(lambda session: promotion.promote(session, version, RULES), "is not promoted", "has no version")

    @rule(version=st.integers(1, 6))
    def force(self, version):
        self._command(
            lambda session: promotion.force(session, version, "because", RULES), "has no version", "was deleted"
        )

    @rule()
    def roll_back(self):
        self._command(
            lambda session: promotion.roll_back(session, None, "because", RULES), "no other champion", "was deleted"
        )

    # A change from one run to the next is three writes, an entry one, its aliases up to three, and the note one.
    @rule(writes=st.integers(0, 8), command=st.sampled_from(["force", "roll_back", "promote"]), delete=st.booleans())
    def die(self, writes, command, delete):
        with open_session(self.to) as session:
            dying = DyingClient(self.client, writes)
            session.updater.log = Log(dying, session.updater.log.run_id, "shapes", ENTRIES_PER_RUN)
            session.updater.model = RegisteredModel(dying, "shapes")
            try:
                if command == "force":
                    promotion.force(session, 1, "because", RULES)
                elif command == "promote":
                    promotion.promote(session, 1, RULES)
                else:
                    promotion.roll_back(session, None, "because", RULES)
            except (Killed, PipelineError):
                pass
        if delete:
            # Also between the entry and its aliases.
            self.delete_by_hand(1)

    @precondition(lambda self: self.hands < 4)
    @rule(
        alias=st.sampled_from(["champion", "challenger", "previous"]), version=st.integers(1, 4), delete=st.booleans()
    )
    def by_hand(self, alias, version, delete):
        # On a registry at rest: a hand amid a killed command may look like that command's late write.
        self._reconciled()
        self.hands += 1
        if delete:
            if alias in self.client.get_registered_model("shapes").aliases:
                self.client.delete_registered_model_alias("shapes", alias)
        elif str(version) in {str(one.version) for one in self.client.search_model_versions("name = 'shapes'")}:
            self.client.set_registered_model_alias("shapes", alias, str(version))

    @precondition(lambda self: self.deleted < 2)
    @rule(version=st.integers(1, 4))
    def delete_by_hand(self, version):
        if str(version) in {str(one.version) for one in self.client.search_model_versions("name = 'shapes'")}:
            self.deleted += 1
            self.client.delete_model_version("shapes", str(version))

    @invariant()
    def the_registry_shows_what_the_log_says_and_the_log_makes_sense(self):
        if not self.client.search_registered_models("name = 'shapes'"):
            return
        state, log, aliases, known = self._reconciled()
        assert state.aliases == {key: value for key, value in aliases.items() if key in state.aliases}
        assert set(aliases) == set(state.aliases)
        assert set(known) == set(state.judgements) - state.deleted
        for place, event in enumerate(log):
            before, after = fold(log[:place]), fold(log[: place + 1])
            moved = after.champion != before.champion
            if moved and after.champion is None:
                assert isinstance(event, AliasChangedByHand | VersionDeleted), "lost without a hand"
            if moved and isinstance(event, VersionJudged):
                assert event.promoted
                opponent = before.last_champion
                assert opponent in {None, event.version} or event.p_value <= event.level
            if isinstance(event, VersionJudged) and before.challenger is not None:
                assert after.challenger == max(before.challenger, event.version)
            assert not moved or isinstance(
                event, VersionJudged | AliasAssigned | ChampionRolledBack | AliasChangedByHand | VersionDeleted
            )


RULES = None


@pytest.mark.timeout(6000)
def test_no_order_of_commands_deaths_and_hands_breaks_the_registry(migrated_store, default_params):
    global TEMPLATE, RULES
    TEMPLATE, RULES = migrated_store, default_params.registry
    steps = settings(
        max_examples=200 if os.environ.get("GLYPHLINE_SOAK") else 6,
        stateful_step_count=30 if os.environ.get("GLYPHLINE_SOAK") else 12,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Registry, settings=steps)
