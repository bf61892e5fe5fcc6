"""The evaluate stage on MNIST's 10,000 test images, everything on, against TensorFlow's import: ratios of neighbours.

Trains one network first (not measured). Then each round measures `python -c "import tensorflow"` and the stage one
after the other, with the stage's peak memory, and compares what it wrote with what it wrote the round before.
"""

import hashlib
import tempfile
from pathlib import Path

import click

import measurement
from measurement import ROOT, median_with_range

SHORT = {
    "data.dataset": "mnist",
    "tune.trials": 0,
    "train.epochs": 1,
    "train.patience": 1,
    "train.batch_size": 256,
}
# These hold times and facts of the machine, and may differ each time.
MEASURED = {"journal.jsonl", "cost.json", "model_card.md"}


def digests(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 of the stage's outs that must be equal each time."""
    outs = sorted(path for path in (folder / "artifacts" / "evaluate").rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in outs if path.name not in MEASURED}


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often everything is measured.")
@measurement.quick_option
def main(*, rounds: int, quick: bool) -> None:
    """Measure and publish."""
    rounds = 1 if quick else rounds
    rows, written = [], []
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "clone"
        measurement.run("git", "clone", "-q", ROOT, clone)
        measurement.change(clone, SHORT)
        environ = {"PYTHONPATH": str(clone / "src")}
        measurement.run("dvc", "repro", "evaluate", folder=clone, environ=environ)
        for _ in range(rounds):
            imports = measurement.python("-c", "import tensorflow", folder=clone).seconds
            stage = measurement.python("-m", "glyphline", "evaluate", folder=clone, environ=environ)
            written.append(digests(clone))
            ratio = stage.seconds / imports
            rows.append(
                {"import_s": imports, "evaluate_s": stage.seconds, "ratio": ratio, "peak_mb": stage.peak_bytes / 2**20}
            )
            click.echo(", ".join(f"{key} {value:.2f}" for key, value in rows[-1].items()), err=True)
        # Wait for the process that carries the runs to MLflow: it would write into a folder that is being removed.
        measurement.python("-m", "glyphline", "sync", folder=clone, environ=environ)
    identical = all(one == written[0] for one in written)
    measurement.publish(
        "evaluation",
        f"`evaluate` on MNIST, n = {rounds}; median (lowest to highest); outs bit-identical: {identical}",
        ("what", "value"),
        [(key, median_with_range([row[key] for row in rows])) for key in rows[0]],
        {"rounds": rows, "bit_identical": identical},
    )


if __name__ == "__main__":
    main()
