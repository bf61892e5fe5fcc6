"""(b) Accuracy of the recipes over seeds, and the curve of accuracy against time.

The curve's points are chosen on the validation split; the test split is read once per seed, here.
"""

import statistics
from collections.abc import Mapping
from typing import Any

import click

import measurement
from measurement import HERE, mean_with_interval, median_with_range

# Name -> recipe, values laid over it, seeds.
POINTS: Mapping[str, tuple[str, Mapping[str, Any], int]] = {
    "fast": ("fast", {}, 10),
    "accurate": ("accurate", {}, 5),
    "accurate, depth 2": ("accurate", {"model.depth": 2}, 3),
    "accurate, depth 2, 24 epochs": ("accurate", {"model.depth": 2, "train.epochs": 24, "train.patience": 24}, 3),
}


@click.command()
@click.option("--only", type=click.Choice(list(POINTS)), multiple=True, help="These points and no others.")
@measurement.quick_option
def main(*, only: tuple[str, ...], quick: bool) -> None:
    """Measure and publish."""
    rows, measured = [], {}
    for name in only or POINTS:
        recipe, values, seeds = POINTS[name]
        shrunk = {"train.epochs": 1, "train.patience": 1} if quick else {}
        with measurement.project("mnist", recipe, {**values, **shrunk}) as folder:
            fits = [
                measurement.python(HERE / "one_fit.py", folder, "--seed", seed, "--test").result()
                for seed in range(1, 2 if quick else seeds + 1)
            ]
        measured[name] = fits
        accuracies = [fit["test_accuracy"] for fit in fits]
        rows.append(
            (
                name,
                len(fits),
                mean_with_interval(accuracies),
                f"{min(accuracies):.4f}",
                f"{statistics.fmean(fit['val_accuracy'] for fit in fits):.4f}",
                median_with_range([fit["fit_s"] for fit in fits], 1),
                fits[0]["epochs"],
                f"{fits[0]['parameters']:,}",
            )
        )
        click.echo(f"{name}: {rows[-1][2]}", err=True)
    measurement.publish(
        "recipes",
        "MNIST, mean test accuracy ± 95 % interval over n seeds, median fit (lowest to highest)",
        ("point", "n", "test accuracy", "lowest", "validation accuracy", "fit in s", "epochs", "parameters"),
        rows,
        measured,
    )


if __name__ == "__main__":
    main()
