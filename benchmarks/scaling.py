"""(d) Seconds per image and peak memory as the data grows, resident and streaming under a memory budget.

The training split of MNIST is repeated 1, 4 and 16 times and fitted for one epoch by `glyphline train` itself; the
streaming fit has a budget that is smaller than even the smallest of the sets.
"""

import json
from pathlib import Path

import click
import numpy as np

import measurement
from glyphline.data import store
from glyphline.data.store import load

STREAMING_MB = 16


def repeat(folder: Path, source: Path, times: int) -> int:
    """Put the training split of `source` into `folder`, repeated; return the number of its images."""
    split = load(source / "data" / "processed" / "train")
    images = np.concatenate([split.images] * times)
    labels = np.concatenate([split.labels] * times)
    target = folder / "data" / "processed" / "train"
    store.save(target, "train", images, labels, classes=split.classes, dataset="mnist", rows=np.arange(len(labels)))
    return len(labels)


@click.command()
@measurement.quick_option
def main(*, quick: bool) -> None:
    """Measure and publish."""
    rows, measured = [], []
    with (
        measurement.project("mnist", "fast") as source,
        measurement.project("mnist", "fast", {"registry.min_accuracy": 0.0}) as folder,
    ):
        measurement.python("-m", "glyphline", "tune", folder=folder)
        for times in (1, 2) if quick else (1, 4, 16):
            count = repeat(folder, source, times)
            for kind, budget_mb in (("resident", 1 << 20), ("streaming", STREAMING_MB)):
                measurement.change(folder, {"train.memory_mb": budget_mb})
                stage = measurement.python("-m", "glyphline", "train", folder=folder)
                fit = measurement.python(measurement.HERE / "one_fit.py", folder).result()
                digest = json.loads((folder / "artifacts" / "train" / "training.json").read_text())["weights_digest"]
                row = {"times": times, "images": count, "kind": kind, "fit_s": fit["fit_s"], "weights_digest": digest}
                measured.append(row | {"peak_bytes": stage.peak_bytes, "stage_s": stage.seconds})
                rows.append(
                    (
                        f"{times}x",
                        f"{count:,}",
                        kind,
                        f"{fit['fit_s']:.1f}",
                        f"{1e6 * fit['fit_s'] / count:.1f}",
                        f"{stage.peak_bytes / 1e9:.2f}",
                    )
                )
                click.echo(" ".join(map(str, rows[-1])), err=True)
    measurement.publish(
        "scaling",
        f"MNIST repeated, recipe `fast`, n = 1; streaming: train.memory_mb {STREAMING_MB}; peak of `glyphline train`",
        ("size", "images", "images are", "fit in s", "µs per image", "peak GB"),
        rows,
        measured,
    )


if __name__ == "__main__":
    main()
