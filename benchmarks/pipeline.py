"""(c) Wall time of the default pipeline and of each stage against its floor, as ratios within one run.

Each round measures, one after the other: the imports that nobody can avoid, and `dvc repro` of the default pipeline in
a new clone, twice. A stage's floor is what it cannot do without: the interpreter and the stage's heavy libraries,
imported in a process that does nothing else; the bytes of its data, read once; and the fits that it ran, by the clock
of its own journal.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

import click

import measurement
from measurement import KERAS, ROOT, median_with_range

IMPORTS = "import tensorflow, mlflow"
FLOORS = {
    "scan": "import pydantic, ruamel.yaml",
    "fetch": "import numpy, pydantic, ruamel.yaml",
    "preprocess": "import numpy, pydantic, ruamel.yaml, PIL",
    "tune": f"import optuna; {KERAS}",
    "train": KERAS,
    "evaluate": f"import matplotlib.figure, sklearn.metrics; {KERAS}",
    "register": "import mlflow",
}
DATA = {
    "scan": (),
    "fetch": (),
    "preprocess": ("data/raw",),
    "tune": ("data/processed/train", "data/processed/val"),
    "train": ("data/processed/train", "data/processed/val"),
    "evaluate": ("data/processed/test", "artifacts/train"),
    "register": ("artifacts/train", "artifacts/evaluate"),
}


def fits_s(journal: Path) -> float:
    """Seconds that the runs of a journal spent fitting: from the note of the device or the start to the last epoch."""
    began: dict[str, int] = {}
    ended: dict[str, int] = {}
    for line in journal.read_text().splitlines():
        event = json.loads(line)
        if event["kind"] in {"start", "tags"} and event["run"] not in ended:
            began[event["run"]] = event["time"]
        elif event["kind"] == "metrics" and "train_loss" in event["values"]:
            ended[event["run"]] = event["time"]
    return sum(end - began[run] for run, end in ended.items()) / 1000


def read_s(folder: Path, names: tuple[str, ...]) -> float:
    """Seconds to read every byte of some folders."""
    began = time.perf_counter()
    for name in names:
        for path in (folder / name).rglob("*"):
            if path.is_file():
                path.read_bytes()
    return time.perf_counter() - began


def one_round() -> dict[str, float]:
    """All measurements once; keys end in their unit."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "clone"
        measurement.run("git", "clone", "-q", ROOT, clone)
        seen = {"imports_s": measurement.python("-c", IMPORTS).seconds}
        own = {"PYTHONPATH": str(clone / "src")}
        seen["pipeline_s"] = measurement.run("dvc", "repro", folder=clone, environ=own).seconds
        seen["no_op_s"] = measurement.run("dvc", "repro", folder=clone, environ=own).seconds
        recorded = json.loads((clone / "mlruns" / "stage-times.json").read_text())
        # Beside the stages there is the seal of the file.
        times = {stage: entry["seconds"] for stage, entry in recorded.items() if stage in FLOORS}
        for stage, statement in FLOORS.items():
            journal = clone / "artifacts" / stage / "journal.jsonl"
            seen[f"{stage}_s"] = times[stage]
            seen[f"{stage}_imports_s"] = measurement.python("-c", statement, folder=clone).seconds
            seen[f"{stage}_read_s"] = read_s(clone, DATA[stage])
            seen[f"{stage}_fits_s"] = fits_s(journal) if stage in {"tune", "train"} else 0.0
        return seen


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often everything is measured.")
@measurement.quick_option
def main(*, rounds: int, quick: bool) -> None:
    """Measure and publish."""
    rounds = 1 if quick else rounds
    measurement.python("-c", IMPORTS)  # once unmeasured: the disk's cache is warm for all that follows
    seen = []
    for number in range(rounds):
        seen.append(one_round())
        click.echo(
            f"round {number + 1}: {seen[-1]['pipeline_s'] / seen[-1]['imports_s']:.2f} times the imports", err=True
        )

    def middle(key: str) -> float:
        return statistics.median(row[key] for row in seen)

    rows = []
    for stage in FLOORS:
        parts = [middle(f"{stage}_{part}_s") for part in ("imports", "read", "fits")]
        took = middle(f"{stage}_s")
        rows.append((stage, f"{took:.2f}", *(f"{part:.2f}" for part in parts), f"{took - sum(parts):+.2f}"))
    for key, name in (("pipeline_s", "all, with DVC"), ("no_op_s", "nothing to do"), ("imports_s", f"`{IMPORTS}`")):
        rows.append((name, median_with_range([row[key] for row in seen]), "", "", "", ""))
    ratios = [row["pipeline_s"] / row["imports_s"] for row in seen]
    rows.append(("all / imports", median_with_range(ratios), "", "", "", ""))
    measurement.publish(
        "pipeline",
        f"Default pipeline (digits), n = {rounds}; medians in s (lowest to highest)",
        ("stage", "wall", "floor: imports", "floor: bytes read", "floor: fits", "above the floor"),
        rows,
        {"rounds": seen, "ratios": ratios},
    )


if __name__ == "__main__":
    main()
