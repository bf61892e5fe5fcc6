"""(b) Accuracy of the recipes over seeds, and the curve of accuracy against time, in fits of the plain Keras script.

The curve's points are chosen on the validation split; the test split is read once per seed, here. The plain script is
fitted once before each point, so that its time and theirs are of one hour.
"""

import statistics
from collections.abc import Mapping
from typing import Any

import click

import measurement
from measurement import HERE, mean_with_interval, median_with_range

# The most accurate that five fits of the plain script's time bought: three networks whose mean counts, 5 x 5 kernels
# throughout, weight decay, wider variations and, now that nothing is chosen any more, most of the images that were set
# aside to choose on.
THREE: Mapping[str, Any] = {
    "model.members": 3,
    "model.kernel_size": 5,
    "model.dropout": 0.4,
    "train.weight_decay": 0.02,
    "train.augment.shift": 0.1,
    "train.augment.rotation_deg": 12.0,
    "train.augment.zoom": 0.12,
    "preprocess.val_fraction": 0.05,
}


def lasting(epochs: int) -> dict[str, Any]:
    """A fit of so many epochs, whatever its losses."""
    return {"train.epochs": epochs, "train.patience": epochs}


# Name -> recipe, values laid over it, seeds.
POINTS: Mapping[str, tuple[str, Mapping[str, Any], int]] = {
    "fast": ("fast", {}, 10),
    "accurate": ("accurate", {}, 5),
    "accurate, 12 epochs": ("accurate", lasting(12), 3),
    "three members, 13 epochs": ("accurate", THREE | lasting(13), 3),
}


@click.command()
@click.option("--only", type=click.Choice(list(POINTS)), multiple=True, help="These points and no others.")
@measurement.quick_option
def main(*, only: tuple[str, ...], quick: bool) -> None:
    """Measure and publish."""
    rows, measured = [], {}
    for name in only or POINTS:
        recipe, values, seeds = POINTS[name]
        with measurement.project("mnist", recipe, {**values, **(lasting(1) if quick else {})}) as folder:
            plain = measurement.python(HERE / "plain_keras.py", folder, "--epochs", 1 if quick else 5).result()
            fits = [
                measurement.python(HERE / "one_fit.py", folder, "--seed", seed, "--test").result()
                for seed in range(1, 2 if quick else seeds + 1)
            ]
        measured[name] = {"plain": plain, "fits": fits}
        accuracies = [fit["test_accuracy"] for fit in fits]
        rows.append(
            (
                name,
                len(fits),
                mean_with_interval(accuracies),
                f"{min(accuracies):.4f}",
                f"{statistics.fmean(fit['val_accuracy'] for fit in fits):.4f}",
                median_with_range([fit["fit_s"] for fit in fits], 1),
                median_with_range([fit["fit_s"] / plain["fit_s"] for fit in fits]),
                fits[0]["epochs"],
                f"{fits[0]['parameters']:,}",
            )
        )
        click.echo(f"{name}: {rows[-1][2]}", err=True)
    measurement.publish(
        "recipes",
        "MNIST, mean test accuracy ± 95 % interval over n seeds, median fit (lowest to highest)",
        (
            "point",
            "n",
            "test accuracy",
            "lowest",
            "validation accuracy",
            "fit in s",
            "fits of the plain script",
            "epochs",
            "parameters",
        ),
        rows,
        measured,
    )


if __name__ == "__main__":
    main()
