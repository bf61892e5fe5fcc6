"""register: a version of the model, its aliases, and the decision about `champion`."""

import logging

from glyphline import journal, mlflow_sync, records, registry
from glyphline.errors import RegistryError
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.registry import EvaluatedModel, FinishedRun, Keys, RegistryLocation

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths) -> None:
    """Register the run of the trained and evaluated model; leave the decision and its reasons."""
    model = EvaluatedModel.read(paths)
    key = journal.last_key(paths.journal("train"))
    sent = mlflow_sync.flush(params, paths).get(key)
    finished = None if sent is None else FinishedRun.of(sent.run_id, sent.model_id, sent.model_location, model)
    if finished is None:
        mlflow_sync.check_experiment(params, paths, key)
        raise RegistryError(
            f"the store holds no model of run {key}; was it deleted there?",
            fix="restore the run in the UI, or train again with `dvc repro -f -s train`, then `dvc repro`",
        )
    decision = registry.register_run(
        finished,
        RegistryLocation.of(params, paths),
        params.registry,
        rescore=registry.rescorer(params.model_name, paths),
        keys=Keys.of(params.registry, paths.home),
    )
    records.write(paths.decision, decision)
    aliases = ", ".join(decision.aliases)
    log.info("%s version %d (%s): %s", decision.name, decision.version, aliases, "; ".join(decision.reasons))
