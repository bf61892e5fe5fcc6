"""Class folders: packed into one reproducible file, decoded upright, in one mode and one size."""

import os
import shutil
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from glyphline.errors import DataError
from glyphline.pictures import Resizing
from tests.made_images import decoded, fetched, painted, two_classes


@pytest.fixture
def packed(tmp_path, default_params):
    """Fetches a folder and decodes it again: `packed(root)` gives counts, classes and the arrays of each split."""

    def run(root, resizing=None):
        manifest = fetched(default_params, root, tmp_path / "raw")
        return manifest.counts, manifest.classes, decoded(tmp_path / "raw", manifest, resizing)

    return run


def test_folders_become_classes_and_pixels_come_through(tmp_path, packed):
    counts, classes, parts = packed(two_classes(tmp_path / "pets"))
    assert (counts, classes) == ({"train": 6}, ("cat", "dog"))
    assert parts["train"].images.shape == (6, 8, 8, 1)
    assert parts["train"].images[:, 0, 0, 0].tolist() == [10, 10, 10, 200, 200, 200]
    assert parts["train"].labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_train_and_test_folders_are_official_parts(tmp_path, packed):
    two_classes(tmp_path / "pets" / "train")
    two_classes(tmp_path / "pets" / "test")
    counts, _, parts = packed(tmp_path / "pets")
    assert counts == {"train": 6, "test": 6}
    assert list(parts) == ["train", "test"]


def test_equal_folders_make_equal_files_whatever_their_dates(tmp_path, default_params):
    root = two_classes(tmp_path / "pets")
    fetched(default_params, root, tmp_path / "one")
    copy = tmp_path / "elsewhere" / "pets"
    shutil.copytree(root, copy)
    for path in copy.rglob("*.png"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    fetched(default_params, copy, tmp_path / "two")
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert one.keys() == {"images.zip", "images.csv", "bad_files.csv"}


def test_one_colour_image_makes_all_of_them_rgb(tmp_path, packed):
    root = two_classes(tmp_path / "pets")
    painted(root / "dog" / "9.png", (255, 0, 0), mode="RGB")
    images = packed(root)[2]["train"].images
    assert images.shape == (7, 8, 8, 3)
    assert images[0, 0, 0].tolist() == [10, 10, 10]
    assert images[-1, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (255, 0, 0, 0), [255, 255, 255]),
        ("RGBA", (255, 0, 0, 255), [255, 0, 0]),
        ("P", 0, [0, 0, 0]),
        ("LA", (7, 0), [255]),
        ("LA", (7, 255), [7]),
        ("I;16", 0x7F80, [0x7F]),
        ("1", 1, [255]),
    ],
)
def test_every_mode_becomes_eight_bits_on_white(mode, colour, expected, tmp_path, packed):
    for number in range(6):
        painted(tmp_path / "odd" / "ab"[number % 2] / f"{number}.png", colour, mode=mode)
    images = packed(tmp_path / "odd")[2]["train"].images
    assert images[0, 0, 0].tolist() == expected


def test_a_photo_taken_sideways_is_turned_upright(tmp_path, packed):
    pixels = np.zeros((8, 16), np.uint8)
    pixels[:, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate 90 degrees clockwise to show"
    for number in range(6):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, exif=exif)
    image = packed(tmp_path / "photos")[2]["train"].images[0, ..., 0]
    assert image.shape == (16, 8)
    assert (image[0, 0], image[-1, 0]) == (255, 0)


def test_sizes_that_differ_need_image_size_and_both_images_are_named(tmp_path, packed):
    root = two_classes(tmp_path / "pets")
    painted(root / "dog" / "large.png", 200, size=(20, 10))
    with pytest.raises(DataError, match=r"cat/0.png is 8 x 8, .*dog/large.png is 10 x 20") as caught:
        packed(root)
    assert "preprocess.image_size" in caught.value.fix
    assert packed(root, resizing=Resizing(9, 12, "stretch"))[2]["train"].images.shape == (7, 9, 12, 1)


def png_that_claims(width, height):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no known image format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no known image format"),
        (b"<svg/>", "no known image format"),
        (png_that_claims(8, 8), "cannot be decoded"),
        (png_that_claims(12_000, 12_000), "too many pixels"),
        (png_that_claims(60_000, 60_000), "too many pixels"),
    ],
)
def test_a_file_that_is_no_image_is_named_and_nothing_is_packed(content, problem, tmp_path, packed):
    root = two_classes(tmp_path / "pets")
    (root / "dog" / "broken.png").write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        packed(root)
    assert str(root / "dog" / "broken.png") in caught.value.problem
    assert not [*(tmp_path / "raw").iterdir()]


def test_a_truncated_jpeg_is_named(tmp_path, packed):
    root = two_classes(tmp_path / "pets")
    path = root / "dog" / "half.jpg"
    Image.effect_noise((64, 64), 90).save(path)
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(DataError, match=r"half.jpg cannot be decoded"):
        packed(root)


@pytest.mark.parametrize("kind", ["jpg", "webp"])
@pytest.mark.parametrize("flipped", [b"\x01\x18\x00\x05", b"\x01\x1a\x00\x07"], ids=["tag", "type"])
def test_damaged_exif_data_is_a_damaged_image(flipped, kind, tmp_path, packed):
    root = two_classes(tmp_path / "pets")
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    path = painted(root / "dog" / f"flipped.{kind}", mode="RGB", exif=exif)
    whole = path.read_bytes()
    # One bit of the entry for the resolution; Pillow makes a struct.error or a TypeError of it.
    path.write_bytes(whole.replace(b"\x01\x1a\x00\x05", flipped))
    assert path.read_bytes() != whole
    with pytest.raises(DataError, match=rf"flipped.{kind} cannot be decoded"):
        packed(root)


def test_a_name_that_is_no_text_is_refused_before_anything_is_packed(tmp_path, packed):
    root = two_classes(tmp_path / "pets")
    (root / "dog" / "0.png").rename(root / "dog" / os.fsdecode(b"caf\xe9.png"))
    with pytest.raises(DataError, match=r"dog/caf\\udce9\.png") as caught:
        packed(root)
    caught.value.problem.encode()
    assert "rename it" in caught.value.fix
    assert not [*(tmp_path / "raw").iterdir()]


def test_hidden_files_and_notes_are_left_out_and_the_notes_mentioned(tmp_path, packed, caplog):
    root = two_classes(tmp_path / "pets")
    (root / "dog" / ".DS_Store").write_bytes(b"x")
    (root / "dog" / "notes.txt").write_text("good dog")
    assert packed(root)[0] == {"train": 6}
    assert "notes.txt" in caplog.text
    assert ".DS_Store" not in caplog.text
    with zipfile.ZipFile(tmp_path / "raw" / "images.zip") as archive:
        assert archive.namelist()[0] == "cat/0.png"
