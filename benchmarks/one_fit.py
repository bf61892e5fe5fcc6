"""One fit by Glyphline in a process of its own, timed apart from the imports. Prints one line of JSON."""

import json
import time
from pathlib import Path

import click
import numpy as np

from glyphline import data, training
from glyphline import params as parameters
from glyphline.paths import Paths
from glyphline.training.keras_import import import_keras


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", default=1, show_default=True)
@click.option("--test", is_flag=True, help="Score on the test split: once per seed, when nothing is chosen any more.")
def main(folder: Path, *, seed: int, test: bool) -> None:
    """Fit what params.yaml of the project in FOLDER describes."""
    paths = Paths(work=folder, home=folder)
    params = parameters.read(paths.params)
    train, val = data.load(paths.split("train")), data.load(paths.split("val"))
    import_keras()
    ends: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()
    setting = training.prepare(params, train, val)
    fitted = training.fit(params, setting, seed=seed, on_epoch=lambda _epoch, _row: ends.append(time.perf_counter()))
    seconds = time.perf_counter() - began
    said = {
        "seed": seed,
        "fit_s": seconds,
        "cpu_s": time.process_time() - cpu,
        # The first epoch also compiles.
        "later_epoch_s": float(np.median(np.diff(ends))) if len(ends) > 1 else None,
        "val_accuracy": fitted.best_metrics["val_accuracy"],
        "parameters": fitted.parameters,
        "epochs": len(fitted.history),
        "weights_digest": fitted.weights_digest(),
        "device": str(setting.device),
    }
    if test:
        model = folder / f"model-{seed}.keras"
        fitted.save(model)
        split = data.load(paths.split("test"))
        probs = training.open_classifier(model, split, batch_size=params.evaluate.batch_size).probabilities(
            split.images
        )
        said["test_accuracy"] = float(np.mean(probs.argmax(axis=1) == split.labels))
    click.echo(json.dumps(said))


if __name__ == "__main__":
    main()
