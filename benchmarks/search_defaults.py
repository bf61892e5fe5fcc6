"""Which search should be the default: tree-structured Parzen with `median`, or a Gaussian process with `halving`.

Both get the same epochs, from the values and over the space of params.yaml, on the digits and on a set of photographs,
on five splits each and in turn. What counts is the loss of the winner, fitted again as `train` fits it with seeds
that the search has not seen.

    python benchmarks/search_defaults.py --photos ../shared/datasets/photos.tar
"""

import statistics
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import click
import numpy as np

import measurement
from glyphline import data, params, training, tuning
from glyphline.params import Params, overlay
from glyphline.paths import Paths
from search_efficiency import ReachedError, Trial, Trials

SEARCHES = {
    "tpe, median": {"tune.sampler": "tpe", "tune.pruner": "median", "tune.startup_trials": 3},
    "gp, halving": {"tune.sampler": "gp", "tune.pruner": "halving", "tune.startup_trials": 3},
    "gp, halving, 1 startup trial": {"tune.sampler": "gp", "tune.pruner": "halving", "tune.startup_trials": 1},
}
FEW_TRIALS = 3
FEW_TRIALS_ONLY = ("gp, halving, 1 startup trial",)
"""Searches that can be better only where the others draw every trial blindly."""
PHOTOS = "sign_digits"
FRESH_SEEDS = (1001, 1002, 1003)


class Budget(Trials):
    """Ends a search after so many epochs, its trials' together."""

    def __init__(self, epochs: int) -> None:
        super().__init__(float("-inf"))
        self.epochs = epochs

    def begin(self, _name: str, _number: int, values: Mapping[str, Any], _worker: str) -> Trial:
        """A trial begins, if epochs are left.

        Raises:
            ReachedError: none are.
        """
        if sum(trial.epochs for trial in self.all) >= self.epochs:
            raise ReachedError
        return super().begin(_name, _number, values, _worker)


def search(values: Params, fit_context: training.FitContext, epochs: int) -> dict[str, Any]:
    """Best val_loss within that many epochs, and of the winner when it is fitted again as `train` fits it."""
    trials = Budget(epochs)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch, suppress(ReachedError):
        location = tuning.StudyLocation(Path(scratch) / "optuna.db")
        tuning.search(values, "defaults", location, trials, lambda: fit_context, identity={})
    seconds = time.perf_counter() - began
    complete = [trial for trial in trials.all if trial.val_loss is not None]
    best = min(complete, key=lambda trial: trial.val_loss or 0)
    fitted = [
        training.fit(overlay(values, best.values), fit_context, seed=seed, epochs=values.train.epochs).best_metrics
        for seed in FRESH_SEEDS
    ]
    return {
        "trials": len(trials.all),
        "pruned": sum(trial.state == "PRUNED" for trial in trials.all),
        "epochs": sum(trial.epochs for trial in trials.all),
        "seconds": seconds,
        "search": best.val_loss,
        "winner": dict(best.values),
        "val_loss": statistics.fmean(float(one["val_loss"]) for one in fitted),
        "val_accuracy": statistics.fmean(float(one["val_accuracy"]) for one in fitted),
    }


def table(results: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """A row for each data set, budget and search: means over the splits, and the differences to today's search."""
    rows = []
    for name, budget in dict.fromkeys((one["dataset"], one["budget"]) for one in results):
        here = [one for one in results if (one["dataset"], one["budget"]) == (name, budget)]
        reference = np.array([one["val_loss"] for one in here if one["search_by"] == "tpe, median"])
        for one_search in dict.fromkeys(one["search_by"] for one in here):
            mine = [one for one in here if one["search_by"] == one_search]
            values = np.array([one["val_loss"] for one in mine])
            rows.append(
                (
                    name,
                    budget,
                    one_search,
                    measurement.mean_with_interval(list(values)),
                    measurement.mean_with_interval(list(values - reference)),
                    measurement.mean_with_interval([one["val_accuracy"] for one in mine]),
                    f"{statistics.fmean(one['trials'] for one in mine):.1f}",
                    f"{statistics.fmean(one['seconds'] for one in mine):.0f}",
                )
            )
    return rows


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), help=f"photos.tar, whose folder {PHOTOS} is used.")
@click.option("--split", "splits", multiple=True, type=int, default=range(5), show_default=True, help="Split seed.")
@click.option("--image-size", default=32, show_default=True, help="Of the photographs.")
@click.option("--trials", default=20, show_default=True, help="Whole trials that the larger budget is worth.")
@click.option("--epochs", default=8, show_default=True, help="Of a whole trial of the larger budget.")
@measurement.quick_option
def main(photos: Path | None, splits: Sequence[int], image_size: int, trials: int, epochs: int, *, quick: bool) -> None:
    """Measure and publish."""
    # Trials and epochs of a trial: the shipped ones, and the larger ones.
    budgets = ((FEW_TRIALS, 3),) if quick else ((FEW_TRIALS, 3), (trials, epochs))
    splits = (0,) if quick else splits
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        sets: dict[str, dict[str, Any]] = {"digits": {}}
        if photos is not None:
            with tarfile.open(photos) as archive:
                archive.extractall(
                    scratch, [one for one in archive if one.name.lstrip("./").startswith(PHOTOS)], filter="data"
                )
            sets[PHOTOS] = {"data.path": str(Path(scratch) / PHOTOS), "preprocess.image_size": [image_size, image_size]}
        for split in splits:
            for name, chosen in sets.items():
                results += measured(name, chosen, split, budgets)
    measurement.publish(
        "search_defaults",
        f"The winner of a search, fitted as `train` fits it, with {len(FRESH_SEEDS)} fresh seeds; {len(splits)} splits,"
        " in turn; mean ± half of the 95 % interval",
        ("data set", "budget", "search", "val_loss", "less tpe's", "val_accuracy", "trials", "seconds"),
        table(results),
        results,
    )


def measured(
    name: str, chosen: Mapping[str, Any], split: int, budgets: Sequence[tuple[int, int]]
) -> list[dict[str, Any]]:
    """All searches on one split of one data set."""
    results = []
    with ExitStack() as stack:
        folder = stack.enter_context(measurement.project(name, None, {**chosen, "preprocess.split_seed": split}))
        paths = Paths(work=folder, home=folder)
        base = overlay(params.read(paths.params), {"seed": split})
        fit_context = training.prepare(base, *(data.load(paths.split(part)) for part in ("train", "val")))
        for trials, epochs in budgets:
            # Pruned trials leave epochs for others: as many trials as the epochs last.
            length = {
                "tune.trials": trials if trials == FEW_TRIALS else 10 * trials,
                "tune.epochs": epochs,
                "tune.launcher": "inline",
            }
            for search_by, options in SEARCHES.items():
                if search_by in FEW_TRIALS_ONLY and trials > FEW_TRIALS:
                    continue
                one = search(overlay(base, length | options), fit_context, trials * epochs)
                label = {"dataset": name, "split": split, "budget": f"{trials} x {epochs}", "search_by": search_by}
                click.echo({**label, **one}, err=True)
                results.append({**label, **one})
    return results


if __name__ == "__main__":
    main()
