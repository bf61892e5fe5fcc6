"""A million images: seconds and memory of each stage, and of a `dvc repro` that has nothing to do.

Images of 32 x 32 x 3 as JPEGs in class folders, and as one .npz file; each count in a project of its own, under DVC.
"""

import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from PIL import Image

import measurement

SIDE, CLASSES, AT_ONCE = 32, 10, 10_000
STAGES = ("scan", "fetch", "preprocess")


def pictures(count: int) -> Iterator[np.ndarray]:
    """Arrays of some pictures each, uint8 (n, 32, 32, 3): smooth ones with some noise."""
    random = np.random.default_rng(count)
    for start in range(0, count, AT_ONCE):
        n = min(AT_ONCE, count - start)
        corners = random.integers(0, 256, (n, 4, 4, 3)).repeat(8, axis=1).repeat(8, axis=2)
        yield np.clip(corners + random.integers(-20, 20, (n, SIDE, SIDE, 3)), 0, 255).astype(np.uint8)


def write_folder(path: Path, count: int) -> None:
    """JPEGs in class folders."""
    for label in range(CLASSES):
        (path / f"class_{label}").mkdir(parents=True)
    number = 0
    for some in pictures(count):
        for picture in some:
            content = io.BytesIO()
            Image.fromarray(picture).save(content, format="JPEG", quality=85)
            (path / f"class_{number % CLASSES}" / f"{number:07}.jpg").write_bytes(content.getvalue())
            number += 1


def write_arrays(path: Path, count: int) -> None:
    """One .npz file."""
    images = np.concatenate(list(pictures(count)))
    np.savez(path, x_train=images, y_train=np.arange(count) % CLASSES)


@click.command()
@click.option("--counts", default="60000,1000000", show_default=True, help="Images, with commas between.")
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Where to work; the system's by default.")
@measurement.quick_option
def main(*, counts: str, folder: Path | None, quick: bool) -> None:
    """Measure and publish."""
    rows, measured = [], []
    for source in ("folder", "npz"):
        for count in (200, 400) if quick else map(int, counts.split(",")):
            with tempfile.TemporaryDirectory(dir=folder) as name:
                work = Path(name, "project")
                work.mkdir()
                for file in ("params.yaml", "dvc.yaml"):
                    shutil.copy(measurement.ROOT / file, work)
                shutil.copytree(measurement.ROOT / "src", work / "src")
                data = Path(name, "images" if source == "folder" else "images.npz")
                (write_folder if source == "folder" else write_arrays)(data, count)
                measurement.change(work, {"data.dataset": "many", "data.path": str(data)})
                measurement.run("dvc", "init", "--no-scm", "-q", folder=work)
                for stage in STAGES:
                    row = {"images": count, "source": source, "stage": stage}
                    words = ["dvc", "repro", "--single-item", stage]
                    measured.append(row | measurement.peak_memory(words, work))
                for _ in range(3):
                    row = {"images": count, "source": source, "stage": "nothing to do"}
                    measured.append(row | measurement.peak_memory(["dvc", "repro", "preprocess"], work))
            for row in measured[-len(STAGES) - 3 :]:
                per_image = f"{1e6 * row['seconds'] / count:.0f}"
                memory = (f"{row[kind]:,.0f}" for kind in ("own", "mapped"))
                rows.append((f"{count:,}", source, row["stage"], f"{row['seconds']:.1f}", per_image, *memory))
                click.echo(" ".join(rows[-1]), err=True)
    measurement.publish(
        "scale",
        f"Images of {SIDE} x {SIDE} x 3, each stage under DVC, with its hashing and caching, n = 1",
        ("images", "from", "stage", "s", "µs per image", "own memory, MB", "mapped, MB"),
        rows,
        measured,
    )


if __name__ == "__main__":
    main()
