"""register: a version of the model, its aliases, and the decision about `champion`."""

import logging

from glyphline import records, registry, tracking
from glyphline.errors import RegistryError
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Decision, Evaluation, Training
from glyphline.registry import Candidate, Destination
from glyphline.tracking import store

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths) -> None:
    """Register the run of the trained and evaluated model; leave the decision and its reasons."""
    candidate = _candidate(params, paths)
    if candidate is None:
        raise RegistryError(
            f"the store holds no model of run {tracking.last_key(paths.journal('train'))}; was it deleted there?",
            fix="restore the run in the UI, or train again with `dvc repro -f -s train`, then `dvc repro`",
        )
    decision = registry.release(candidate, _destination(params, paths), params.registry.min_accuracy)
    records.write(paths.decision, decision)
    aliases = ", ".join(decision.aliases)
    log.info("%s version %d (%s): %s", decision.name, decision.version, aliases, "; ".join(decision.reasons))


def restore(params: Params, paths: Paths) -> Decision | None:
    """Register the workspace's run again where the store has lost it; None when there is nothing to do."""
    if not all(path.exists() for path in (paths.decision, paths.training, paths.evaluation)):
        return None
    decision = records.read(paths.decision, Decision, stage="register")
    training = records.read(paths.training, Training, stage="train")
    evaluation = records.read(paths.evaluation, Evaluation, stage="evaluate")
    if len({decision.weights_digest, training.weights_digest, evaluation.weights_digest}) > 1:
        log.info("decision.json is about an earlier model; `dvc repro` registers the present one")
        return None
    candidate = _candidate(params, paths)
    return None if candidate is None else registry.restore(candidate, _destination(params, paths), decision)


def _candidate(params: Params, paths: Paths) -> Candidate | None:
    training = records.read(paths.training, Training, stage="train")
    evaluation = records.read(paths.evaluation, Evaluation, stage="evaluate")
    sent = tracking.flush(params, paths).get(tracking.last_key(paths.journal("train")))
    if sent is None or not sent.model_id or not sent.model_location:
        return None
    card = paths.model_card.read_text(encoding="utf-8")
    return Candidate(sent.run_id, sent.model_id, sent.model_location, training, evaluation, card)


def _destination(params: Params, paths: Paths) -> Destination:
    return Destination(
        uri=store.uri(params, paths),
        name=params.registry.name,
        timeout_s=params.tracking.timeout_s,
        lock=paths.mlruns / "registry.lock",
    )
