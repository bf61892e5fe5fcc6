"""Sizes: stretched, cropped or padded; and large JPEGs, decoded in a reduced size, upright and with the right edges."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from glyphline import pictures
from glyphline.pictures import Resizing, decoding, fitting
from tests import odd_pictures

FITS = ("stretch", "crop", "pad")
# A mean difference of pixels that nobody sees.
UNSEEN = 1.5

sides = st.integers(1, 300)


def photograph(size: tuple[int, int]) -> Image.Image:
    """Soft shapes, edges and noise, other in each corner."""
    rng = np.random.default_rng(0)
    soft = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    hard = Image.fromarray(rng.integers(0, 256, (31, 41, 3), dtype=np.uint8)).resize(size, Image.Resampling.NEAREST)
    noise = Image.effect_noise(size, 60).convert("RGB")
    return Image.blend(Image.blend(soft, hard, 0.3), noise, 0.1)


def read(content: bytes, resizing: Resizing | None) -> np.ndarray:
    return pictures.as_array(pictures.opened(content, "made"), "made", grey=False, resizing=resizing).astype(int)


@pytest.mark.parametrize("fit", FITS)
@given(width=sides, height=sides, to_width=sides, to_height=sides)
def test_any_size_becomes_any_other(fit, width, height, to_width, to_height):
    image = Image.new("L", (width, height), 77)
    assert fitting.fitted(image, Resizing(to_height, to_width, fit)).size == (to_width, to_height)
    # One colour stays one colour: nothing from outside gets in.
    assert np.unique(fitting.fitted(image, Resizing(to_height, to_width, fit))).tolist() == [77]


@given(width=sides, height=sides, to_width=sides, to_height=sides)
def test_crop_keeps_the_middle_with_one_whole_side(width, height, to_width, to_height):
    left, top, right, bottom = Resizing(to_height, to_width, "crop").kept((0, 0, width, height))
    assert left == pytest.approx(width - right)
    assert top == pytest.approx(height - bottom)
    assert (right - left) / (bottom - top) == pytest.approx(to_width / to_height)
    assert min(left, top) == pytest.approx(0, abs=1e-9)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


def test_pad_keeps_the_whole_image_between_stripes_of_its_border():
    image = Image.new("RGB", (40, 20), (10, 200, 30))
    image.paste((255, 0, 0), (5, 5, 35, 15))
    padded = np.asarray(fitting.fitted(image, Resizing(40, 40, "pad")))
    np.testing.assert_array_equal(padded[10:30], np.asarray(image))
    assert set(map(tuple, np.concatenate([padded[:10], padded[30:]]).reshape(-1, 3).tolist())) == {(10, 200, 30)}


@pytest.mark.parametrize("size", [(40, 20), (20, 40), (41, 23), (30, 30)])
def test_pad_is_pillows(size):
    image = odd_pictures.coloured(size)
    ours = np.asarray(fitting.fitted(image, Resizing(30, 30, "pad"))).astype(int)
    whole = ImageOps.contain(image, (30, 30), Image.Resampling.BICUBIC)
    top, left = (30 - whole.height) // 2, (30 - whole.width) // 2
    np.testing.assert_array_equal(ours[top : top + whole.height, left : left + whole.width], np.asarray(whole))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_reduced_jpeg_is_the_whole_one_but_for_what_nobody_sees(orientation, fit):
    # 1,001 is no multiple of what it is divided by: the last column of the reduced image is a fraction of one.
    content = odd_pictures.encoded(photograph((1001, 803)), "JPEG", quality=92, exif=odd_pictures.exif(orientation))
    resizing = Resizing(60, 90, fit)
    whole = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    expected = np.asarray(fitting.fitted(whole, resizing)).astype(int)
    difference = np.abs(read(content, resizing) - expected)
    assert difference.mean() <= UNSEEN
    # At the edges as well, where a picture that was moved by part of a pixel would show it.
    for edge in (difference[:4], difference[-4:], difference[:, :4], difference[:, -4:]):
        assert edge.mean() <= 2 * UNSEEN


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("width", "height"), [(1600, 1200), (1200, 1600), (3000, 200), (450, 448), (447, 447), (8, 8)])
def test_it_is_decoded_to_no_less_than_twice_the_size(width, height, fit):
    content = odd_pictures.encoded(Image.new("L", (width, height)), "JPEG")
    image, resizing = pictures.opened(content, "made"), Resizing(56, 56, fit)
    decoding._reduce(image, resizing)
    scaled = resizing.scaled(width, height)
    for decoded, whole, wanted in zip(image.size, (width, height), scaled, strict=True):
        assert decoded >= min(whole, decoding.SPARE * wanted)
    if min(width / scaled[0], height / scaled[1]) >= 2 * decoding.SPARE:
        assert image.size < (width, height)


def test_other_formats_and_small_jpegs_are_decoded_whole():
    for kind in ("PNG", "WEBP"):
        image = pictures.opened(odd_pictures.encoded(photograph((400, 400)), kind), "made")
        assert decoding._reduce(image, Resizing(20, 20, "stretch")) == decoding.NO_MARGINS
        assert image.size == (400, 400)
    small = odd_pictures.encoded(photograph((70, 70)), "JPEG")
    expected = np.asarray(Image.open(io.BytesIO(small)).resize((20, 20), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(read(small, Resizing(20, 20, "stretch")), expected)


def test_grey_is_one_channel():
    content = odd_pictures.encoded(photograph((64, 64)), "PNG")
    for resizing in (None, Resizing(16, 24, "crop")):
        image = pictures.as_array(pictures.opened(content, "made"), "made", grey=True, resizing=resizing)
        assert image.shape == ((16, 24, 1) if resizing else (64, 64, 1))
