"""The same fit with the tracker off and on, alternating, in one process. Prints one line of JSON.

One process, because the fits of two processes differ by more than tracking costs: where the kernel puts a process and
its memory stays as it is for its whole life.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import psutil

import measurement
from glyphline import data, journal, training
from glyphline import params as parameters
from glyphline.mlflow_sync import projector_launch
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.training.keras_import import import_keras
from glyphline.values import EpochHook


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--rounds", default=5, show_default=True, help="Fits with either.")
def main(folder: Path, *, rounds: int) -> None:
    """Fit what params.yaml of the project in FOLDER describes, again and again."""
    paths = Paths(work=folder, home=folder)
    params = parameters.read(paths.params)
    train, val = data.load(paths.split("train")), data.load(paths.split("val"))
    import_keras()

    def fit(*, tracked: bool) -> tuple[float, str]:
        with _hook(params, paths, tracked=tracked) as on_epoch:
            # What the train stage does while its projector imports MLflow.
            measurement.python("-c", measurement.KERAS)
            began = time.perf_counter()
            fitted = training.fit(params, training.prepare(params, train, val), seed=params.seed, on_epoch=on_epoch)
            return time.perf_counter() - began, fitted.weights_digest()

    # Once before: making the store takes seconds that no later fit needs, and the first fit sets up the device.
    digests = {fit(tracked=True)[1]}
    fits: dict[str, list[float]] = {"off": [], "on": []}
    for number in range(rounds):
        # Each is first in every other round: a machine that is getting slower must not favour one of them.
        for state in ("on", "off") if number % 2 else ("off", "on"):
            seconds, digest = fit(tracked=state == "on")
            fits[state].append(seconds)
            digests.add(digest)
    if len(digests) > 1:
        raise click.ClickException(f"the fits were not the same: {sorted(digests)}")
    click.echo(json.dumps(fits))


@contextmanager
def _hook(params: Params, paths: Paths, *, tracked: bool) -> Iterator[EpochHook | None]:
    if not tracked:
        yield None
        return
    with journal.record(params, paths, stage="train", launch=projector_launch.start) as recorder:
        run = recorder.start(experiment=params.data.dataset)
        run.params(params.flat())
        yield lambda epoch, metrics: run.metrics(metrics, step=epoch)
    # What the projector still has to send must not slow down the next fit.
    psutil.wait_procs(psutil.Process().children(recursive=True))


if __name__ == "__main__":
    main()
