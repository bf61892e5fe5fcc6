"""The picture of before and after: two images per class, and a frame round what a crop keeps."""

import numpy as np
import pytest
from PIL import Image

from glyphline.data import fit_samples, folders
from glyphline.data.split import SplitRows
from glyphline.pictures import Resizing
from tests import odd_pictures
from tests.made_images import packed

FRAME = (214, 69, 69)


def drawn(tmp_path, fit, size=(400, 200), classes=2) -> Image.Image:
    names = tuple(f"class {number:02}" for number in range(classes))
    content = odd_pictures.encoded(Image.new("RGB", size, "blue"), "PNG")
    packed(tmp_path, {f"train/{name}/{number}.png": content for name in names for number in range(3)})
    resizing = Resizing(20, 20, fit)
    source = folders.read(tmp_path, names, resizing, tmp_path)["train"]
    split = SplitRows(source, np.arange(len(source.labels)))
    fit_samples.write(tmp_path / "fit.png", tmp_path, names, split, resizing)
    with Image.open(tmp_path / "fit.png") as picture:
        return picture.convert("RGB")


def columns_of(picture: Image.Image, colour) -> np.ndarray:
    return np.flatnonzero((np.asarray(picture) == colour).all(axis=-1).any(axis=0))


@pytest.mark.parametrize("size", [(400, 200), (40, 20), (200, 400), (21, 20)])
def test_a_frame_stands_round_the_part_that_a_crop_keeps(tmp_path, size):
    picture = np.asarray(drawn(tmp_path, "crop", size))
    framed = (picture == FRAME).all(axis=-1)
    rows, columns = np.flatnonzero(framed.any(axis=1)), np.flatnonzero(framed.any(axis=0))
    # The first of two images per class, in the first of two rows.
    first_rows, first_columns = (
        rows[rows < rows[0] + fit_samples.TILE],
        columns[columns < columns[0] + fit_samples.TILE],
    )
    assert abs(np.ptp(first_rows) - np.ptp(first_columns)) <= 2


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_nothing_is_framed_where_all_is_kept(tmp_path, fit):
    assert len(columns_of(drawn(tmp_path, fit), FRAME)) == 0


def test_a_hundred_classes_make_a_picture_of_two_screens(tmp_path):
    picture = drawn(tmp_path, "pad", (30, 20), classes=100)
    assert picture.height < 2400
    assert picture.width < 1000
