"""Class folders: packed into one reproducible file, decoded upright, in one mode and one size."""

import os
import shutil
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from glyphline.data import folders
from glyphline.errors import DataError
from glyphline.pictures import Resizing


def painted(path, colour=0, size=(8, 8), mode="L", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **options)
    return path


def two_classes(root):
    for label, colour in (("cat", 10), ("dog", 200)):
        for number in range(3):
            painted(root / label / f"{number}.png", colour)
    return root


def packed(root, tmp_path, resizing=None):
    counts, classes = folders.write_zip(root, tmp_path / "images.zip")
    return counts, classes, folders.read(tmp_path / "images.zip", classes, resizing, tmp_path)


def test_folders_become_classes_and_pixels_come_through(tmp_path):
    counts, classes, parts = packed(two_classes(tmp_path / "pets"), tmp_path)
    assert (counts, classes) == ({"train": 6}, ("cat", "dog"))
    assert parts["train"].images.shape == (6, 8, 8, 1)
    assert parts["train"].images[:, 0, 0, 0].tolist() == [10, 10, 10, 200, 200, 200]
    assert parts["train"].labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_train_and_test_folders_are_official_parts(tmp_path):
    two_classes(tmp_path / "pets" / "train")
    two_classes(tmp_path / "pets" / "test")
    counts, _, parts = packed(tmp_path / "pets", tmp_path)
    assert counts == {"train": 6, "test": 6}
    assert list(parts) == ["train", "test"]


def test_a_folder_train_that_holds_images_is_a_class_of_vehicles(tmp_path):
    for label in ("train", "bus"):
        painted(tmp_path / "traffic" / label / "1.png", 3)
    assert folders.write_zip(tmp_path / "traffic", tmp_path / "images.zip") == ({"train": 2}, ("bus", "train"))


def test_equal_folders_make_equal_archives_whatever_their_dates(tmp_path):
    root = two_classes(tmp_path / "pets")
    folders.write_zip(root, tmp_path / "one.zip")
    copy = tmp_path / "elsewhere"
    shutil.copytree(root, copy)
    for path in copy.rglob("*.png"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    folders.write_zip(copy, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_one_colour_image_makes_all_of_them_rgb(tmp_path):
    root = two_classes(tmp_path / "pets")
    painted(root / "dog" / "9.png", (255, 0, 0), mode="RGB")
    images = packed(root, tmp_path)[2]["train"].images
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
def test_every_mode_becomes_eight_bits_on_white(mode, colour, expected, tmp_path):
    for label in ("a", "b"):
        painted(tmp_path / "odd" / label / "1.png", colour, mode=mode)
    images = packed(tmp_path / "odd", tmp_path)[2]["train"].images
    assert images[0, 0, 0].tolist() == expected


def test_a_photo_taken_sideways_is_turned_upright(tmp_path):
    pixels = np.zeros((8, 16), np.uint8)
    pixels[:, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate 90 degrees clockwise to show"
    for label in ("a", "b"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "photos" / label / "1.png", exif=exif)
    image = packed(tmp_path / "photos", tmp_path)[2]["train"].images[0, ..., 0]
    assert image.shape == (16, 8)
    assert (image[0, 0], image[-1, 0]) == (255, 0)


def test_sizes_that_differ_need_image_size_and_both_images_are_named(tmp_path):
    root = two_classes(tmp_path / "pets")
    painted(root / "dog" / "large.png", 200, size=(20, 10))
    with pytest.raises(DataError, match=r"cat/0.png is 8 x 8, .*dog/large.png is 10 x 20") as caught:
        packed(root, tmp_path)
    assert "preprocess.image_size" in caught.value.fix
    assert packed(root, tmp_path, resizing=Resizing(9, 12, "stretch"))[2]["train"].images.shape == (7, 9, 12, 1)


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
def test_a_file_that_is_no_image_is_named_and_nothing_is_packed(content, problem, tmp_path):
    root = two_classes(tmp_path / "pets")
    (root / "dog" / "broken.png").write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        folders.write_zip(root, tmp_path / "images.zip")
    assert str(root / "dog" / "broken.png") in caught.value.problem
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


def test_a_truncated_jpeg_is_named(tmp_path):
    root = two_classes(tmp_path / "pets")
    path = root / "dog" / "half.jpg"
    Image.effect_noise((64, 64), 90).save(path)
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(DataError, match=r"half.jpg cannot be decoded"):
        folders.write_zip(root, tmp_path / "images.zip")


@pytest.mark.parametrize("kind", ["jpg", "webp"])
@pytest.mark.parametrize("flipped", [b"\x01\x18\x00\x05", b"\x01\x1a\x00\x07"], ids=["tag", "type"])
def test_damaged_exif_data_is_a_damaged_image(flipped, kind, tmp_path):
    root = two_classes(tmp_path / "pets")
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    path = painted(root / "dog" / f"flipped.{kind}", mode="RGB", exif=exif)
    whole = path.read_bytes()
    # One bit of the entry for the resolution; Pillow makes a struct.error or a TypeError of it.
    path.write_bytes(whole.replace(b"\x01\x1a\x00\x05", flipped))
    assert path.read_bytes() != whole
    with pytest.raises(DataError, match=rf"flipped.{kind} cannot be decoded"):
        folders.write_zip(root, tmp_path / "images.zip")


def test_a_name_that_is_no_text_is_refused_before_anything_is_packed(tmp_path):
    root = two_classes(tmp_path / "pets")
    (root / "dog" / "0.png").rename(root / "dog" / os.fsdecode(b"caf\xe9.png"))
    with pytest.raises(DataError, match=r"dog/caf\\udce9\.png") as caught:
        folders.write_zip(root, tmp_path / "images.zip")
    caught.value.problem.encode()
    assert "rename it" in caught.value.fix
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


def test_hidden_files_and_notes_are_left_out_and_the_notes_mentioned(tmp_path, caplog):
    root = two_classes(tmp_path / "pets")
    (root / "dog" / ".DS_Store").write_bytes(b"x")
    (root / "dog" / "notes.txt").write_text("good dog")
    assert folders.write_zip(root, tmp_path / "images.zip")[0] == {"train": 6}
    assert "notes.txt" in caplog.text
    assert ".DS_Store" not in caplog.text
    with zipfile.ZipFile(tmp_path / "images.zip") as archive:
        assert archive.namelist()[0] == "train/cat/0.png"


@pytest.mark.parametrize(
    ("layout", "problem"),
    [
        ([], "no class folders"),
        (["loose.png"], "no class folders"),
        (["a/1.png", "b/"], "holds no images"),
        (["train/a/1.png", "train/b/1.png", "val/a/1.png"], "holds val beside train"),
        (["train/a/1.png", "train/b/1.png", "test/a/1.png"], "not have the same classes: b"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_refused(layout, problem, tmp_path):
    root = tmp_path / "mine"
    root.mkdir()
    for name in layout:
        if name.endswith("/"):
            (root / name).mkdir(parents=True)
        else:
            painted(root / name)
    with pytest.raises(DataError, match=problem):
        folders.write_zip(root, tmp_path / "images.zip")
