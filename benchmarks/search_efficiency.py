"""How many epochs the search needs for what blind search finds, and how long KerasTuner's Hyperband takes.

Per study seed, on the splits of a project that has been preprocessed: blind search with full-length trials; then TPE
with Hyperband until it is as good; then, if `keras-tuner` is installed, its Hyperband over the same space and network.

    python benchmarks/search_efficiency.py --project FOLDER
"""

import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from glyphline import data, params, training, tuning
from glyphline.params import Params, overlay
from glyphline.paths import Paths
from glyphline.tuning.report import Outcome

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


class Silent:
    """Follows a search and says nothing."""

    def begin(self, *_: Any) -> "Silent":
        """Follow a trial no closer than the search."""
        return self

    def epoch(self, *_: Any) -> None:
        """Nothing."""

    def end(self, *_: Any) -> None:
        """Nothing."""


def _search(values: Params, setting: training.Setting) -> tuple[Outcome, float]:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        place = tuning.Place(Path(scratch) / "optuna.db")
        found = tuning.search(values, "efficiency", place, Silent(), lambda: setting, identity={})
    return found, time.perf_counter() - began


def epochs_to(found: Outcome, target: float) -> int | None:
    """Epochs of all trials up to the one that first is as good as `target`; None when none is."""
    total = 0
    for row in found.rows:
        total += row["epochs"]
        if row["state"] == "COMPLETE" and row["val_loss"] <= target:
            return total
    return None


def keras_tuner(values: Params, setting: training.Setting, epochs: int) -> dict[str, float] | None:
    """Best val_loss and seconds of KerasTuner's Hyperband; None where it is not installed."""
    try:
        import keras_tuner
    except ImportError:
        return None
    began, losses = time.perf_counter(), []

    class Tuner(keras_tuner.Hyperband):
        def run_trial(self, trial: Any, *_: Any, **__: Any) -> float:
            chosen = {}
            for key, entry in values.tune.space.items():
                if entry.choices is not None:
                    chosen[key] = trial.hyperparameters.Choice(key, list(entry.choices))
                else:
                    sampling = "log" if entry.log else "linear"
                    chosen[key] = trial.hyperparameters.Float(key, entry.low, entry.high, sampling=sampling)
            length = int(trial.hyperparameters.values.get("tuner/epochs", epochs))
            fitted = training.fit(overlay(values, chosen), setting, seed=values.seed, epochs=length)
            losses.append(fitted.best["val_loss"])
            return losses[-1]

    with tempfile.TemporaryDirectory() as scratch:
        objective = keras_tuner.Objective("default_objective", "min")
        tuner = Tuner(
            lambda _: None, objective, max_epochs=epochs, factor=3, seed=values.seed, directory=scratch, overwrite=True
        )
        tuner.search()
    return {"val_loss": min(losses), "seconds": time.perf_counter() - began}


@click.command()
@click.option("--project", default=str(ROOT), help="Folder whose data/processed is searched on.")
@click.option("--seeds", default=5, show_default=True)
@click.option("--trials", default=40, show_default=True, help="Of blind search.")
@click.option("--epochs", default=9, show_default=True, help="Of a full-length trial.")
@click.option("--quick", is_flag=True, help="One seed, 6 trials of 3 epochs.")
def main(project: str, seeds: int, trials: int, epochs: int, *, quick: bool) -> None:
    """Measure, print and write JSON."""
    seeds, trials, epochs = (1, 6, 3) if quick else (seeds, trials, epochs)
    paths = Paths(Path(project), Path(project))
    base = overlay(
        params.read(paths.params),
        {"tune.epochs": epochs, "train.epochs": epochs, "train.patience": epochs, "tune.finalists": 0},
    )
    setting = training.prepare(base, data.load(paths.split("train")), data.load(paths.split("val")))
    found = []
    for seed in range(seeds):
        blind, blind_s = _search(
            overlay(base, {"seed": seed, "tune.trials": trials, "tune.sampler": "random", "tune.pruner": "none"}),
            setting,
        )
        guided, guided_s = _search(
            overlay(base, {"seed": seed, "tune.trials": trials, "tune.sampler": "tpe", "tune.pruner": "hyperband"}),
            setting,
        )
        needed = epochs_to(guided, blind.val_loss)
        spent = sum(row["epochs"] for row in blind.rows)
        found.append(
            {
                "seed": seed,
                "blind": {"val_loss": blind.val_loss, "epochs": spent, "seconds": blind_s},
                "guided": {"val_loss": guided.val_loss, "epochs_to_blind": needed, "seconds": guided_s},
                "part": None if needed is None else needed / spent,
                "keras_tuner": keras_tuner(overlay(base, {"seed": seed}), setting, epochs),
            }
        )
        click.echo(json.dumps(found[-1]), err=True)
    parts = [one["part"] for one in found if one["part"] is not None]
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    result = {"machine": machine, "reached": len(parts), "of": len(found), "seeds": found}
    result["median_part"] = statistics.median(parts) if parts else None
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "search_efficiency.json").write_text(json.dumps(result, indent=2) + "\n")
    click.echo(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
