"""(a) The fit that reaches the accuracy of the plain Keras MNIST script, against that script's own fit.

Each round fits both, one after the other, each in a process of its own; imports are not counted, tracing is.
"""

import statistics

import click

import measurement
from measurement import HERE, mean_with_interval, median_with_range


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Seeds; both are fitted with each.")
@measurement.quick_option
def main(*, rounds: int, quick: bool) -> None:
    """Measure and publish."""
    rounds, epochs = (1, 1) if quick else (rounds, 5)
    measured = []
    with measurement.project("mnist", "fast") as folder:
        for seed in range(1, rounds + 1):
            plain = measurement.python(HERE / "plain_keras.py", folder, "--seed", seed, "--epochs", epochs).result()
            fast = measurement.python(HERE / "one_fit.py", folder, "--seed", seed, "--test").result()
            measured.append({"plain": plain, "fast": fast, "ratio": plain["fit_s"] / fast["fit_s"]})
            click.echo(f"seed {seed}: plain {plain['fit_s']:.1f} s, fast {fast['fit_s']:.2f} s", err=True)
    rows = [
        (
            name,
            mean_with_interval([row[key]["test_accuracy"] for row in measured]),
            median_with_range([row[key]["fit_s"] for row in measured]),
            f"{measured[0][key]['parameters']:,}",
        )
        for name, key in ((f"plain Keras script, {epochs} epochs", "plain"), ("recipe `fast`", "fast"))
    ]
    ratios = [row["ratio"] for row in measured]
    rows.append(("plain / fast", "", f"{median_with_range(ratios, 1)}", ""))
    measurement.publish(
        "time_to_accuracy",
        f"MNIST, n = {rounds} seeds each, alternating; mean accuracy ± 95 % interval, median fit (lowest to highest)",
        ("what", "test accuracy", "fit in s", "parameters"),
        rows,
        {"rounds": measured, "median_ratio": statistics.median(ratios)},
    )


if __name__ == "__main__":
    main()
