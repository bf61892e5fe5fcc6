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


def saved(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def test_grey_images_get_a_channel_and_labels_become_int64(tmp_path):
    path = saved(tmp_path / "mine.npz", x_train=GREY, y_train=LABELS.astype(np.uint8))
    parts = npz.read(path, tmp_path)
    assert list(parts) == ["train"]
    np.testing.assert_array_equal(parts["train"].images[..., 0], GREY)
    assert parts["train"].labels.dtype == np.int64
    assert npz.classes(parts) == ("0", "1")


def test_a_test_part_colour_and_column_labels_are_understood(tmp_path):
    colour = np.zeros((3, 8, 9, 3), np.int64)
    column = LABELS.reshape(-1, 1)
    path = saved(tmp_path / "mine.npz", x_train=colour, y_train=column, x_test=colour[:1], y_test=np.array([2]))
    parts = npz.read(path, tmp_path)
    assert {name: part.images.shape for name, part in parts.items()} == {"train": (3, 8, 9, 3), "test": (1, 8, 9, 3)}
    assert parts["train"].images.dtype == np.uint8


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"x_train": GREY}, "lacks y_train"),
        ({"images": GREY}, "lacks x_train; it holds images"),
        ({"x_train": GREY, "y_train": LABELS, "x_test": GREY}, "lacks y_test"),
        ({"x_train": GREY / 255, "y_train": LABELS}, "x_train .* holds float64"),
        ({"x_train": GREY > 3, "y_train": LABELS}, "x_train .* holds bool"),
        ({"x_train": GREY.astype(int) + 200, "y_train": LABELS}, "values from 200 to 391"),
        ({"x_train": GREY[0], "y_train": LABELS}, r"shape \(8, 8\)"),
        ({"x_train": GREY[:0], "y_train": LABELS[:0]}, r"shape \(0, 8, 8\)"),
        ({"x_train": GREY, "y_train": LABELS * 1.0}, "y_train .* float64"),
        ({"x_train": GREY, "y_train": np.eye(3, dtype=int)}, r"y_train .* shape \(3, 3\)"),
        ({"x_train": GREY, "y_train": LABELS - 1}, "labels from -1 to 0"),
        ({"x_train": GREY, "y_train": LABELS * 10**9}, "labels from 0 to 1000000000"),
    ],
)
def test_arrays_that_are_not_images_and_labels_are_refused(arrays, problem, tmp_path):
    path = saved(tmp_path / "mine.npz", **arrays)
    with pytest.raises(DataError, match=problem) as caught:
        npz.read(path, tmp_path)
    assert str(path) in caught.value.problem
    assert "numpy.savez" in caught.value.fix


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
