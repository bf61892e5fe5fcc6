"""Many images: the same arrays whatever the number of processes, and errors that name the file."""

import os
import resource
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from glyphline import pictures
from glyphline.data import archive, decoding, folders
from glyphline.errors import DataError, PictureError
from glyphline.pictures import Resizing
from tests import odd_pictures
from tests.conftest import environment
from tests.made_images import packed

CLASSES = ("a", "b")


def noise(seed: int, side: int = 300) -> bytes:
    """A PNG that takes its 270 KB because it is not compressed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return odd_pictures.encoded(Image.fromarray(pixels), "PNG", compress_level=0)


def alternating(folder, contents):
    """Images as fetch leaves them, in turn of class a and b."""
    return packed(folder, dict(sorted((f"train/{'ab'[n % 2]}/{n}.png", body) for n, body in enumerate(contents))))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An archive that is worth two processes, and what its images are."""
    folder = alternating(tmp_path_factory.mktemp("large"), [noise(n) for n in range(130)])
    assert (folder / archive.NAME).stat().st_size > 2 * decoding.BYTES_PER_PROCESS
    return folder


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core: there are never two processes")
@pytest.mark.parametrize("cores", [1, 2])
def test_the_arrays_are_the_same_in_one_process_and_in_two(large, tmp_path, cores):
    program = (
        "import os, resource, sys\nfrom pathlib import Path\nfrom glyphline.data import folders\n"
        "from glyphline.pictures import Resizing\n"
        "if __name__ == '__main__':\n"
        "    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[3])])\n"
        "    folders.read(Path(sys.argv[1]), ('a', 'b'), Resizing(20, 30, 'crop'), Path(sys.argv[2]))\n"
        "    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime > 0)\n"
    )
    (tmp_path / "program.py").write_text(program)
    words = [sys.executable, tmp_path / "program.py", large, tmp_path, str(cores)]
    done = subprocess.run(words, env=environment(), check=True, capture_output=True, text=True)
    assert done.stdout == f"{cores == 2}\n"
    images = np.load(tmp_path / "train.npy")
    with zipfile.ZipFile(large / archive.NAME) as source:
        for row, name in enumerate(source.namelist()):
            image = pictures.opened(source.read(name), name)
            expected = pictures.as_array(image, name, grey=False, resizing=Resizing(20, 30, "crop"))
            np.testing.assert_array_equal(images[row], expected)


def test_processes_leave_nothing_and_rows_keep_their_labels(large, tmp_path):
    labeled = folders.read(large, CLASSES, Resizing(8, 8, "stretch"), tmp_path)["train"]
    assert labeled.images.shape == (130, 8, 8, 3)
    assert labeled.labels.tolist() == [0] * 65 + [1] * 65
    assert [path.name for path in tmp_path.iterdir()] == ["train.npy"]


@pytest.mark.parametrize("at", [0, 40, 129])
def test_the_first_bad_image_is_named_from_whatever_process(tmp_path, at):
    names = sorted(f"train/{'ab'[n % 2]}/{n}.png" for n in range(130))
    bad = {names[at], names[129]}
    packed(tmp_path, {name: noise(n)[: 5000 if name in bad else None] for n, name in enumerate(names)})
    with pytest.raises(PictureError, match="cannot be decoded") as refused:
        folders.read(tmp_path, CLASSES, Resizing(8, 8, "stretch"), tmp_path)
    assert refused.value.name == names[at]


@pytest.mark.parametrize("coloured_at", [None, 0, 37, 79])
def test_one_image_with_colour_anywhere_makes_three_channels(tmp_path, coloured_at):
    grey = odd_pictures.encoded(odd_pictures.in_mode("L"), "PNG")
    contents = [grey] * 80
    if coloured_at is not None:
        contents[coloured_at] = odd_pictures.encoded(odd_pictures.in_mode("RGB"), "PNG")
    images = folders.read(alternating(tmp_path, contents), CLASSES, None, tmp_path)["train"].images
    assert images.shape == (80, 16, 24, 1 if coloured_at is None else 3)
    np.testing.assert_array_equal(images[2, ..., 0], np.asarray(odd_pictures.in_mode("L")))


def test_a_member_that_is_compressed_is_not_what_fetch_wrote(tmp_path):
    packed(tmp_path, {"train/a/1.png": b""})
    with zipfile.ZipFile(tmp_path / archive.NAME, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("train/a/1.png", noise(1))
    with pytest.raises(DataError, match=r"holds train/a/1\.png compressed") as refused:
        folders.read(tmp_path, CLASSES, None, tmp_path)
    assert "dvc repro --force fetch" in refused.value.fix


def test_pieces_are_of_about_one_size_and_leave_out_no_row():
    sizes = [10, 5_000_000, 10, 10, *[700_000] * 5, *[100] * 1000]
    pieces = decoding._pieces(sizes)
    assert [row for piece in pieces for row in piece] == list(range(len(sizes)))
    assert max(map(len, pieces)) == decoding.PIECE_BYTES // decoding.LEAST_BYTES
    assert pieces[0] == range(2)


def test_a_disk_without_room_is_told_before_anything_is_decoded(tmp_path):
    folder = alternating(tmp_path, [noise(n, side=64) for n in range(40)])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as refused:
            folders.read(folder, CLASSES, Resizing(64, 64, "stretch"), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert refused.value.filename == str(tmp_path / "train.npy")


def test_what_cannot_even_be_opened_is_named_among_the_bad_files(tmp_path):
    for name, content in (("good.png", noise(0, side=9)), ("bad.png", b"?")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.png").mkdir()
    paths = [tmp_path / name for name in ("bad.png", "folder.png", "good.png", "gone.png")]
    results = list(decoding.check(paths, "checking"))
    assert [isinstance(result, str) for result in results] == [False, False, True, False]
    errors = [result for result in results if isinstance(result, PictureError)]
    assert [error.name for error in errors] == [str(tmp_path / name) for name in ("bad.png", "folder.png", "gone.png")]
    assert "cannot be read: Is a directory" in errors[1].problem
    assert "readable" in errors[1].fix


def test_a_small_set_starts_no_process(tmp_path):
    folder = alternating(tmp_path, [odd_pictures.encoded(odd_pictures.coloured(), "PNG")] * 400)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(folders.read(folder, CLASSES, None, tmp_path)["train"].images) == 400
    assert resource.getrusage(resource.RUSAGE_CHILDREN) == before
