"""tune: search for the parameters with the lowest validation loss."""

from functools import partial

from glyphline import data, files, journal, records, training, tuning
from glyphline.journal.trial_runs import TrialRuns
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Best, Rechecked


def run(params: Params, paths: Paths, launch: journal.Launch) -> None:
    """Run the missing trials of the study; leave the winner's values, tables of the trials and their journal."""
    train, val = data.load(paths.split("train")), data.load(paths.split("val"))
    with journal.record(params, paths, stage="tune", launch=launch) as recorder:
        if params.tune.trials == 0:
            _write(paths, Best(values={}, trial=None, val_loss=None, study=None, complete=0, pruned=0, failed=0))
            return
        identity = tuning.identity(
            params, {"train": train.digest, "val": val.digest}, tuning.code_digest(params, paths.work)
        )
        name = tuning.study_name(params, identity)
        # Before params.yaml is noted: a URL that nobody can read may hold its password anywhere.
        place = tuning.study_location(params, paths.study)
        experiment = f"{params.data.dataset}/tuning"
        parent = recorder.start(experiment=experiment, name=name, tags={"glyphline.study": name})
        parent.params(params.flat())
        found = tuning.search(
            params,
            name,
            place,
            TrialRuns(recorder, experiment, parent),
            partial(prepare, params, paths),
            identity=identity,
            figures=paths.stage("tune") / "figures",
        )
        best = _best(found)
        _write(paths, best, found)
        parent.metrics({"best_val_loss": found.val_loss, "best_trial": found.number}, step=0)
        parent.metrics({"complete": found.complete, "pruned": found.pruned, "failed": found.failed}, step=0)
        if best.rechecked is not None:
            parent.metrics(best.rechecked.model_dump(exclude_none=True), step=0)
        for path in sorted(paths.stage("tune").glob("**/*.*")):
            if path != paths.journal("tune"):
                parent.artifact(path, folder="figures" if path.parent.name == "figures" else "")
        parent.end("FINISHED")


def prepare(params: Params, paths: Paths) -> training.FitContext:
    """Device and data of the process that calls it."""
    train, val = data.load(paths.split("train")), data.load(paths.split("val"))
    return training.prepare(params, train, val, project=paths.work)


def _best(found: tuning.SearchResult) -> Best:
    first = next(iter(found.rechecked), None)
    return Best(
        values=found.values,
        trial=found.number,
        val_loss=found.val_loss,
        study=found.study,
        complete=found.complete,
        pruned=found.pruned,
        failed=found.failed,
        rechecked=None
        if first is None
        else Rechecked(
            seeds=len(first.losses), mean_val_loss=first.mean, spread=first.spread, shrinkage=first.shrinkage
        ),
    )


def _write(paths: Paths, best: Best, found: tuning.SearchResult | None = None) -> None:
    for name, text in tuning.tables(found).items():
        files.write_text(paths.stage("tune") / name, text)
    records.write(paths.best, best)
