"""Register a finished run: one version per run, its digests, the gate's decision, the aliases."""

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from glyphline import journal, records
from glyphline.errors import ArtifactError
from glyphline.params.registry import RegistryParams
from glyphline.paths import Paths
from glyphline.records import Decision, Training
from glyphline.registry import integrity, labels, log_events, registered_model, signing
from glyphline.registry.judgement import GateRequest, decision, judge
from glyphline.registry.labels import DIGEST_CHARACTERS
from glyphline.registry.location import RegistryLocation
from glyphline.registry.log_events import LogEvent, VersionJudged
from glyphline.registry.registered_model import MACHINE_TAG
from glyphline.registry.rescoring import Rescore
from glyphline.registry.run_artifacts import VersionArtifacts
from glyphline.registry.session import Session, open_for_registration
from glyphline.registry.signing import Keys
from glyphline.registry.state import CHAMPION, RegistryState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """What train and evaluate left of a model.

    Attributes:
        training: the record of its training.
        artifacts: its evaluation, costs and predictions.
        card: the model card, Markdown; `models:/NAME/VERSION` in it stands for the version.
    """

    training: Training
    artifacts: VersionArtifacts
    card: str

    @classmethod
    def read(cls, paths: Paths) -> Self:
        """The model of a project's files.

        Raises:
            ArtifactError: a file is missing or damaged.
        """
        journal.check_recorded(paths.journal("train"), paths.training)
        evaluate_outs = (paths.evaluation, paths.predictions, paths.cost, paths.model_card)
        journal.check_recorded(paths.journal("evaluate"), *evaluate_outs)
        training = records.read(paths.training, Training, stage="train")
        try:
            card = paths.model_card.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, IsADirectoryError):
            raise ArtifactError(
                f"{paths.model_card} does not exist", fix="make it again with `dvc repro evaluate`"
            ) from None
        artifacts = VersionArtifacts.read(paths.evaluation, paths.cost, paths.predictions, paths.model_card)
        return cls(training, artifacts, card)


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that was trained and evaluated, as the store knows it.

    Attributes:
        run_id: the MLflow run.
        model_id: its logged model.
        source: where the files of the logged model lie.
        model: what train and evaluate left of it.
    """

    run_id: str
    model_id: str
    source: str
    model: EvaluatedModel

    @classmethod
    def of(cls, run_id: str, model_id: str | None, source: str | None, model: EvaluatedModel) -> Self | None:
        """The run of a model; None where the store has no logged model of it."""
        return cls(run_id, model_id, source, model) if model_id and source else None

    def __post_init__(self) -> None:
        trained, evaluated = self.model.training.weights_digest, self.model.artifacts.evaluation.weights_digest
        if trained != evaluated:
            raise ArtifactError(
                f"evaluate looked at weights {evaluated[:DIGEST_CHARACTERS]}, and train left"
                f" {trained[:DIGEST_CHARACTERS]}",
                fix="run `dvc repro evaluate`",
            )


def register_run(
    run: FinishedRun,
    location: RegistryLocation,
    params: RegistryParams,
    *,
    rescore: Rescore | None = None,
    keys: Keys | None = None,
) -> Decision:
    """Make the version of a run, let the gate decide, set the aliases.

    Registering the same run twice makes one version and comes to the same decision.

    Args:
        run: what to register.
        location: where.
        params: the rules of the gate.
        rescore: makes a champion's predictions again when they are gone.
        keys: to sign with, and to check signatures with.

    Raises:
        ArtifactError: the files of the model are not those that were trained, or are refused.
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request.
    """
    with open_for_registration(location, rescore) as (session, history):
        version, files, signature_fault = _ensure_version(session, history, run, keys)
        extra_rules = signing.rule(signature_fault, required=params.require_signature)
        request = GateRequest(version, run.run_id, run.model.artifacts, files, params, extra_rules)

        def decide(state: RegistryState) -> LogEvent | None:
            _check_files(version, files, state)
            return judge(request, session.artifacts, state)

        _, state = session.updater.commit(decide)
        return _labelled_decision(session, run, version, state)


def restore_version(
    run: FinishedRun, location: RegistryLocation, decided: Decision, *, after: Collection[int] = ()
) -> Decision | None:
    """Register a run again whose decision outlived its store.

    The gate is not asked again, and the comparison that it made still counts on its test split. An alias stays where it
    is when a version that was judged since the loss has it.

    Args:
        run: the run that `decided` is about.
        location: where.
        decided: what the register stage decided.
        after: versions that were restored just before, of earlier decisions; `champion` may move on from them.

    Returns:
        The decision with the version and the aliases of now, or None because nothing was missing.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request.
    """
    with open_for_registration(location) as (session, history):
        existing = session.model.version_of(run.run_id)
        if existing is not None and session.updater.reconcile().judgement(existing) is not None:
            return None
        version, files, _ = _ensure_version(session, history, run, None)

        def repeat(state: RegistryState) -> LogEvent:
            _check_files(version, files, state)
            return _restored(run, version, files, decided, is_champion=state.last_champion in {None, *after})

        _, state = session.updater.commit(repeat)
        if version != decided.version:
            logger.info("%s version %d was version %d in its former store", location.name, version, decided.version)
        present = _labelled_decision(session, run, version, state)
        return decided.model_copy(update={"version": version, "aliases": present.aliases})


def registered_versions(location: RegistryLocation) -> Counter[str]:
    """Digest of weights -> number of versions with them in the history; empty where there is no history.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request.
    """
    with registered_model.connected(location.uri, location.name, location.timeout_s) as model:
        from glyphline.registry import log

        run_id = log.find(model.client, location.name)
        if run_id is None:
            return Counter()
        events = log.Log(model.client, run_id, location.name, location.entries_per_run).read().events
    weights = {event.version: event.weights_digest for event in events if isinstance(event, VersionJudged)}
    return Counter(weights.values())


def _ensure_version(
    session: Session, history: str, run: FinishedRun, keys: Keys | None
) -> tuple[int, dict[str, str], str | None]:
    """The version of the run, the digests of its files, and what is wrong with its signature."""
    model, what = session.model, f"the model of run {run.run_id}"
    commit = model.commit_of(run.run_id)
    with integrity.fetched(session.location, run.source) as folder:
        integrity.check(folder, what)
        files = integrity.digests(folder)
        if files[integrity.ARCHIVE] != run.model.training.model_sha256:
            raise ArtifactError(f"{what} is not the one that was trained: its digest differs", fix=integrity.FIX)
        signature_fault = signing.ensure(model.client, run.model_id, folder, keys)
    tags = labels.tags(run.model.artifacts.evaluation, commit)
    tags |= {MACHINE_TAG: session.updater.machine, labels.FILES_TAG: labels.as_text(files), "history": history}
    version = model.ensure_version(run.run_id, run.model_id, run.source, tags)
    session.updater.registering.add(version)
    session.agree_on_log(version, history)
    return version, files, signature_fault


def _check_files(version: int, files: dict[str, str], state: RegistryState) -> None:
    judged = state.judgement(version)
    if judged is not None and judged.files != files:
        names = files.keys() | judged.files.keys()
        changed = sorted(name for name in names if files.get(name) != judged.files.get(name))
        raise ArtifactError(
            f"version {version} is not what was registered: {changed[0]} was changed", fix=integrity.FIX
        )


def _labelled_decision(session: Session, run: FinishedRun, version: int, state: RegistryState) -> Decision:
    judged = state.judgement(version)
    assert judged is not None
    labels.write(session.model, judged, state, run.model.card)
    return decision(session.location.name, judged, state)


def _restored(
    run: FinishedRun, version: int, files: dict[str, str], decided: Decision, *, is_champion: bool
) -> VersionJudged:
    event = VersionJudged(
        **log_events.evaluated(run.model.artifacts.evaluation),
        version=version,
        run_id=run.run_id,
        evaluation_sha256=run.model.artifacts.evaluation_sha256,
        cost_sha256=run.model.artifacts.cost_sha256,
        card_sha256=run.model.artifacts.card_sha256,
        files=files,
        promoted=CHAMPION in decided.aliases and is_champion,
        rules=log_events.short(decided.rules),
        # The numbers of the lost registry mean nothing in this one.
        champion=None,
        champion_weights=None,
        champion_accuracy=None,
        # The comparison has used up its part of the test split's evidence all the same.
        comparison=decided.comparison,
        level=decided.level,
        p_value=decided.p_value,
        restored=True,
    )
    try:
        log_events.encode(event)
    except ValueError as error:
        # The decision came with the project; this program's own are short enough.
        raise ArtifactError(
            f"the decision about version {decided.version} is not one of Glyphline: {error}",
            fix="make it again with `dvc repro --force register`",
        ) from None
    return event
