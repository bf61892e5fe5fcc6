"""The default pipeline against the imports that it cannot avoid, as ratios within one run.

Each round measures, one after the other on the same machine: `python -c "import tensorflow, mlflow"`, and `dvc repro`
of the default pipeline in a new clone. Machines are shared and noisy; the ratio of neighbours is what can be compared.
"""

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

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
IMPORTS = "import tensorflow, mlflow"
PACKAGES = ("tensorflow", "keras", "mlflow", "dvc", "optuna", "scikit-learn")


def _seconds(command: list[str], folder: Path) -> float:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    return time.perf_counter() - began


def _round() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "clone"
        _seconds(["git", "clone", "-q", str(ROOT), str(clone)], ROOT)
        imports = _seconds([sys.executable, "-c", IMPORTS], clone)
        pipeline = _seconds(["dvc", "repro"], clone)
        again = _seconds(["dvc", "repro"], clone)
        stages = json.loads((clone / "mlruns" / "stage-times.json").read_text())
    return {"imports_s": imports, "pipeline_s": pipeline, "no_op_s": again} | {f"{k}_s": v for k, v in stages.items()}


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often everything is measured.")
def main(rounds: int) -> None:
    """Measure, print a Markdown table, write JSON."""
    _seconds([sys.executable, "-c", IMPORTS], ROOT)  # once unmeasured: the disk's cache is warm for all that follows
    seen = []
    for number in range(rounds):
        seen.append(_round())
        click.echo(
            f"round {number + 1}: " + ", ".join(f"{key} {value:.1f}" for key, value in seen[-1].items()), err=True
        )
    ratios = [row["pipeline_s"] / row["imports_s"] for row in seen]
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    versions = {package: version(package) for package in PACKAGES}
    result = {"machine": machine, "versions": versions, "rounds": seen, "ratios": ratios}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "pipeline.json").write_text(json.dumps(result, indent=2) + "\n")
    table = [f"{machine}; n = {rounds}; median (lowest to highest)", "", "| what | seconds |", "|---|---|"]
    for key in seen[0]:
        values = [row[key] for row in seen]
        table.append(
            f"| {key.removesuffix('_s')} | {statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f}) |"
        )
    table.append(f"| pipeline / imports | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |")
    (RESULTS / "pipeline.md").write_text("\n".join(table) + "\n")
    click.echo("\n".join(table))


if __name__ == "__main__":
    main()
