"""Odd files: each is read as Pillow reads it, pixel for pixel, or refused by name; nothing else ever comes of one."""

import io
from contextlib import nullcontext, suppress

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from glyphline import pictures
from glyphline.errors import PictureError
from glyphline.pictures import Resizing, stored
from tests import odd_pictures

RIGHT, WRONG = odd_pictures.right(), odd_pictures.wrong()
DEEP = {"I", "I;16", "I;16B"}


def read_by_pillow(content: bytes) -> Image.Image:
    """The first frame, upright, 8 bits, on white, in RGB: from Pillow's own parts, without ours."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if image.mode in DEEP:
        return Image.fromarray((np.asarray(image).astype(int) // 256).astype(np.uint8)).convert("RGB")
    if image.mode in {"LA", "PA", "RGBA"} or "transparency" in image.info:
        ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
        ground.alpha_composite(image.convert("RGBA"))
        return ground.convert("RGB")
    return image.convert("RGB")


def read(content: bytes, name: str, resizing: Resizing | None = None) -> np.ndarray:
    return pictures.as_array(pictures.opened(content, name), name, grey=False, resizing=resizing)


def test_there_are_more_than_sixty():
    assert len(RIGHT) > 60
    assert len(WRONG) > 20


@pytest.mark.parametrize("name", [name for name in RIGHT if "profile" not in name])
def test_a_right_file_is_read_as_pillow_reads_it(name):
    np.testing.assert_array_equal(read(RIGHT[name], name), np.asarray(read_by_pillow(RIGHT[name])))
    pictures.verify(RIGHT[name], name)


@pytest.mark.parametrize("name", [name for name in RIGHT if "profile" not in name])
def test_each_way_to_a_size_is_pillows(name):
    picture = read_by_pillow(RIGHT[name])
    resized = picture.resize((9, 12), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(read(RIGHT[name], name, Resizing(12, 9, "stretch")), np.asarray(resized))
    cropped = ImageOps.fit(picture, (9, 12), Image.Resampling.BICUBIC)
    difference = read(RIGHT[name], name, Resizing(12, 9, "crop")).astype(int) - np.asarray(cropped)
    # The edges of the box are the same fraction of a pixel, computed in another order.
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("name", ["wide_profile.jpg", "wide_profile.png"])
def test_colours_with_a_profile_are_converted_as_pillow_converts_them(name):
    image = read_by_pillow(RIGHT[name])
    source = ImageCms.ImageCmsProfile(io.BytesIO(Image.open(io.BytesIO(RIGHT[name])).info["icc_profile"]))
    converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
    np.testing.assert_array_equal(read(RIGHT[name], name), np.asarray(converted))
    assert np.abs(np.asarray(converted).astype(int) - np.asarray(image)).max() > 20


def test_grey_with_a_profile_becomes_lighter_and_stays_grey():
    pixels = read(RIGHT["grey_profile.png"], "grey_profile.png").astype(int)
    light = (np.asarray(odd_pictures.in_mode("L")) / 255) ** 1.8
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(pixels - expected[..., np.newaxis]).max() <= 2
    assert (pixels.max(axis=-1) - pixels.min(axis=-1)).max() == 0


@pytest.mark.parametrize("name", ["damaged_profile.png", "profile_of_another_mode.png"])
def test_a_profile_that_cannot_be_meant_changes_nothing(name):
    np.testing.assert_array_equal(read(RIGHT[name], name), np.asarray(odd_pictures.coloured()))


def test_the_profile_of_srgb_itself_changes_no_bit():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = odd_pictures.encoded(odd_pictures.coloured(), "PNG", icc_profile=srgb)
    np.testing.assert_array_equal(read(content, "srgb.png"), np.asarray(odd_pictures.coloured()))


def test_a_profile_that_calls_green_red_swaps_the_two():
    swapped = odd_pictures.profile("RGB", 2.2, odd_pictures.SWAPPED)
    same = odd_pictures.profile("RGB", 2.2)
    one, other = (
        read(odd_pictures.encoded(odd_pictures.coloured(), "PNG", icc_profile=profile), "made.png").astype(int)
        for profile in (swapped, same)
    )
    turned = odd_pictures.coloured()
    expected = read(
        odd_pictures.encoded(Image.merge("RGB", [turned.split()[i] for i in (1, 0, 2)]), "PNG", icc_profile=same),
        "m.png",
    )
    assert np.abs(one - expected).max() <= 2
    assert np.abs(one - other).max() > 100


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_by_name(name):
    content, reason = WRONG[name]
    with pytest.raises(PictureError, match=reason) as refused:
        read(content, name)
    assert refused.value.name == name
    assert refused.value.problem == f"{name} {refused.value.reason}"
    assert ("fewer pixels" if "claims_" in name and reason == "too many pixels" else "8-bit") in refused.value.fix
    with pytest.raises(PictureError, match=reason):
        pictures.verify(content, name)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", [*RIGHT, *WRONG])
def test_no_damage_raises_anything_else_and_what_is_verified_can_be_read(name):
    content = RIGHT[name] if name in RIGHT else WRONG[name][0]
    for keep in range(0, len(content), max(1, len(content) // 40)):
        for piece in (content[:keep], content[:keep] + bytes(20) + content[keep + 20 :]):
            is_verified = False
            with suppress(PictureError):
                pictures.verify(piece, name)
                is_verified = True
            with nullcontext() if is_verified else suppress(PictureError):
                read(piece, name, Resizing(8, 8, "pad"))


def test_all_bad_files_of_a_folder_are_named_at_once(tmp_path):
    for name, content in [*RIGHT.items(), *((name, content) for name, (content, _) in WRONG.items())]:
        (tmp_path / name).write_bytes(content)
    paths = sorted(tmp_path.iterdir())
    errors = [found for found in stored.check(paths) if not isinstance(found, str)]
    assert [error.name for error in errors] == sorted(str(tmp_path / name) for name in WRONG)
