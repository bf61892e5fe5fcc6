"""A fit on images of 224 x 224 x 3 that are read from disk against the same fit with them in memory, in one process.

The light network takes little time for an image, as a GPU does, so that the reading is a larger part of it.
"""

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import click
import numpy as np

import measurement
from glyphline import params as parameters
from glyphline import training
from glyphline.data import store
from glyphline.training.keras_import import import_keras
from glyphline.values import Split

SIDE, CLASSES = 224, 3
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "params.yaml": {},
    "light": {"model.filters": [2], "model.depth": 1, "model.batch_norm": False, "model.dense_units": 0},
}
UNVARIED = {f"train.augment.{name}": 0.0 for name in ("shift", "rotation_deg", "zoom")}


def made(folder: Path, name: str, count: int) -> Split:
    """A split of noise in `folder`."""
    random = np.random.default_rng(count)
    images = random.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    labels = np.arange(count, dtype=np.int64) % CLASSES
    store.save(folder / name, name, images, labels, classes=tuple("abc"), dataset="noise")
    return store.load(folder / name)


def forgotten(split: Split) -> None:
    """Have the system take the file of the images out of its memory, as if it were larger than that."""
    assert isinstance(split.images, np.memmap)
    handle = os.open(str(split.images.filename), os.O_RDONLY)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


@click.command()
@measurement.quick_option
def main(*, quick: bool) -> None:
    """Measure and publish."""
    import_keras()
    rows, measured = [], []
    base = parameters.overlay(parameters.read(measurement.ROOT / "params.yaml"), {"train.memory_mb": 1 << 20})
    with tempfile.TemporaryDirectory(dir=measurement.ROOT / "benchmarks") as name:
        train, val = made(Path(name), "train", 64 if quick else 512), made(Path(name), "val", 6)
        for network, values in NETWORKS.items():
            params = parameters.overlay(base, {**values, **(UNVARIED if values else {})})
            streaming = parameters.overlay(params, {"train.memory_mb": 1})
            contexts = {
                "memory": training.prepare(params, train, val),
                "disk": training.prepare(streaming, train, val),
            }
            seconds: dict[str, list[float]] = {source: [] for source in contexts}
            digests = set()
            for number in range(2 if quick else 3):
                for source in contexts if number % 2 else reversed(contexts):
                    forgotten(train)
                    began = time.perf_counter()
                    fitted = training.fit(params, contexts[source], seed=params.seed, epochs=2)
                    seconds[source].append(time.perf_counter() - began)
                    digests.add(fitted.weights_digest())
            # The first of each compiles, and finds the reader's threads and the device not yet set up.
            ratios = [disk / memory for disk, memory in zip(seconds["disk"][1:], seconds["memory"][1:], strict=True)]
            measured.append({"network": network, "digests": sorted(digests), **seconds})
            rows.append(
                (
                    network,
                    *(f"{mean(seconds[source][1:]):.2f}" for source in contexts),
                    f"{mean(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})",
                    "the same" if len(digests) == 1 else "others",
                )
            )
            click.echo(" ".join(rows[-1]), err=True)
    measurement.publish(
        "streaming",
        f"{len(train.labels):,} images of {SIDE} x {SIDE} x 3, two epochs, alternating in one process",
        ("network", "memory, s", "disk, s", "disk / memory", "weights"),
        rows,
        measured,
    )


if __name__ == "__main__":
    main()
