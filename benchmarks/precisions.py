"""The recipes in each precision that this machine's devices have, on the backend that KERAS_BACKEND names.

Everything is judged on the validation split. Needs Keras, its backend and what reads params.yaml and images; no DVC,
MLflow or Optuna.
"""

from typing import Any

import click

import measurement
from measurement import HERE, mean_with_interval, median_with_range

PRECISIONS = ("float32", "bfloat16", "float16")


@click.command()
@click.option("--seeds", default=3, show_default=True, help="Fits of each; the first seed is fitted once more.")
@measurement.quick_option
def main(*, seeds: int, quick: bool) -> None:
    """Measure and publish."""
    rows, measured = [], {}
    for recipe in ("fast",) if quick else ("fast", "accurate"):
        with measurement.project("mnist", recipe) as folder:
            for precision in PRECISIONS:
                measurement.change(folder, {"train.precision": precision})
                try:
                    again, *fits = [
                        measurement.python(HERE / "one_fit.py", folder, "--seed", seed).result()
                        for seed in (1, *range(1, 2 if quick else seeds + 1))
                    ]
                except click.ClickException as refused:
                    reason = refused.message.strip().splitlines()[-1]
                    if "TrainingError" not in reason:
                        raise
                    measured[f"{recipe}, {precision}"] = {"refused": reason}
                    click.echo(f"{recipe}, {precision}: {reason}", err=True)
                    continue
                measured[f"{recipe}, {precision}"] = {"again": again, "fits": fits}
                rows.append(row(recipe, precision, again, fits))
                click.echo(f"{recipe}, {precision}: {rows[-1][3:]}", err=True)
    measurement.publish(
        "precisions",
        "MNIST, median fit in s (lowest to highest) and mean validation accuracy ± 95 % interval over n seeds",
        (
            "recipe",
            "device and precision",
            "n",
            "fit in s",
            "an epoch after the first in s",
            "validation accuracy",
            "twice the same weights",
        ),
        rows,
        measured,
    )


def row(recipe: str, precision: str, again: dict[str, Any], fits: list[dict[str, Any]]) -> tuple[object, ...]:
    """A row of the table."""
    later = [fit["later_epoch_s"] for fit in fits if fit["later_epoch_s"] is not None]
    return (
        recipe,
        f"{fits[0]['device'].partition(',')[0]}, {precision}",
        len(fits),
        median_with_range([fit["fit_s"] for fit in fits], 1),
        median_with_range(later) if later else "",
        mean_with_interval([fit["val_accuracy"] for fit in fits]),
        "yes" if again["weights_digest"] == fits[0]["weights_digest"] else "NO",
    )


if __name__ == "__main__":
    main()
