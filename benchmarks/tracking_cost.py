"""(e) What tracking costs a fit: the same fit with the tracker on and off, alternating, each in its own process."""

import statistics

import click

import measurement
from measurement import HERE, median_with_range


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often each is fitted with either.")
@measurement.quick_option
def main(*, rounds: int, quick: bool) -> None:
    """Measure and publish."""
    rows, measured = [], {}
    for recipe, wanted in (("fast", rounds), ("accurate", max(2, rounds // 2))):
        count, shrunk = (1, {"train.epochs": 1, "train.patience": 1}) if quick else (wanted, {})
        fits: dict[str, list[float]] = {"on": [], "off": []}
        with measurement.project("mnist", recipe, shrunk) as folder:
            # Once before: making the store takes seconds that no later fit needs.
            measurement.python(HERE / "one_fit.py", folder, "--tracked")
            for number in range(count):
                # Each is first in every other round: a machine that is getting slower must not favour one of them.
                for state in ("on", "off") if number % 2 else ("off", "on"):
                    words = ["--tracked"] if state == "on" else []
                    fits[state].append(measurement.python(HERE / "one_fit.py", folder, *words).result()["fit_s"])
        ratios = [on / off - 1 for on, off in zip(fits["on"], fits["off"], strict=True)]
        measured[recipe] = {**fits, "extra": ratios, "median_extra": statistics.median(ratios)}
        rows.append(
            (
                f"`{recipe}`",
                count,
                median_with_range(fits["off"]),
                median_with_range(fits["on"]),
                median_with_range([100 * ratio for ratio in ratios], 1),
            )
        )
        click.echo(" ".join(map(str, rows[-1])), err=True)
    measurement.publish(
        "tracking_cost",
        "MNIST, the same fit without and with tracking, alternating; medians (lowest to highest)",
        ("recipe", "n", "tracker off, s", "tracker on, s", "extra, %"),
        rows,
        measured,
    )


if __name__ == "__main__":
    main()
