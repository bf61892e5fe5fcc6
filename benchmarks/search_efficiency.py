"""How many epochs and seconds the search needs for what blind search finds, beside KerasTuner's Hyperband.

Per study seed, on a part of MNIST: blind search with full-length trials; then TPE with Hyperband until it is as good;
then, if `keras-tuner` is installed, its Hyperband over the same space and network.

    python benchmarks/search_efficiency.py
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import measurement
from glyphline import data, params, training, tuning
from glyphline.params import Params, overlay
from glyphline.paths import Paths
from glyphline.tuning.report import Outcome
from glyphline.values import Split
from measurement import median_with_range


class Clock:
    """Follows a search and notes when each trial ended."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self.ends: list[float] = []

    def begin(self, *_: Any) -> "Clock":
        """Follow a trial no closer than the search."""
        return self

    def epoch(self, *_: Any) -> None:
        """Nothing."""

    def end(self, *_: Any) -> None:
        """Seconds since the search began."""
        self.ends.append(time.perf_counter() - self._began)


def search(values: Params, setting: training.Setting) -> tuple[Outcome, list[float]]:
    """What a search found, and seconds from its beginning to the end of each trial."""
    with tempfile.TemporaryDirectory() as scratch:
        place, clock = tuning.Place(Path(scratch) / "optuna.db"), Clock()
        return tuning.search(values, "efficiency", place, clock, lambda: setting, identity={}), clock.ends


def reaching(found: Outcome, ends: list[float], target: float) -> dict[str, float] | None:
    """Trials, epochs and seconds up to the first finished trial as good as `target`; None when there is none."""
    epochs = 0
    for row, seconds in zip(found.rows, ends, strict=True):
        epochs += row["epochs"]
        if row["state"] == "COMPLETE" and row["val_loss"] <= target:
            return {"trials": row["trial"] + 1, "epochs": epochs, "seconds": seconds}
    return None


def keras_tuner(values: Params, setting: training.Setting, epochs: int, target: float) -> dict[str, Any] | None:
    """Best val_loss, epochs and seconds of KerasTuner's Hyperband; None where it is not installed.

    KerasTuner goes on from saved weights where a trial is promoted. Here every fit is a whole one, as its schedule
    ends with its length; epochs that KerasTuner would not have run again, and their seconds, are not counted.
    """
    try:
        from keras_tuner import Hyperband, HyperParameters, Objective
    except ImportError:
        return None
    spent = {"epochs": 0, "seconds": 0.0}
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
                setting,
                seed=values.seed,
                epochs=length,
                on_epoch=lambda *_: ends.append(time.perf_counter()),
            )
            seconds = time.perf_counter() - began
            if done:
                seconds -= done * (ends[-1] - ends[0]) / (len(ends) - 1)
            spent["epochs"] += length - done
            spent["seconds"] += seconds
            loss = float(fitted.best["val_loss"])
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
@click.option("--recipe", default="fast", show_default=True, help="The network and the training that are searched.")
@click.option("--seeds", default=5, show_default=True, help="Of the study.")
@click.option("--trials", default=40, show_default=True, help="Of blind search, and at most of the other.")
@click.option("--epochs", default=9, show_default=True, help="Of a full-length trial.")
@click.option("--of", default=8, show_default=True, help="Every how many-th image of MNIST is used.")
@measurement.quick_option
def main(recipe: str, seeds: int, trials: int, epochs: int, of: int, *, quick: bool) -> None:
    """Measure and publish."""
    seeds, trials, epochs, of = (1, 4, 3, 40) if quick else (seeds, trials, epochs, of)
    length = {"tune.epochs": epochs, "train.epochs": epochs, "train.patience": epochs, "tune.finalists": 0}
    # The batch size of params.yaml must be one of the space, as trial 0 is params.yaml.
    with measurement.project("mnist", recipe, {"train.batch_size": 64, "tune.trials": trials}) as folder:
        paths = Paths(work=folder, home=folder)
        base = overlay(params.read(paths.params), length)
        splits = (part(data.load(paths.split(name)), of) for name in ("train", "val"))
        setting = training.prepare(base, *splits)
    found = [measured(overlay(base, {"seed": seed}), setting, epochs) for seed in range(seeds)]
    reached = [one for one in found if one["guided"]["reached"]]
    rows = [
        ("blind search", trials, median_with_range([one["blind"]["epochs"] for one in found], 0), "", ""),
        (
            "TPE with Hyperband, until as good as blind search",
            median_with_range([one["guided"]["reached"]["trials"] for one in reached], 0) if reached else "never",
            median_with_range([one["guided"]["reached"]["epochs"] for one in reached], 0) if reached else "never",
            median_with_range([one["guided"]["reached"]["seconds"] for one in reached], 1) if reached else "never",
            f"{len(reached)} of {seeds}",
        ),
    ]
    if beside := [one["keras_tuner"] for one in found if one["keras_tuner"]]:
        rows.append(
            (
                "KerasTuner's Hyperband, whole",
                "",
                median_with_range([one["epochs"] for one in beside], 0),
                median_with_range([one["seconds"] for one in beside], 1),
                f"{sum(one['reached'] is not None for one in beside)} of {seeds}",
            )
        )
    measurement.publish(
        "search_efficiency",
        f"What a search needs for the best val_loss of {trials} blind trials of {epochs} epochs; every {of}th image of "
        f"MNIST, recipe {recipe}; median (lowest to highest) of {seeds} study seeds",
        ("search", "trials", "epochs", "seconds", "seeds that reached it"),
        rows,
        found,
    )


def measured(values: Params, setting: training.Setting, epochs: int) -> dict[str, Any]:
    """One study seed."""
    # Another seed: the first trials of both searches would be the same draws.
    unguided = {"seed": values.seed + 1000, "tune.sampler": "random", "tune.pruner": "none"}
    blind, blind_ends = search(overlay(values, unguided), setting)
    guided, guided_ends = search(overlay(values, {"tune.sampler": "tpe", "tune.pruner": "hyperband"}), setting)
    spent, reached = sum(row["epochs"] for row in blind.rows), reaching(guided, guided_ends, blind.val_loss)
    one = {
        "seed": values.seed,
        "blind": {"val_loss": blind.val_loss, "trial": blind.number, "epochs": spent, "seconds": blind_ends[-1]},
        "guided": {"val_loss": guided.val_loss, "reached": reached, "seconds": guided_ends[-1]},
        "part": reached and reached["epochs"] / spent,
        "keras_tuner": keras_tuner(values, setting, epochs, blind.val_loss),
    }
    click.echo(one, err=True)
    return one


if __name__ == "__main__":
    main()
