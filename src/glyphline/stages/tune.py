"""tune: search for the parameters with the lowest validation loss."""

import csv
import io
from functools import cache

from glyphline import data, files, records, tracking, training, tuning
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Best
from glyphline.tracking.trials import TrialRuns
from glyphline.tuning.identity import code_digest, study_name


def run(params: Params, paths: Paths) -> None:
    """Run the missing trials of the study; leave the winner's values, a table of the trials and their journal."""
    train, val = data.load(paths.split("train")), data.load(paths.split("val"))
    with tracking.record(params, paths, stage="tune") as recorder:
        if params.tune.trials == 0:
            _write(paths, Best(values={}, trial=None, val_loss=None, study=None, complete=0, pruned=0, failed=0), ())
            return

        @cache
        def setting() -> training.Setting:
            return training.prepare(params, train, val, project=paths.work)

        name = study_name(
            params, {"train": train.digest, "val": val.digest}, code_digest(params.model.kind, paths.work)
        )
        experiment = f"{params.data.dataset}/tuning"
        parent = recorder.start(experiment=experiment, name=name, tags={"glyphline.study": name})
        parent.params(params.flat())
        found = tuning.search(params, name, paths.study, TrialRuns(recorder, experiment, parent), setting)
        best = Best(
            values=found.values,
            trial=found.number,
            val_loss=found.val_loss,
            study=found.study,
            complete=found.complete,
            pruned=found.pruned,
            failed=found.failed,
        )
        _write(paths, best, found.rows)
        parent.metrics({"best_val_loss": found.val_loss, "best_trial": found.number}, step=0)
        parent.metrics({"complete": found.complete, "pruned": found.pruned, "failed": found.failed}, step=0)
        parent.artifact(paths.best)
        parent.artifact(paths.trials)
        parent.end("FINISHED")


def _write(paths: Paths, best: Best, rows: tuple[dict[str, object], ...]) -> None:
    table = io.StringIO()
    columns = list(dict.fromkeys(column for row in rows for column in row)) or ["trial", "state", "val_loss", "epochs"]
    writer = csv.DictWriter(table, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(paths.trials, table.getvalue())
    records.write(paths.best, best)
