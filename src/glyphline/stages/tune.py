"""tune: search for the parameters with the lowest validation loss."""

import logging
from functools import partial

from glyphline import backbones, data, files, journal, records, training, tuning
from glyphline.journal.trial_runs import TrialRuns
from glyphline.params import Params
from glyphline.params.model import PRETRAINED
from glyphline.paths import Paths
from glyphline.records import Best, Rechecked

log = logging.getLogger(__name__)

# `dvc plots` says that it failed where the folder of figures is missing.
NO_SEARCH = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="440" height="60">'
    '<text x="20" y="36" font-family="sans-serif" font-size="16">No search: tune.trials is 0</text></svg>\n'
)


def run(params: Params, paths: Paths, launch: journal.Launch) -> None:
    """Run the missing trials of the study; write the winner's values, tables of the trials and their journal."""
    train, val = data.load(paths.split("train")), data.load(paths.split("val"))
    with journal.record(params, paths, stage="tune", launch=launch) as recorder:
        if params.tune.trials == 0:
            _write(paths, Best(values={}, trial=None, val_loss=None, study=None, complete=0, pruned=0, failed=0))
            files.write_text(paths.stage("tune") / "figures" / "no_search.svg", NO_SEARCH)
            return
        tuning.check_space(params, train)
        _say_what_is_searched(params)
        digests = {"train": train.digest, "val": val.digest, **_backbone_digests(params, paths)}
        identity = tuning.identity(params, digests, tuning.code_digest(params, paths.work))
        name = tuning.study_name(params, identity)
        # Before params.yaml is recorded: in a URL that cannot be read, the password may stand anywhere.
        location = tuning.study_location(params, paths.study)
        experiment = f"{params.data.dataset}/tuning"
        parent = recorder.start(experiment=experiment, name=name, tags={"glyphline.study": name})
        parent.params(params.flat())
        result = tuning.search(
            params,
            name,
            location,
            TrialRuns(recorder, experiment, parent),
            partial(prepare, params, paths),
            identity=identity,
            figures=paths.stage("tune") / "figures",
        )
        best = _best(result)
        _write(paths, best, result)
        parent.metrics({"best_val_loss": result.val_loss, "best_trial": result.number}, step=0)
        parent.metrics({"complete": result.complete, "pruned": result.pruned, "failed": result.failed}, step=0)
        if best.rechecked is not None:
            parent.metrics(best.rechecked.model_dump(exclude_none=True), step=0)
        for path in sorted(paths.stage("tune").glob("**/*.*")):
            if path != paths.journal("tune"):
                parent.artifact(path, folder="figures" if path.parent.name == "figures" else "")
        parent.end("FINISHED")


def prepare(params: Params, paths: Paths) -> training.FitContext | training.FeatureContext:
    """Device and data of the process that calls it."""
    train, val = data.load(paths.split("train")), data.load(paths.split("val"))
    folders = training.FeatureFolders(paths.features, paths.backbone)
    searched = params.tune.space.get("train.tune_backbone")
    return training.prepare(
        params,
        train,
        val,
        project=paths.work,
        features=folders,
        also_tuned=searched.extremes if searched else (),  # type: ignore[arg-type]
    )


def _backbone_digests(params: Params, paths: Paths) -> dict[str, str]:
    if params.model.kind != PRETRAINED:
        return {}
    known = backbones.read_manifest(paths.backbone).backbones
    return {f"backbone {name}": weights.sha256 for name, weights in known.items()}


def _say_what_is_searched(params: Params) -> None:
    given = params.flat()
    searched = ", ".join(f"{key} ({given[key]} in params.yaml)" for key in params.tune.space)
    if searched:
        log.info(
            "searched: %s; the winner may have other values: take a parameter out of tune.space to fix it to its "
            "value in params.yaml, or all of them with `-S tune.trials=0`",
            searched,
        )


def _best(result: tuning.SearchResult) -> Best:
    winner = next(iter(result.rechecked), None)
    return Best(
        values=result.values,
        trial=result.number,
        val_loss=result.val_loss,
        study=result.study,
        complete=result.complete,
        pruned=result.pruned,
        failed=result.failed,
        rechecked=None
        if winner is None
        else Rechecked(
            seeds=len(winner.losses), mean_val_loss=winner.mean, spread=winner.spread, shrinkage=winner.shrinkage
        ),
    )


def _write(paths: Paths, best: Best, result: tuning.SearchResult | None = None) -> None:
    for name, text in tuning.tables(result).items():
        files.write_text(paths.stage("tune") / name, text)
    records.write(paths.best, best)
