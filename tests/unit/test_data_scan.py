"""The scan of data.path: another digest whenever an image is, and nothing read that has not changed."""

import os
import shutil
import time

import numpy as np
import pytest
from PIL import Image

from glyphline import records
from glyphline.data import scan
from glyphline.errors import DataError
from glyphline.paths import Paths
from glyphline.records import Scan
from glyphline.stages import scan as stage
from tests.conftest import changed

LONG_AGO = time.time() - 1000


def save(path, colour=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), colour).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    for label in ("cat", "dog"):
        for number in range(4):
            save(tmp_path / "pictures" / label / f"{number}.png", number)
    return tmp_path / "pictures"


@pytest.fixture
def look(default_params, tmp_path):
    """Scan, and tell which files were read; a file counts as settled at once."""

    def look(path, **data):
        params = changed(default_params, {f"data.{key}": value for key, value in data.items()})
        read = []

        def digest_of(file):
            read.append(file.name)
            return scan.content_digest(file)

        return scan.scan(params.data, path, tmp_path / "index.npz", digest_of, settled_ns=-(10**15)), read

    return look


def test_only_what_is_new_or_changed_is_read(look, folder):
    first, read = look(folder)
    assert len(read) == first.images == 8
    assert look(folder) == (first, [])
    save(folder / "cat" / "2.png", 200)
    second, read = look(folder)
    assert read == ["2.png"]
    assert second.digest != first.digest
    save(folder / "cat" / "2.png", 2)
    third, read = look(folder)
    assert read == ["2.png"]
    assert third == first


def test_a_file_of_the_same_size_and_time_is_read_again_because_its_inode_changed(look, folder):
    path = folder / "dog" / "1.png"
    os.utime(path, (LONG_AGO, LONG_AGO))
    first, _ = look(folder)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, (LONG_AGO, LONG_AGO))
    second, read = look(folder)
    assert read == ["1.png"]
    assert second.digest != first.digest


@pytest.mark.parametrize("act", ["add", "remove", "rename", "move to another class"])
def test_names_and_classes_count(look, folder, act):
    first, _ = look(folder)
    path = folder / "cat" / "0.png"
    match act:
        case "add":
            save(folder / "cat" / "9.png")
        case "remove":
            path.unlink()
        case "rename":
            path.rename(folder / "cat" / "new.png")
        case _:
            path.rename(folder / "dog" / "new.png")
    assert look(folder)[0].digest != first.digest


def test_a_copy_of_the_folder_has_the_same_digest(look, folder, tmp_path):
    first, _ = look(folder)
    shutil.copytree(folder, tmp_path / "elsewhere" / "pictures")
    assert look(tmp_path / "elsewhere" / "pictures")[0] == first


def test_what_is_no_image_does_not_count(look, folder):
    first, _ = look(folder)
    (folder / "cat" / "notes.txt").write_text("mine")
    (folder / ".DS_Store").write_text("")
    assert look(folder) == (first, [])


def test_labels_of_a_table_count_though_no_image_changed(look, folder):
    table = folder / "labels.csv"
    table.write_text("image,label\n" + "".join(f"cat/{n}.png,a\ndog/{n}.png,b\n" for n in range(4)))
    first, _ = look(table)
    table.write_text(table.read_text().replace("cat/0.png,a", "cat/0.png,b"))
    second, read = look(table)
    assert read == []
    assert second.digest != first.digest


def test_an_image_that_a_table_names_and_that_is_not_there_counts_once_it_is(look, folder):
    table = folder / "labels.csv"
    table.write_text("image,label\ncat/0.png,a\ncat/9.png,b\n")
    first, _ = look(table)
    save(folder / "cat" / "9.png")
    assert look(table)[0].digest != first.digest


def test_an_archive_of_arrays_is_one_file(look, tmp_path):
    np.savez(tmp_path / "images.npz", x_train=np.zeros((4, 8, 8), dtype=np.uint8), y_train=np.arange(4))
    first, read = look(tmp_path / "images.npz")
    assert read == ["images.npz"]
    assert look(tmp_path / "images.npz") == (first, [])


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn", None])
def test_a_damaged_index_is_made_again(look, folder, tmp_path, damage):
    first, _ = look(folder)
    index = tmp_path / "index.npz"
    if damage is None:
        np.savez(index, names=np.zeros(3, dtype=np.uint8), status=np.zeros((1, 3)), digests=np.zeros((2, 32)))
    else:
        index.write_bytes(damage)
    again, read = look(folder)
    assert again == first
    assert len(read) == 8


def test_a_file_that_was_touched_a_moment_ago_is_read_once_more(default_params, folder, tmp_path):
    read = []

    def digest_of(file):
        read.append(file.name)
        return scan.content_digest(file)

    for _ in range(2):
        scan.scan(default_params.data, folder, tmp_path / "index.npz", digest_of)
    assert len(read) == 16


@pytest.fixture
def run(default_params, tmp_path):
    paths = Paths(work=tmp_path, home=tmp_path)
    paths.mlruns.mkdir()
    paths.scan.parent.mkdir()

    def run(path):
        stage.run(changed(default_params, {"data.path": path and str(path)}), paths)
        return records.read(paths.scan, Scan, stage="scan")

    return run


def test_a_data_set_of_the_catalogue_is_not_looked_at(run):
    assert run(None) == Scan(source="catalogue", images=0, digest=None)


def test_in_a_clone_without_the_images_what_was_fetched_stays(run, folder, caplog):
    first = run(folder)
    shutil.rmtree(folder)
    assert run(folder) == first
    assert "what was fetched from it stays" in caplog.text


def test_a_path_that_never_was_there_is_refused(run, folder, tmp_path):
    run(folder)
    with pytest.raises(DataError, match=r"data\.path: .*other does not exist"):
        run(tmp_path / "other")


def test_nobody_waits_for_a_pipe_and_a_device_has_no_end_to_wait_for(look, folder):
    os.mkfifo(folder / "cat" / "pipe.png")
    (folder / "cat" / "zero.png").symlink_to("/dev/zero")
    (folder / "cat" / "itself.png").symlink_to("itself.png")
    first, _ = look(folder)
    assert first.images == 11
    (folder / "cat" / "pipe.png").unlink()
    save(folder / "cat" / "pipe.png", 9)
    assert look(folder)[0].digest != first.digest
