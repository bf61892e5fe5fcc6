"""What all benchmarks share: projects to measure in, child processes and their memory, the machine, tables, results.

Machines are shared and noisy: what is compared runs alternately in one session, and ratios of neighbours count.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click
import psutil
from ruamel.yaml import YAML
from scipy import stats

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "results"
SECONDS_BETWEEN_LOOKS = 0.1
PACKAGES = ("tensorflow", "jax", "keras", "mlflow", "dvc", "optuna", "scikit-learn")

KERAS = "from glyphline.training.keras_import import import_keras; import_keras()"
"""A program that imports Keras as the stages do."""

quick_option = click.option("--quick", is_flag=True, help="As little as shows that the benchmark works.")


@dataclass(frozen=True, slots=True)
class Ended:
    """A child process that ended well.

    Attributes:
        out: its standard output.
        seconds: wall time.
        peak_bytes: the most resident memory that it held.
    """

    out: str
    seconds: float
    peak_bytes: int

    def result(self) -> dict[str, Any]:
        """The last line of the output, as JSON."""
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


def run(*command: object, folder: Path = ROOT, environ: Mapping[str, str] | None = None) -> Ended:
    """Run a command of this Python's environment, with the package of this checkout.

    Raises:
        click.ClickException: it failed; with the end of what it said.
    """
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    modules = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PATH": scripts, "PYTHONPATH": modules} | dict(environ or {})
    words = [str(word) for word in command]
    began = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise click.ClickException(f"{' '.join(words)} failed:\n{err.read().decode(errors='replace')[-4000:]}")
        # Linux counts in KiB, macOS in bytes.
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return Ended(out.read().decode(), seconds, peak)


def python(*arguments: object, folder: Path = ROOT, environ: Mapping[str, str] | None = None) -> Ended:
    """Run this Python."""
    return run(sys.executable, *arguments, folder=folder, environ=environ)


def peak_memory(command: Sequence[str], folder: Path) -> dict[str, float]:
    """The most that a command and its children held at one time, in MB, and how long it took.

    Returns:
        `own`: their own pages; `mapped`: mapped files; `seconds`.
    """
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    began = time.perf_counter()
    process = psutil.Popen(list(command), cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = {"own": 0.0, "mapped": 0.0}
    # A full pipe would stop the process.
    said: list[bytes] = []
    reader = threading.Thread(target=lambda: said.extend(process.stderr))
    reader.start()
    while process.poll() is None:
        held = {"own": 0.0, "mapped": 0.0}
        for member in [process, *process.children(recursive=True)]:
            try:
                pages = dict(
                    line.split(":", 1) for line in Path(f"/proc/{member.pid}/smaps_rollup").read_text().splitlines()[1:]
                )
            except (OSError, psutil.Error):
                continue
            own, resident = (int(pages[name].split()[0]) / 1000 for name in ("Anonymous", "Rss"))
            held["own"] += own
            held["mapped"] += resident - own
        peak = {name: max(peak[name], held[name]) for name in peak}
        time.sleep(SECONDS_BETWEEN_LOOKS)
    seconds = time.perf_counter() - began
    reader.join()
    if process.returncode:
        raise click.ClickException(b"".join(said).decode(errors="replace")[-4000:])
    return peak | {"seconds": seconds}


@contextmanager
def project(dataset: str, recipe: str | None = None, values: Mapping[str, Any] | None = None) -> Iterator[Path]:
    """A project in a temporary folder, with its images fetched and split.

    Args:
        dataset: name in the catalogue.
        recipe: written into its params.yaml.
        values: dotted key -> value, written after the recipe.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in ("params.yaml", "dvc.yaml"):
            shutil.copy(ROOT / name, folder)
        if recipe:
            python("-m", "glyphline", "recipe", recipe, folder=folder)
        change(folder, {"data.dataset": dataset, **(values or {})})
        for stage in ("fetch", "preprocess"):
            python("-m", "glyphline", stage, folder=folder)
        yield folder


def change(folder: Path, values: Mapping[str, Any]) -> None:
    """Write values into a project's params.yaml."""
    yaml = YAML()
    tree = yaml.load(folder / "params.yaml")
    for dotted, value in values.items():
        *sections, leaf = dotted.split(".")
        section = tree
        for name in sections:
            section = section[name]
        section[leaf] = value
    yaml.dump(tree, folder / "params.yaml")


def machine() -> str:
    """The hardware and Python, in a line."""
    model = platform.machine()
    if (known := Path("/proc/cpuinfo")).exists():
        names = [line.partition(":")[2].strip() for line in known.read_text().splitlines() if "model name" in line]
        model = f"{names[0]} ({model})" if names else model
    return f"{os.cpu_count()} cores, {model}, {platform.system()}, Python {platform.python_version()}"


def installed(packages: Sequence[str]) -> dict[str, str]:
    """The versions of those packages that are there: a benchmark of fits runs without the rest."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def mean_with_interval(values: Sequence[float]) -> str:
    """The mean and the half width of its 95 % interval (Student's t), for accuracies."""
    if len(values) < 2:
        return f"{statistics.fmean(values):.4f}"
    half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.fmean(values):.4f} ± {half:.4f}"


def median_with_range(values: Sequence[float], digits: int = 2) -> str:
    """The median, and lowest to highest."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def publish(name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], measured: Any) -> None:
    """Print a Markdown table and leave it in benchmarks/results/, with all that was measured as JSON.

    Args:
        name: of the two files.
        title: what was compared, with n.
        columns: heads of the table.
        rows: its cells.
        measured: every single measurement.
    """
    versions = installed(PACKAGES)
    used = ", ".join(f"{package} {number}" for package, number in versions.items())
    lines = [f"{title}. {machine()}; {used}.", "", f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    text = "\n".join(lines) + "\n"
    record = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "versions": versions}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text)
    (RESULTS / f"{name}.json").write_text(json.dumps({"title": title, **record, "measured": measured}, indent=2) + "\n")
    click.echo(text)
