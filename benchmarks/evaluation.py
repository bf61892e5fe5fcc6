"""The evaluate stage on MNIST's 10,000 test images, everything on, against TensorFlow's import: ratios of neighbours.

Trains one network first (not measured). Then each round measures `python -c "import tensorflow"` and the stage one
after the other, with the stage's peak memory, and compares what it wrote with what it wrote the round before.
"""

import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import click
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
QUICK = {"data": {"dataset": "mnist"}, "tune": {"trials": 0}, "train": {"epochs": 1, "patience": 1, "batch_size": 256}}
# Times and the processes that were running: the only outs that may differ.
MEASURED = {"journal.jsonl", "cost.json", "model_card.md"}
PACKAGES = ("tensorflow", "keras", "scikit-learn", "scipy", "matplotlib")


def _run(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall seconds and peak memory in MB of a command and of what it waits for."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
    }
    probe = (
        "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode;"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", probe, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise click.ClickException(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    return seconds, int(done.stdout.split()[-1]) / 1024


def _digests(folder: Path) -> dict[str, str]:
    outs = sorted(path for path in (folder / "artifacts" / "evaluate").rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in outs if path.name not in MEASURED}


def _prepare(clone: Path) -> None:
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    yaml = YAML()
    tree = yaml.load(clone / "params.yaml")
    for section, values in QUICK.items():
        tree[section].update(values)
    yaml.dump(tree, clone / "params.yaml")
    _run(["dvc", "repro", "evaluate"], clone)


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often everything is measured.")
@click.option("--quick", is_flag=True, help="One round: whether it runs, not how fast.")
def main(rounds: int, *, quick: bool) -> None:
    """Measure, print a Markdown table, write JSON."""
    rounds = 1 if quick else rounds
    seen, identical, before = [], True, None
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "clone"
        _prepare(clone)
        for _ in range(rounds):
            imports, _ = _run([sys.executable, "-c", "import tensorflow"], clone)
            seconds, peak_mb = _run([sys.executable, "-m", "glyphline", "evaluate"], clone)
            after = _digests(clone)
            identical &= before in (None, after)
            before = after
            seen.append({"import_s": imports, "evaluate_s": seconds, "ratio": seconds / imports, "peak_mb": peak_mb})
            click.echo(", ".join(f"{key} {value:.2f}" for key, value in seen[-1].items()), err=True)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    result = {
        "machine": machine,
        "versions": {package: version(package) for package in PACKAGES},
        "rounds": seen,
        "bit_identical": identical,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "evaluation.json").write_text(json.dumps(result, indent=2) + "\n")
    table = [f"{machine}; n = {rounds}; median (lowest to highest); outs bit-identical: {identical}", ""]
    table += ["| what | value |", "|---|---|"]
    for key in seen[0]:
        values = [row[key] for row in seen]
        table.append(f"| {key} | {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f}) |")
    (RESULTS / "evaluation.md").write_text("\n".join(table) + "\n")
    click.echo("\n".join(table))


if __name__ == "__main__":
    main()
