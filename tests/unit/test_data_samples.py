"""The picture of samples: every class has its row, small pixels stay square, nothing is too wide."""

import numpy as np
import pytest
from PIL import Image

from glyphline.data import samples
from glyphline.data.raw import LabeledImages
from glyphline.data.split import SplitRows


def chosen(classes, shape=(8, 8, 1), per_class=3):
    labels = np.repeat(np.arange(classes), per_class)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), *shape), dtype=np.uint8)
    return SplitRows(LabeledImages(images, labels), np.arange(len(labels)))


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (9, 31, 3), (256, 100, 3)])
def test_the_picture_is_a_png_that_grows_with_the_classes(shape, tmp_path):
    heights = []
    for classes in (2, 5):
        path = tmp_path / f"{classes}.png"
        samples.write(path, "made", tuple(f"class {number}" for number in range(classes)), chosen(classes, shape))
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            heights.append(picture.height)
    assert heights[1] - heights[0] == 3 * (samples.TILE + samples.GAP)


def test_small_images_are_enlarged_without_blur():
    shown = chosen(2)
    sheet = np.asarray(samples.draw("made", ("a", "b"), shown))
    first = shown.source.images[0, ..., 0]
    factor = samples.TILE // 8
    enlarged = np.kron(first, np.ones((factor, factor), np.uint8))
    left = sheet.shape[1] - samples.MARGIN - samples.PER_CLASS * (samples.TILE + samples.GAP) + samples.GAP
    tile = sheet[samples.HEADER : samples.HEADER + samples.TILE, left : left + samples.TILE, 0]
    np.testing.assert_array_equal(tile, enlarged)


def test_a_hundred_classes_and_endless_names_still_make_a_picture_of_a_screen_or_two():
    picture = samples.draw("made", tuple("an endless name " * 20 + str(n) for n in range(100)), chosen(100))
    assert picture.width < 1400
    assert picture.height < 3200


def test_equal_images_make_equal_bytes(tmp_path):
    for name in ("one.png", "two.png"):
        samples.write(tmp_path / name, "made", ("a", "b"), chosen(2))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
