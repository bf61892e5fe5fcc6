"""IDX: what is written is read back; a header that lies is refused and never believed."""

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from glyphline.data import idx
from glyphline.errors import DataError


def encoded(array, kind=0x08):
    return bytes((0, 0, kind, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


shapes = arrays.array_shapes(min_dims=3, max_dims=3, max_side=9)


@given(array=arrays.arrays(np.uint8, shapes))
def test_images_are_read_back_as_they_were_and_stay_on_disk(array, tmp_path_factory):
    path = tmp_path_factory.mktemp("idx") / "images"
    path.write_bytes(encoded(array))
    read = idx.array(path, ndim=3)
    assert isinstance(read, np.memmap)
    np.testing.assert_array_equal(read, array)


GOOD = encoded(np.zeros((2, 3, 4), np.uint8))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "begins with nothing"),
        (b"\x1f\x8b\x08\x00", "begins with 1f8b0800"),
        (b"<!DOCTYPE html><title>sign in</title>", "begins with 3c21444f"),
        (encoded(np.zeros((2, 3, 4), np.uint8), kind=0x0D), "begins with 00000d03"),
        (encoded(np.zeros(4, np.uint8)), "begins with 00000801"),
        (GOOD[:9], "header ends after 9 of 16"),
        (GOOD[:-1], "takes 40 bytes, and the file has 39"),
        (GOOD + b"\x00", "takes 40 bytes, and the file has 41"),
        (encoded(np.zeros((2, 0, 4), np.uint8)), "holds nothing"),
        # 2**96 bytes claimed: refused by the file's length, with nothing allocated.
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "takes 79,228"),
    ],
)
def test_a_hostile_header_is_refused_and_the_file_named(content, problem, tmp_path):
    path = tmp_path / "train-images"
    path.write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        idx.array(path, ndim=3)
    assert str(path) in caught.value.problem
    assert "fetch" in caught.value.fix


@given(content=st.binary(max_size=64))
def test_random_bytes_are_an_array_of_their_own_length_or_an_error(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("idx") / "labels"
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        assert idx.array(path, ndim=1).nbytes == len(content) - 8


def test_the_four_files_of_a_data_set_are_its_two_parts(tmp_path):
    rng = np.random.default_rng(0)
    made = {}
    for name, prefix, count in (("train", "train", 5), ("test", "t10k", 3)):
        images, labels = rng.integers(0, 256, (count, 4, 6), np.uint8), rng.integers(0, 10, count, np.uint8)
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(encoded(images))
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(encoded(labels))
        made[name] = images, labels
    parts = idx.read(tmp_path)
    assert list(parts) == ["train", "test"]
    for name, (images, labels) in made.items():
        np.testing.assert_array_equal(parts[name].images, images[..., None])
        np.testing.assert_array_equal(parts[name].labels, labels)
        assert parts[name].labels.dtype == np.int64
