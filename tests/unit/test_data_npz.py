"""A person's .npz: uint8 images and whole-number labels come through, everything else is named and refused."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from glyphline.data import npz
from glyphline.errors import DataError

GREY = np.arange(3 * 8 * 8, dtype=np.uint8).reshape(3, 8, 8)
LABELS = np.array([0, 1, 0])


def classes(splits, normalise=False):
    return npz.classes(splits, where="mine.npz", normalise=normalise)


def saved(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def test_grey_images_get_a_channel_and_labels_become_int64(tmp_path):
    path = saved(tmp_path / "mine.npz", x_train=GREY, y_train=LABELS.astype(np.uint8))
    parts = npz.read(path, tmp_path)
    assert list(parts) == ["train"]
    np.testing.assert_array_equal(parts["train"].images[..., 0], GREY)
    assert parts["train"].labels.dtype == np.int64
    assert classes(parts) == ("0", "1")


def test_a_test_part_colour_and_column_labels_are_understood(tmp_path):
    colour = np.zeros((3, 8, 9, 3), np.int64)
    column = LABELS.reshape(-1, 1)
    path = saved(tmp_path / "mine.npz", x_train=colour, y_train=column, x_test=colour[:1], y_test=np.array([2]))
    parts = npz.read(path, tmp_path)
    assert {name: part.images.shape for name, part in parts.items()} == {"train": (3, 8, 9, 3), "test": (1, 8, 9, 3)}
    assert parts["train"].images.dtype == np.uint8


@pytest.mark.parametrize(
    ("arrays", "problem", "fix"),
    [
        ({"x_train": GREY}, "lacks y_train", "numpy.savez"),
        ({"images": GREY}, "lacks x_train; it holds images", "numpy.savez"),
        ({"x_train": GREY, "y_train": LABELS, "x_test": GREY}, "lacks y_test", "numpy.savez"),
        ({"x_train": GREY.astype(str), "y_train": LABELS}, "x_train .* holds <U", "numpy.savez"),
        ({"x_train": GREY * 1j, "y_train": LABELS}, "x_train .* holds complex", "numpy.savez"),
        ({"x_train": GREY / 150, "y_train": LABELS}, "x_train .* holds float64 from 0 to 1.27", "(255 * x).round()"),
        ({"x_train": GREY * 1.5, "y_train": LABELS}, "x_train .* holds float64 from 0 to 286.5", "shift and scale"),
        (
            {"x_train": np.where(GREY > 3, np.nan, 0.5), "y_train": LABELS},
            "x_train .* holds float64 from nan",
            "without NaN",
        ),
        ({"x_train": GREY / 2, "y_train": LABELS}, "x_train .* holds float64 from 0 to 95.5", "`x.round()"),
        ({"x_train": GREY / 2 - 1, "y_train": LABELS}, "x_train .* holds float64 from -1", "shift and scale"),
        ({"x_train": GREY.astype(int) + 200, "y_train": LABELS}, "values from 200 to 391", "(x >> 1)"),
        ({"x_train": GREY.astype(np.uint16) * 21, "y_train": LABELS}, "values from 0 to 4011", "(x >> 4)"),
        ({"x_train": GREY.astype(int) - 1, "y_train": LABELS}, "values from -1", "shift and scale"),
        ({"x_train": GREY[0], "y_train": LABELS}, r"shape \(8, 8\)", "numpy.savez"),
        ({"x_train": GREY[:0], "y_train": LABELS[:0]}, r"shape \(0, 8, 8\)", "numpy.savez"),
        ({"x_train": GREY, "y_train": LABELS * 1.0}, "y_train .* float64", "y.astype(int)"),
        ({"x_train": GREY, "y_train": np.eye(3, dtype=int)}, r"y_train .* shape \(3, 3\)", "y.argmax(axis=1)"),
        ({"x_train": GREY, "y_train": np.array([b"a", b"\xff", b"a"])}, "y_train .* not UTF-8", "numpy.savez"),
        (
            {"x_train": GREY, "y_train": LABELS, "x_valid": GREY, "x_val": GREY},
            "of valid and of val",
            "each split once",
        ),
        ({"x_train": GREY, "y_train": LABELS, "x_val": GREY}, "lacks y_val", "numpy.savez"),
        ({"x_train": GREY, "y_train": LABELS - 1}, "labels from -1 to 0", "x[y >= 0]"),
    ],
)
def test_arrays_that_are_not_images_and_labels_are_refused_with_the_advice_that_fits(arrays, problem, fix, tmp_path):
    path = saved(tmp_path / "mine.npz", **arrays)
    with pytest.raises(DataError, match=problem) as caught:
        npz.read(path, tmp_path)
    assert str(path) in caught.value.problem
    assert fix in caught.value.fix


def test_the_advice_for_more_than_8_bits_suits_the_brightest_of_all_arrays(tmp_path):
    dark, bright = GREY.astype(np.uint16) * 2, GREY.astype(np.uint16) * 21
    path = saved(tmp_path / "mine.npz", x_train=dark, y_train=LABELS, x_test=bright, y_test=LABELS)
    with pytest.raises(DataError, match=r"x_train .* values from 0 to 382") as caught:
        npz.read(path, tmp_path)
    assert "(x >> 4)" in caught.value.fix
    assert ((bright >> 4) <= 255).all()


@pytest.mark.parametrize("side", [(8, 8), (8, 9, 3)])
def test_an_array_in_fortran_order_gives_the_same_images(side, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, *side), dtype=np.uint8)
    path = saved(tmp_path / "mine.npz", x_train=np.asfortranarray(images), y_train=np.arange(5))
    read = npz.read(path, tmp_path)["train"].images
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(read.reshape(images.shape), images)


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_that_come_first_are_moved_to_the_end_and_that_is_said(channels, tmp_path, caplog):
    caplog.set_level("INFO")
    images = np.random.default_rng(0).integers(0, 256, (5, channels, 8, 9), dtype=np.uint8)
    read = npz.read(saved(tmp_path / "mine.npz", x_train=images, y_train=np.arange(5)), tmp_path)["train"].images
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(read, images.transpose(0, 2, 3, 1))
    assert f"(5, {channels}, 8, 9)" in caplog.text


def test_an_image_of_three_columns_is_no_image_with_channels_first(tmp_path):
    images = np.zeros((5, 3, 9, 3), np.uint8)
    read = npz.read(saved(tmp_path / "mine.npz", x_train=images, y_train=np.arange(5)), tmp_path)
    assert read["train"].images.shape == (5, 3, 9, 3)


def test_true_is_white(tmp_path):
    read = npz.read(saved(tmp_path / "mine.npz", x_train=GREY > 3, y_train=LABELS), tmp_path)["train"].images
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read[..., 0], np.where(GREY > 3, 255, 0))


def test_labels_with_gaps_keep_their_numbers_as_names(tmp_path):
    labels = np.array([70, 2, 10**9])
    path = saved(tmp_path / "mine.npz", x_train=GREY, y_train=labels, x_test=GREY[:1], y_test=labels[1:2])
    official = npz.read(path, tmp_path)
    names = classes(official)
    assert names == ("2", "70", "1000000000")
    found = npz.indexed(official, names)
    assert found["train"].labels.tolist() == [1, 0, 2]
    assert found["test"].labels.tolist() == [0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("peak", "name"), [(1, "0 to 1"), (255, "0 to 255")])
def test_floats_from_0_to_1_or_to_255_are_pixels_and_that_is_said(peak, name, dtype, tmp_path, caplog):
    caplog.set_level("INFO")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 9, 3), dtype=np.uint8)
    pixels[0, 0, 0] = 255
    array = (pixels.astype(np.float64) * (peak / 255)).astype(dtype)
    read = npz.read(saved(tmp_path / "mine.npz", x_train=array, y_train=np.arange(5)), tmp_path)["train"].images
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels)
    assert f"{np.dtype(dtype)} from {name}" in caplog.text


def test_floats_are_scaled_piece_by_piece_and_not_in_memory(tmp_path):
    array = np.linspace(0, 1, 300 * 64 * 64 * 4, dtype=np.float16).reshape(-1, 64, 64)
    assert array.size > npz.VALUES_AT_ONCE
    read = npz.read(saved(tmp_path / "mine.npz", x_train=array, y_train=np.arange(len(array))), tmp_path)
    images = read["train"].images[..., 0]
    assert isinstance(images, np.memmap)
    np.testing.assert_array_equal(images, np.rint(array.astype(np.float32) * 255))


@pytest.mark.parametrize("kind", ["U", "S"])
def test_text_labels_are_the_names_of_the_classes(kind, tmp_path):
    labels = np.array(["ö" if kind == "U" else "o", "apple", "01"]).astype(kind)
    path = saved(tmp_path / "mine.npz", x_train=GREY, y_train=labels, x_val=GREY[:1], y_val=labels[1:2])
    splits = npz.read(path, tmp_path)
    names = classes(splits)
    assert names == ("01", "apple", "ö" if kind == "U" else "o")
    indexed = npz.indexed(splits, names)
    assert {split: part.labels.tolist() for split, part in indexed.items()} == {"train": [2, 1, 0], "val": [1]}


def test_names_that_differ_in_case_are_refused_or_joined(tmp_path):
    path = saved(tmp_path / "mine.npz", x_train=GREY, y_train=np.array(["Cat", "cat ", "dog"]))
    splits = npz.read(path, tmp_path)
    with pytest.raises(DataError, match=r"'Cat' \(1\) and 'cat ' \(1\)"):
        classes(splits)
    names = classes(splits, normalise=True)
    assert names == ("Cat", "dog")
    assert npz.indexed(splits, names)["train"].labels.tolist() == [0, 0, 1]


def test_numbers_in_one_split_and_names_in_another_are_refused(tmp_path):
    path = saved(tmp_path / "mine.npz", x_train=GREY, y_train=LABELS, x_test=GREY, y_test=np.array(["0", "1", "0"]))
    with pytest.raises(DataError, match="numbers and those of others are text"):
        classes(npz.read(path, tmp_path))


def test_more_labels_than_classes_can_be_are_refused(tmp_path):
    images = np.zeros((10_001, 1, 1), np.uint8)
    path = saved(tmp_path / "mine.npz", x_train=images, y_train=np.arange(10_001))
    with pytest.raises(DataError, match="10,001 different labels"):
        classes(npz.read(path, tmp_path))


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_pickles_are_never_loaded(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    with zipfile.ZipFile(tmp_path / "evil.npz", "w") as archive:
        archive.writestr("x_train.npy", stream.getvalue() + pickle.dumps([Bomb()]))
        archive.writestr("y_train.npy", pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="cannot be read"):
        npz.read(tmp_path / "evil.npz", tmp_path)


def test_a_header_that_claims_more_than_the_file_holds_allocates_nothing(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (1 << 50, 8, 8)})
    with zipfile.ZipFile(tmp_path / "evil.npz", "w") as archive:
        archive.writestr("x_train.npy", stream.getvalue() + b"\x00" * 64)
        archive.writestr("y_train.npy", stream.getvalue())
    with pytest.raises(DataError, match="cannot be read"):
        npz.read(tmp_path / "evil.npz", tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_what_is_no_archive_is_refused(content, tmp_path):
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        npz.read(path, tmp_path)
