"""register: a version of the model, its aliases, and the decision about `champion`."""

import logging
import subprocess
import sys
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from glyphline import files, journal, mlflow_sync, records, registry
from glyphline.errors import ArtifactError, RegistryError
from glyphline.mlflow_sync import store
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Cost, Decision, Evaluation, Training
from glyphline.registry import FinishedRun, Keys, PairedResult, RegistryLocation, VersionArtifacts
from glyphline.registry.log_events import VersionJudged
from glyphline.registry.run_artifacts import Rescore
from glyphline.scoring import paired_tests, predictions

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths) -> None:
    """Register the run of the trained and evaluated model; leave the decision and its reasons."""
    candidate = _candidate(params, paths)
    if candidate is None:
        key = journal.last_key(paths.journal("train"))
        mlflow_sync.check_experiment(params, paths, key)
        raise RegistryError(
            f"the store holds no model of run {key}; was it deleted there?",
            fix="restore the run in the UI, or train again with `dvc repro -f -s train`, then `dvc repro`",
        )
    to = destination(params, paths)
    decision = registry.register_run(
        candidate, to, params.registry, compare, rescore=rescoring(params, paths), keys=keys(params, paths)
    )
    records.write(paths.decision, decision)
    aliases = ", ".join(decision.aliases)
    log.info("%s version %d (%s): %s", decision.name, decision.version, aliases, "; ".join(decision.reasons))


def restore(params: Params, paths: Paths, decision: Decision, *, after: Collection[int] = ()) -> Decision | None:
    """Register a run again where the store has lost it; None when there is nothing to do.

    Args:
        params: of the project.
        paths: where the run's files are.
        decision: about the run.
        after: versions that were restored just before, of earlier decisions.
    """
    training = records.read(paths.training, Training, stage="train")
    evaluation = records.read(paths.evaluation, Evaluation, stage="evaluate")
    if len({decision.weights_digest, training.weights_digest, evaluation.weights_digest}) > 1:
        log.info("decision.json is about an earlier model; `dvc repro` registers the present one")
        return None
    candidate = _candidate(params, paths)
    if candidate is None:
        return None
    to = replace(destination(params, paths), name=decision.name)
    return registry.restore_version(candidate, to, decision, compare, after=after)


def compare(champion: Path, champion_sha256: str, challenger: Path, challenger_sha256: str) -> PairedResult:
    """Champion and challenger image by image.

    Raises:
        ArtifactError: a file was changed since it was recorded.
        DataError: they were not scored on the same images.
    """
    first, second = predictions.read(champion, champion_sha256), predictions.read(challenger, challenger_sha256)
    paired_tests.check_comparable(first, second)
    only_first = int((first.right & ~second.right).sum())
    only_second = int((~first.right & second.right).sum())
    return PairedResult(
        count=len(first),
        only_champion=only_first,
        only_challenger=only_second,
        p_value=paired_tests.mcnemar(only_first, only_second),
        interval=lambda level: paired_tests.difference_interval(only_first, only_second, len(first), level),
    )


def destination(params: Params, paths: Paths) -> RegistryLocation:
    """Which registered model, in which store."""
    return RegistryLocation(
        uri=store.uri(params, paths),
        name=params.model_name,
        timeout_s=params.tracking.timeout_s,
        lock=paths.mlruns / "registry.lock",
    )


def rescoring(params: Params, paths: Paths) -> Rescore:
    """Score a registered model again on the workspace's test split, in a process of its own that may load TensorFlow.

    Only `glyphline rescore` opens the split; what it makes are the predictions that evaluate made of the same model.
    """

    def rescore(held: VersionJudged) -> Path:
        target = paths.mlruns / "rescored" / f"{held.predictions_sha256}.npz"
        # Kept ones count only where they are, byte by byte, those that the log knows: anybody can put a file there.
        if not target.is_file() or files.sha256(target) != held.predictions_sha256:
            command = [sys.executable, "-m", "glyphline", "rescore", f"models:/{params.model_name}/{held.version}"]
            done = subprocess.run([*command, str(target)], cwd=paths.work, check=False, capture_output=True, text=True)
            if done.returncode:
                said = " ".join(done.stderr.split())[-200:]
                raise ArtifactError(
                    f"the predictions of version {held.version} are gone, and it cannot be scored again: {said}",
                    fix="bring its files back with `glyphline sync`, or check out its data",
                )
            check_rescored(target, held)
        return target

    return rescore


def check_rescored(path: Path, held: VersionJudged) -> None:
    """Refuse predictions that a version did not make, or not on the split that it was judged on.

    Raises:
        ArtifactError: other weights, or another split.
    """
    said = predictions.read(path)
    if (said.weights_digest, said.test_digest) != (held.weights_digest, held.test_digest):
        raise ArtifactError(
            f"the new predictions are not of version {held.version}: weights {said.weights_digest[:12]} on test split"
            f" {said.test_digest[:12]}, and the log has {held.weights_digest[:12]} on {held.test_digest[:12]}",
            fix="look at the version with `glyphline history`",
        )


def keys(params: Params, paths: Paths) -> Keys:
    """Where the keys for signatures are; paths in params.yaml begin at the project's folder."""
    private, public = params.registry.signing_key, params.registry.verification_key
    return Keys(paths.home / private if private else None, paths.home / public if public else None)


def _candidate(params: Params, paths: Paths) -> FinishedRun | None:
    training = records.read(paths.training, Training, stage="train")
    evaluation = records.read(paths.evaluation, Evaluation, stage="evaluate")
    cost = records.read(paths.cost, Cost, stage="evaluate")
    sent = mlflow_sync.flush(params, paths).get(journal.last_key(paths.journal("train")))
    if sent is None or not sent.model_id or not sent.model_location:
        return None
    card = paths.model_card.read_text(encoding="utf-8")
    digests = files.sha256(paths.evaluation), files.sha256(paths.cost)
    evidence = VersionArtifacts(evaluation, cost, paths.predictions, *digests)
    return FinishedRun(sent.run_id, sent.model_id, sent.model_location, training, evidence, card)
