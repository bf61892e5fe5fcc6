"""(e) What tracking costs a fit: the same fit with the tracker off and on, alternating."""

import statistics

import click

import measurement
from measurement import HERE, median_with_range


@click.command()
@click.option("--rounds", default=10, show_default=True, help="Fits of `fast` with either; `accurate` half.")
@measurement.quick_option
def main(*, rounds: int, quick: bool) -> None:
    """Measure and publish."""
    rows, measured = [], {}
    for recipe, wanted in (("fast", rounds), ("accurate", max(1, rounds // 2))):
        count, shrunk = (1, {"train.epochs": 1, "train.patience": 1}) if quick else (wanted, {})
        with measurement.project("mnist", recipe, shrunk) as folder:
            fits = measurement.python(HERE / "alternating_fits.py", folder, "--rounds", count).result()
        ratios = [on / off - 1 for on, off in zip(fits["on"], fits["off"], strict=True)]
        measured[recipe] = {**fits, "extra": ratios, "median_extra": statistics.median(ratios)}
        rows.append(
            (
                f"`{recipe}`",
                count,
                median_with_range(fits["off"]),
                median_with_range(fits["on"]),
                median_with_range([100 * ratio for ratio in ratios], 1),
                f"{100 * (statistics.median(fits['on']) / statistics.median(fits['off']) - 1):.1f}",
            )
        )
        click.echo(" ".join(map(str, rows[-1])), err=True)
    measurement.publish(
        "tracking_cost",
        "MNIST, the same fit without and with tracking, alternating in one process; medians (lowest to highest)",
        ("recipe", "n", "tracker off, s", "tracker on, s", "extra per pair, %", "extra of the medians, %"),
        rows,
        measured,
    )


if __name__ == "__main__":
    main()
