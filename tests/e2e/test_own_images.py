"""A person's own pictures, as a table left them, through the whole pipeline."""

import csv

import numpy as np
from PIL import Image

from glyphline.paths import Paths


def drawn(folder, count=90):
    """Discs, squares and stripes in the photographs of ten people, one of which is broken, and a table of them."""
    rng = np.random.default_rng(5)
    rows, grid = [("picture", "shape", "person")], np.indices((16, 16)) - 7.5
    for number in range(count):
        radius = rng.uniform(3, 6)
        shapes = {
            "disc": np.hypot(*grid) < radius,
            "square": np.abs(grid).max(axis=0) < radius,
            "stripes": np.sin(grid[0] * radius / 2) > 0,
        }
        name = list(shapes)[number % 3]
        pixels = shapes[name] * 180 + rng.integers(0, 60, (16, 16))
        path = folder / f"p{number % 10}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        rows.append((f"{path.parent.name}/{path.name}", name.upper() if number < 6 else name, path.parent.name))
    (folder / "p0" / "0.png").write_bytes(b"")
    with (folder / "shapes.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


def test_a_table_with_groups_spellings_and_a_broken_file_ends_with_a_registered_version(shrunk):
    paths = Paths(work=shrunk.folder, home=shrunk.folder)
    drawn(shrunk.folder / "mine")
    shrunk.set_params(
        {"data.path": "mine/shapes.csv", "data.dataset": "shapes", "data.columns.image": "picture",
         "data.columns.label": "shape", "data.columns.group": "person", "tune.trials": "0", "train.batch_size": "16"}
    )  # fmt: skip
    refused = shrunk.attempt("dvc", "repro")
    assert refused.code != 0
    assert "'DISC' (2) and 'disc' (28)" in refused.text
    shrunk.set_params({"data.normalise_labels": "true"})
    assert "mine/p0/0.png is no image that can be read" in shrunk.attempt("dvc", "repro").text
    shrunk.set_params({"data.bad_files": "skip"})
    made = shrunk.run("dvc", "repro")
    assert shrunk.stages_run(made.text) == [
        "fetch", "preprocess", "features", "tune", "train", "evaluate", "register"
    ]  # fmt: skip
    assert "10 groups of images by the table, the largest of 9" in made.text
    assert "glyphline-shapes version 1" in made.text
    assert "could not be read as images: 1\n" in paths.model_card.read_text()
    assert (paths.raw / "bad_files.csv").read_text().splitlines()[1:] == [
        "p0/0.png,is no image that can be read: no known image format"
    ]
    assert shrunk.stages_run(shrunk.run("dvc", "repro").text) == []
    # Another picture: noticed without being told.
    Image.fromarray(np.full((16, 16), 200, dtype=np.uint8)).save(shrunk.folder / "mine" / "p3" / "3.png")
    noticed = shrunk.run("dvc", "repro", "preprocess")
    assert "1 new or changed of" in noticed.text
    assert shrunk.stages_run(noticed.text) == ["fetch", "preprocess"]
