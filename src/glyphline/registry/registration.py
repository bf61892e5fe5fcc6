"""Register a finished run: one version per run, its digests, the gate's decision, the aliases."""

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from glyphline.errors import ArtifactError
from glyphline.params.registry import RegistryParams
from glyphline.records import Decision, Training
from glyphline.registry import connection, integrity, labels, signing
from glyphline.registry.judgement import GateRequest, decision, judge
from glyphline.registry.labels import DIGEST_CHARACTERS
from glyphline.registry.log_events import LogEvent, VersionJudged
from glyphline.registry.run_artifacts import Compare, Rescore, VersionArtifacts
from glyphline.registry.session import RegistryLocation, Session, beginning
from glyphline.registry.signing import Keys
from glyphline.registry.state import CHAMPION, RegistryState
from glyphline.registry.versions import MACHINE_TAG

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that was trained and evaluated, as the store knows it.

    Attributes:
        run_id: the MLflow run.
        model_id: its logged model.
        source: where the files of the logged model lie.
        training: what train found.
        evidence: what evaluate found.
        card: the model card, Markdown; `models:/NAME/VERSION` in it stands for the version.
    """

    run_id: str
    model_id: str
    source: str
    training: Training
    evidence: VersionArtifacts
    card: str

    def __post_init__(self) -> None:
        trained, evaluated = self.training.weights_digest, self.evidence.evaluation.weights_digest
        if trained != evaluated:
            raise ArtifactError(
                f"evaluate looked at weights {evaluated[:DIGEST_CHARACTERS]}, and train left"
                f" {trained[:DIGEST_CHARACTERS]}",
                fix="run `dvc repro evaluate`",
            )


def register_run(
    candidate: FinishedRun,
    to: RegistryLocation,
    rules: RegistryParams,
    compare: Compare,
    *,
    rescore: Rescore | None = None,
    keys: Keys | None = None,
) -> Decision:
    """Make the version of a run, let the gate decide, set the aliases.

    Registering the same run twice makes one version and comes to the same decision.

    Args:
        candidate: what to register.
        to: where.
        rules: of the gate.
        compare: two files of predictions.
        rescore: makes a champion's predictions again when they are gone.
        keys: to sign with, and to check signatures with.

    Raises:
        ArtifactError: the files of the model are not those that were trained, or not let through.
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request.
    """
    with beginning(to, compare, rescore) as (session, history):
        version, files, signature = _version(session, history, candidate, keys)
        further = signing.rule(signature, required=rules.require_signature)
        case = GateRequest(version, candidate.run_id, candidate.evidence, files, rules, further)

        def decide(state: RegistryState) -> LogEvent | None:
            _check_files(version, files, state)
            return judge(case, session.shelf, state)

        _, state = session.ledger.commit(decide)
        return _concluded(session, candidate, version, state)


def restore_version(
    candidate: FinishedRun, to: RegistryLocation, decided: Decision, compare: Compare, *, after: Collection[int] = ()
) -> Decision | None:
    """Register a run again whose decision outlived its store.

    The gate is not asked again, and the comparison that it made still counts on its test split. An alias that a version
    judged since the loss holds stays where it is.

    Args:
        candidate: the run that `decided` is about.
        to: where.
        decided: what the register stage decided.
        compare: two files of predictions; not used for this.
        after: versions that were restored just before, of earlier decisions; their `champion` is handed on.

    Returns:
        The decision with the version and the aliases of now, or None because nothing was missing.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request.
    """
    with beginning(to, compare) as (session, history):
        held = session.registry.version_of(candidate.run_id)
        if held is not None and session.ledger.settle().judgement(held) is not None:
            return None
        version, files, _ = _version(session, history, candidate, None)

        def again(state: RegistryState) -> LogEvent:
            _check_files(version, files, state)
            return _remembered(candidate, version, files, decided, is_champion=state.incumbent in {None, *after})

        _, state = session.ledger.commit(again)
        log.info("registered again: %s version %d, which was version %d", to.name, version, decided.version)
        now = _concluded(session, candidate, version, state)
        return decided.model_copy(update={"version": version, "aliases": now.aliases})


def registered_versions(to: RegistryLocation) -> Counter[str]:
    """Digest of weights -> how many versions with them the history tells of; empty where there is no history.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request.
    """
    with connection.connected(to.uri, to.name, to.timeout_s) as registry:
        from glyphline.registry import log

        run_id = log.find(registry.client, to.name)
        if run_id is None:
            return Counter()
        told = log.Log(registry.client, run_id, to.name, to.entries_per_run).read().events
    return Counter({event.version: event.weights_digest for event in told if isinstance(event, VersionJudged)}.values())


def _version(
    session: Session, history: str, candidate: FinishedRun, keys: Keys | None
) -> tuple[int, dict[str, str], str | None]:
    """The version of the run, the digests of its files, and what is wrong with its signature."""
    registry, what = session.registry, f"the model of run {candidate.run_id}"
    commit = registry.commit_of(candidate.run_id)
    with integrity.fetched(session.to.uri, candidate.source) as folder:
        integrity.check(folder, what)
        files = integrity.digests(folder)
        if files[integrity.ARCHIVE] != candidate.training.model_sha256:
            raise ArtifactError(f"{what} is not the one that was trained: its digest differs", fix=integrity.FIX)
        signature = signing.ensure(registry.client, candidate.model_id, folder, keys)
    tags = labels.tags(candidate.evidence.evaluation, commit)
    tags |= {MACHINE_TAG: session.ledger.machine, "files": labels.as_text(files), "history": history}
    version = registry.ensure(candidate.run_id, candidate.model_id, candidate.source, tags)
    session.ledger.registering.add(version)
    session.elect(version, history)
    return version, files, signature


def _check_files(version: int, files: dict[str, str], state: RegistryState) -> None:
    held = state.judgement(version)
    if held is not None and held.files != files:
        changed = sorted(name for name in files.keys() | held.files.keys() if files.get(name) != held.files.get(name))
        raise ArtifactError(
            f"version {version} is not what was registered: {changed[0]} was changed", fix=integrity.FIX
        )


def _concluded(session: Session, candidate: FinishedRun, version: int, state: RegistryState) -> Decision:
    found = state.judgement(version)
    assert found is not None
    labels.show(session.registry, found, state, candidate.card)
    return decision(session.to.name, found, state)


def _remembered(
    candidate: FinishedRun, version: int, files: dict[str, str], decided: Decision, *, is_champion: bool
) -> VersionJudged:
    found = candidate.evidence.evaluation
    return VersionJudged(
        version=version,
        run_id=candidate.run_id,
        dataset=found.dataset,
        accuracy=found.accuracy,
        test_digest=found.test_digest,
        weights_digest=found.weights_digest,
        predictions_sha256=found.predictions_sha256,
        files=files,
        promoted=CHAMPION in decided.aliases and is_champion,
        rules=decided.rules,
        # The numbers of the lost registry mean nothing in this one.
        champion=None,
        champion_weights=None,
        champion_accuracy=None,
        # What was spent of the test split's evidence is spent.
        comparison=decided.comparison,
        level=decided.level,
        p_value=decided.p_value,
        restored=True,
    )
