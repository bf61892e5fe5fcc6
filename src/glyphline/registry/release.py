"""Register a finished run: one version per run, its tags and description, the aliases, the decision."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from glyphline import files
from glyphline.errors import ArtifactError
from glyphline.records import Decision, Evaluation, Training
from glyphline.registry import gate, versions
from glyphline.registry.versions import CHALLENGER, CHAMPION, NOBODY, Registry

log = logging.getLogger(__name__)

DIGEST_CHARACTERS = 12
MAX_DESCRIPTION_CHARACTERS = 5000
"""What the description of a version holds in MLflow's tables; SQLite alone would take more."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Which registered model, in which store.

    Attributes:
        uri: database or server.
        name: the registered model.
        timeout_s: seconds to wait for a server's answer.
        lock: file that serialises the processes of this machine that register.
    """

    uri: str
    name: str
    timeout_s: float
    lock: Path


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that was trained and evaluated, as the store knows it.

    Attributes:
        run_id: the MLflow run.
        model_id: its logged model.
        source: where the files of the logged model lie.
        training: what train found.
        evaluation: what evaluate found.
        card: the model card, Markdown; `models:/NAME/VERSION` in it stands for the version.
    """

    run_id: str
    model_id: str
    source: str
    training: Training
    evaluation: Evaluation
    card: str

    def __post_init__(self) -> None:
        trained, evaluated = self.training.weights_digest, self.evaluation.weights_digest
        if trained != evaluated:
            raise ArtifactError(
                f"evaluate looked at weights {evaluated[:DIGEST_CHARACTERS]}, and train left"
                f" {trained[:DIGEST_CHARACTERS]}",
                fix="run `dvc repro evaluate`",
            )


def release(candidate: Candidate, to: Destination, min_accuracy: float) -> Decision:
    """Make the version of a run, let the gate decide, set the aliases.

    Registering the same run twice makes one version and comes to the same decision.

    Args:
        candidate: what to register.
        to: where.
        min_accuracy: fraction in [0, 1] below which no version becomes champion.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request.
    """
    with _alone(to) as registry:
        commit = registry.commit_of(candidate.run_id)
        version = registry.ensure(candidate.run_id, candidate.model_id, candidate.source, _tags(candidate, commit))
        rival = registry.rival(version)
        verdict = gate.decide(_score(candidate, version), rival, min_accuracy)
        reasons = verdict.reasons
        if not verdict.promote and CHAMPION in registry.aliases_of(version):
            reasons += (f"version {version} keeps the alias champion, which it won before",)
        # Before the aliases: a process that dies in between leaves a version that knows its rival.
        registry.tag(version, {"compared_with": str(rival.version) if rival else NOBODY})
        registry.describe(version, _description(candidate, to.name, version, verdict.promote, reasons))
        registry.point(CHALLENGER, version)
        if verdict.promote:
            registry.point(CHAMPION, version)
        return Decision(
            name=to.name,
            version=version,
            aliases=registry.aliases_of(version),
            promoted=verdict.promote,
            reasons=reasons,
            accuracy=candidate.evaluation.accuracy,
            test_digest=candidate.evaluation.test_digest,
            weights_digest=candidate.evaluation.weights_digest,
            champion_version=rival.version if rival else None,
            champion_accuracy=rival.accuracy if rival else None,
        )


def restore(candidate: Candidate, to: Destination, decision: Decision) -> Decision | None:
    """Register a run again whose decision outlived its store.

    The gate is not asked again. An alias that a version of the store holds already stays where it is.

    Args:
        candidate: the run that `decision` is about.
        to: where.
        decision: what the register stage decided.

    Returns:
        The decision with the version and the aliases of now, or None because nothing was missing.

    Raises:
        TrackingError: the store cannot be reached.
        RegistryError: the store refuses a request.
    """
    with _alone(to) as registry:
        if registry.version_of(candidate.run_id) is not None:
            return None
        commit = registry.commit_of(candidate.run_id)
        tags = _tags(candidate, commit) | {"compared_with": NOBODY}
        version = registry.ensure(candidate.run_id, candidate.model_id, candidate.source, tags)
        registry.describe(version, _description(candidate, to.name, version, decision.promoted, decision.reasons))
        held = registry.aliases()
        for alias in decision.aliases:
            if alias not in held:
                registry.point(alias, version)
        log.info("registered again: %s version %d, which was version %d", to.name, version, decision.version)
        return decision.model_copy(update={"version": version, "aliases": registry.aliases_of(version)})


@contextmanager
def _alone(to: Destination) -> Iterator[Registry]:
    with files.exclusive(to.lock), versions.connected(to.uri, to.name, to.timeout_s) as registry:
        yield registry


def _score(candidate: Candidate, version: int) -> gate.Score:
    found = candidate.evaluation
    return gate.Score(accuracy=found.accuracy, test_digest=found.test_digest[:DIGEST_CHARACTERS], version=version)


def _tags(candidate: Candidate, commit: str | None) -> dict[str, str]:
    found = candidate.evaluation
    tags = {
        "dataset": found.dataset,
        "accuracy": _decimals(found.accuracy),
        "accuracy_low": _decimals(found.accuracy_low),
        "accuracy_high": _decimals(found.accuracy_high),
        "test_digest": found.test_digest[:DIGEST_CHARACTERS],
        "weights_digest": found.weights_digest[:DIGEST_CHARACTERS],
    }
    return tags | ({"commit": commit[:DIGEST_CHARACTERS]} if commit else {})


def _decimals(fraction: float) -> str:
    return f"{fraction:.{gate.DECIMALS}f}"


def _description(candidate: Candidate, name: str, version: int, promoted: bool, reasons: tuple[str, ...]) -> str:
    verdict = "Became champion" if promoted else "Did not become champion"
    card = candidate.card.replace("models:/NAME", f"models:/{name}").replace(f"{name}/VERSION", f"{name}/{version}")
    return shortened(f"### Decision\n{verdict}: {'; '.join(reasons)}.\n\n{card}")


def shortened(markdown: str, limit: int = MAX_DESCRIPTION_CHARACTERS) -> str:
    """The sections of a text that fit, in their order, and where the rest is."""
    if len(markdown) <= limit:
        return markdown
    rest = "\n\n*The card goes on in `model_card.md` among the artifacts of the source run.*\n"
    sections = markdown.split("\n\n## ")
    while len(sections) > 1 and len("\n\n## ".join(sections)) + len(rest) > limit:
        sections.pop()
    return "\n\n## ".join(sections)[: limit - len(rest)] + rest
