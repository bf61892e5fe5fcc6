"""How many epochs and seconds the search needs for the result of random search, compared with KerasTuner's Hyperband.

Per study seed, on a part of MNIST, over the space of params.yaml and from its values, which are not tuned for it:
blind search with full-length trials; then a Gaussian process with halving until it is as good; then, if `keras-tuner`
is installed, its Hyperband over the same space and network.

    python benchmarks/search_efficiency.py
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

import measurement
from glyphline import data, params, training, tuning
from glyphline.params import Params, overlay
from glyphline.paths import Paths
from glyphline.values import Split, flatten
from measurement import median_with_range

RECIPE = "fast"
GIVEN = ("train.learning_rate", "train.batch_size", "model.dense_units", "model.dropout")
"""The parameters that are searched: they begin where params.yaml has them, whatever the recipe says."""


class ReachedError(Exception):
    """The search is as good as it was to be."""


@dataclass
class Trial:
    """One trial, recorded while it runs.

    Attributes:
        search: that it belongs to.
        values: dotted key -> value.
        epochs: that were run.
        state: COMPLETE, PRUNED or FAIL; None before its end.
        val_loss: in nats, of a complete trial.
        seconds: from the beginning of the search to the trial's end.
    """

    search: "Trials" = field(repr=False)
    values: Mapping[str, Any]
    epochs: int = 0
    state: str | None = None
    val_loss: float | None = None
    seconds: float = 0.0

    def epoch(self, epoch: int, _: Mapping[str, float]) -> None:
        """Count it."""
        self.epochs = epoch + 1

    def end(self, state: str, measured: Mapping[str, float], _: str | None) -> None:
        """Note it.

        Raises:
            ReachedError: the search needs no further trial.
        """
        self.state, self.seconds = state, time.perf_counter() - self.search.began
        if state == "COMPLETE":
            self.val_loss = measured["val_loss"]
            if self.val_loss <= self.search.target:
                raise ReachedError

    def record(self) -> dict[str, Any]:
        """All but the search."""
        names = ("values", "epochs", "state", "val_loss", "seconds")
        return {name: getattr(self, name) for name in names}


class Trials:
    """Follows a search.

    Args:
        target: val_loss at which it ends.
    """

    def __init__(self, target: float) -> None:
        self.began, self.target, self.all = time.perf_counter(), target, []

    def begin(self, _name: str, _number: int, values: Mapping[str, Any], _worker: str) -> Trial:
        """A trial begins."""
        self.all.append(Trial(self, dict(values)))
        return self.all[-1]


def search(values: Params, fit_context: training.FitContext, target: float = float("-inf")) -> tuple[list[Trial], bool]:
    """The trials of a search that ends with the first as good as `target`, and whether there was one."""
    trials = Trials(target)
    with tempfile.TemporaryDirectory() as scratch, suppress(ReachedError):
        location = tuning.StudyLocation(Path(scratch) / "optuna.db")
        tuning.search(values, "efficiency", location, trials, lambda: fit_context, identity={})
        return trials.all, False
    return trials.all, True


def keras_tuner(values: Params, fit_context: training.FitContext, epochs: int, target: float) -> dict[str, Any] | None:
    """Best val_loss, epochs and seconds of KerasTuner's Hyperband; None where it is not installed.

    KerasTuner goes on from saved weights where a trial is promoted. Here every fit is a whole one, as its schedule
    ends with its length; epochs that KerasTuner would not have run again, and their seconds, are not counted.
    """
    try:
        from keras_tuner import Hyperband, HyperParameters, Objective
    except ImportError:
        return None
    spent = {"trials": 0, "epochs": 0, "seconds": 0.0}
    best, reached = float("inf"), None

    space = HyperParameters()
    for key, entry in values.tune.space.items():
        if entry.choices is not None:
            space.Choice(key, list(entry.choices))
        else:
            space.Float(key, entry.low, entry.high, sampling="log" if entry.log else "linear")

    class Tuner(Hyperband):  # type: ignore[misc]
        def run_trial(self, trial: Any, *_: Any, **__: Any) -> float:
            nonlocal best, reached
            chosen = {key: trial.hyperparameters.get(key) for key in values.tune.space}
            length = int(trial.hyperparameters.values.get("tuner/epochs", epochs))
            done = int(trial.hyperparameters.values.get("tuner/initial_epoch", 0))
            began, ends = time.perf_counter(), []
            fitted = training.fit(
                overlay(values, chosen),
                fit_context,
                seed=values.seed,
                epochs=length,
                on_epoch=lambda *_: ends.append(time.perf_counter()),
            )
            seconds = time.perf_counter() - began
            if done:
                seconds -= done * (ends[-1] - ends[0]) / (len(ends) - 1)
            spent["trials"] += 1
            spent["epochs"] += length - done
            spent["seconds"] += seconds
            loss = float(fitted.best_metrics["val_loss"])
            best = min(best, loss)
            if reached is None and best <= target:
                reached = dict(spent)
            return loss

    with tempfile.TemporaryDirectory() as scratch:
        tuner = Tuner(
            lambda _: None,
            Objective("default_objective", "min"),
            max_epochs=epochs,
            factor=3,
            hyperparameters=space,
            tune_new_entries=False,
            seed=values.seed,
            directory=scratch,
            overwrite=True,
        )
        tuner.search(verbose=0)
    return {"val_loss": best, **spent, "reached": reached}


def part(split: Split, of: int) -> Split:
    """Every `of`-th image."""
    return replace(split, images=split.images[::of].copy(), labels=split.labels[::of].copy())


@click.command()
@click.option("--seed", "seeds", multiple=True, type=int, default=range(5), show_default=True, help="Of a study.")
@click.option("--trials", default=40, show_default=True, help="Of blind search, and at most of the other.")
@click.option("--epochs", default=9, show_default=True, help="Of a full-length trial.")
@click.option("--of", default=16, show_default=True, help="Every how many-th image is used to train.")
@click.option("--val-of", default=4, show_default=True, help="Every how many-th image is used to validate.")
@measurement.quick_option
def main(seeds: Sequence[int], trials: int, epochs: int, of: int, val_of: int, *, quick: bool) -> None:
    """Measure and publish."""
    seeds, trials, epochs, of, val_of = ((0,), 4, 3, 40, 40) if quick else (seeds, trials, epochs, of, val_of)
    given = flatten(params.read(measurement.ROOT / "params.yaml").model_dump())
    start = {key: given[key] for key in GIVEN} | {"tune.trials": trials}
    length = {"tune.epochs": epochs, "train.epochs": epochs, "train.patience": epochs, "tune.finalists": 0}
    with measurement.project("mnist", RECIPE, start) as folder:
        paths = Paths(work=folder, home=folder)
        base = overlay(params.read(paths.params), length)
        splits = (part(data.load(paths.split(name)), every) for name, every in (("train", of), ("val", val_of)))
        fit_context = training.prepare(base, *splits)
    results = [measured(overlay(base, {"seed": seed}), fit_context, trials, epochs) for seed in seeds]
    measurement.publish(
        "search_efficiency",
        f"What a search needs for the best val_loss of {trials} blind trials of {epochs} epochs; MNIST, every"
        f" {of}th image to train and every {val_of}th to validate, recipe {RECIPE};"
        f" median (lowest to highest) of {len(seeds)} study seeds",
        ("search", "trials", "epochs", "seconds", "seeds that reached it"),
        table(results, trials),
        results,
    )


def table(results: Sequence[Mapping[str, Any]], trials: int) -> list[tuple[Any, ...]]:
    """A row for each way of searching: medians over the study seeds."""
    reached = [one["guided"] for one in results if one["guided"]["reached"]]
    rows = [
        (
            "blind search",
            trials,
            median_with_range([one["blind"]["epochs"] for one in results], 0),
            median_with_range([one["blind"]["seconds"] for one in results], 1),
            "",
        ),
        (
            "Gaussian process with halving, until as good as blind search",
            *(
                median_with_range([one[name] for one in reached], digits) if reached else "never"
                for name, digits in (("trials", 0), ("epochs", 0), ("seconds", 1))
            ),
            f"{len(reached)} of {len(results)}",
        ),
    ]
    if hyperband := [one["keras_tuner"] for one in results if one["keras_tuner"]]:
        rows.append(
            (
                "KerasTuner's Hyperband, whole",
                median_with_range([one["trials"] for one in hyperband], 0),
                median_with_range([one["epochs"] for one in hyperband], 0),
                median_with_range([one["seconds"] for one in hyperband], 1),
                f"{sum(one['reached'] is not None for one in hyperband)} of {len(results)}",
            )
        )
    return rows


def measured(values: Params, fit_context: training.FitContext, trials: int, epochs: int) -> dict[str, Any]:
    """One study seed."""
    # Another seed: the first trials of both searches would be the same draws. Trial 0 is params.yaml, and not blind.
    unguided = {
        "seed": values.seed + 1000,
        "tune.sampler": "random",
        "tune.pruner": "none",
        "tune.trials": trials + 1,
    }
    (given, *blind), _ = search(overlay(values, unguided), fit_context)
    target = min(trial.val_loss for trial in blind if trial.val_loss is not None)
    guided, reached = search(overlay(values, {"tune.sampler": "gp", "tune.pruner": "halving"}), fit_context, target)
    spent, needed = sum(trial.epochs for trial in blind), sum(trial.epochs for trial in guided)
    one = {
        "seed": values.seed,
        "blind": {"val_loss": target, "epochs": spent, "seconds": blind[-1].seconds - given.seconds},
        "guided": {
            "reached": reached,
            "val_loss": min(trial.val_loss for trial in guided if trial.val_loss is not None),
            "trials": len(guided),
            "epochs": needed,
            "seconds": guided[-1].seconds,
            "part": needed / spent,
        },
        "keras_tuner": keras_tuner(values, fit_context, epochs, target),
    }
    click.echo(one, err=True)
    each = {"blind": blind, "guided": guided}
    return one | {"trials": {name: [trial.record() for trial in one_search] for name, one_search in each.items()}}


if __name__ == "__main__":
    main()
