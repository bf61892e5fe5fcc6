"""What fetch packed against what lies at data.path now."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from glyphline import cli
from glyphline.data import changes
from glyphline.errors import DataError
from glyphline.paths import Paths
from glyphline.stages import fetch
from tests.conftest import changed
from tests.project import set_params


@pytest.fixture
def paths(tmp_path):
    return Paths(work=tmp_path / "work", home=tmp_path / "home")


@pytest.fixture
def pets(paths):
    for label in ("cat", "dog"):
        for number in range(3):
            path = paths.home / "pets" / label / f"{number}.bmp"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), number).save(path)
    return paths.home / "pets"


@pytest.fixture
def fetched(default_params, paths, pets):
    params = changed(default_params, {"data.path": "pets", "data.dataset": "pets"})
    fetch.run(params, paths)
    return pets, paths.raw


@pytest.fixture
def since_fetch(default_params):
    return lambda path, raw: changes.since_fetch(path, raw, default_params.data)


def test_images_that_were_not_fetched_are_named_with_what_to_do(default_params, paths, fetched, caplog):
    params = changed(default_params, {"data.path": "pets", "data.dataset": "pets"})
    changes.warn(params, paths)
    changes.warn(default_params, paths)
    assert caplog.text == ""
    shutil.copy(fetched[0] / "cat" / "0.bmp", fetched[0] / "cat" / "7.bmp")
    changes.warn(params, paths)
    assert "(1 new)" in caplog.text
    assert "`dvc repro --force fetch`, then `dvc repro`" in caplog.text


def test_a_stage_that_runs_on_images_that_changed_since_says_so_itself(root, tmp_path, monkeypatch, pets, caplog):
    """DVC may have skipped fetch, or restored what it once made of other images."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(root / name, tmp_path)
    set_params(tmp_path, {"data.path": str(pets), "data.dataset": "pets", "preprocess.val_fraction": 0.3})
    monkeypatch.chdir(tmp_path)
    assert cli.run(["fetch"]) == 0
    assert cli.run(["preprocess"]) in {0, 3}
    assert "were fetched" not in caplog.text
    shutil.copy(pets / "cat" / "0.bmp", pets / "cat" / "7.bmp")
    cli.run(["preprocess"])
    assert "the images at data.path are not those that were fetched (1 new)" in caplog.text
    caplog.clear()
    assert cli.run(["fetch"]) == 0
    cli.run(["preprocess"])
    assert "were fetched" not in caplog.text


def test_images_that_are_as_they_were_are_no_news_whatever_their_dates(since_fetch, fetched, tmp_path):
    path, raw = fetched
    assert since_fetch(path, raw) is None
    for image in path.rglob("*.bmp"):
        os.utime(image)
    assert since_fetch(path, raw) is None
    shutil.copytree(path, tmp_path / "moved")
    assert since_fetch(tmp_path / "moved", raw) is None


def test_new_changed_and_removed_images_are_counted(since_fetch, fetched):
    path, raw = fetched
    shutil.copy(path / "cat" / "0.bmp", path / "cat" / "7.bmp")
    (path / "dog" / "0.bmp").unlink()
    Image.new("L", (9, 9)).save(path / "dog" / "1.bmp")
    assert since_fetch(path, raw) == "1 new, 1 changed, 1 removed"


def test_a_changed_image_of_the_same_size_and_with_its_old_date_is_noticed(since_fetch, fetched):
    path, raw = fetched
    image = path / "cat" / "0.bmp"
    before = image.stat()
    Image.new("L", (8, 8), 99).save(image)
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert image.stat().st_size == before.st_size
    assert since_fetch(path, raw) == "1 changed"


def test_a_folder_that_could_not_be_fetched_any_more_says_why(since_fetch, fetched):
    path, raw = fetched
    (path / "empty").mkdir()
    assert "holds no images" in since_fetch(path, raw)


ROWS = [f"{number}.bmp,{'ab'[number % 2]},g{number}" for number in range(6)]


@pytest.fixture
def table(default_params, paths, tmp_path):
    """A table of six images that was fetched."""
    for number in range(6):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number}.bmp")
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["image,label,group", *ROWS]))
    fetch.run(changed(default_params, {"data.path": str(table), "data.dataset": "scans"}), paths)
    return table


@pytest.mark.parametrize(
    ("rows", "difference"),
    [
        (ROWS, None),
        (ROWS[::-1], None),
        (ROWS[1:], "1 removed"),
        ([*ROWS[:5], "5.bmp,a,g5"], "1 changed"),
        ([*ROWS[:5], "5.bmp,b,g0"], "1 changed"),
        ([*ROWS, "6.bmp,b,g5"], "1 new"),
        ([*ROWS, "6.bmp,,g5"], "line 8: the label is empty"),
    ],
)
def test_a_table_that_says_something_else_is_noticed(since_fetch, paths, table, rows, difference):
    table.write_text("\n".join(["image,label,group", *rows]))
    told = since_fetch(table, paths.raw)
    assert told is None if difference is None else difference in told


def test_an_image_of_a_table_that_changed_or_is_gone_is_noticed(since_fetch, paths, table):
    Image.new("L", (8, 8), 99).save(table.parent / "0.bmp")
    (table.parent / "1.bmp").unlink()
    assert since_fetch(table, paths.raw) == "1 changed, 1 removed"


def test_files_that_were_skipped_are_no_news_until_they_are_mended(since_fetch, default_params, paths, pets):
    (pets / "cat" / "bad.bmp").write_bytes(b"")
    (pets / "cat" / "gone.bmp").symlink_to(pets / "gone.bmp")
    values = {"data.path": "pets", "data.dataset": "pets", "data.bad_files": "skip", "data.max_bad_share": 0.5}
    fetch.run(changed(default_params, values), paths)
    assert since_fetch(pets, paths.raw) is None
    shutil.copy(pets / "cat" / "0.bmp", pets / "cat" / "bad.bmp")
    assert since_fetch(pets, paths.raw) == "1 new"


def test_a_damaged_list_is_an_error_with_a_fix(since_fetch, fetched):
    path, raw = fetched
    (raw / "images.csv").write_text("x")
    with pytest.raises(DataError, match=r"images\.csv cannot be read") as caught:
        since_fetch(path, raw)
    assert "dvc repro --force fetch" in caught.value.fix


def test_a_changed_npz_is_noticed(since_fetch, default_params, paths, tmp_path):
    mine = tmp_path / "mine.npz"
    np.savez(mine, x_train=np.zeros((4, 8, 8), np.uint8), y_train=np.array([0, 1, 0, 1]))
    fetch.run(changed(default_params, {"data.path": str(mine), "data.dataset": "mine"}), paths)
    assert since_fetch(mine, paths.raw) is None
    os.utime(mine)
    assert since_fetch(mine, paths.raw) is None
    np.savez(mine, x_train=np.ones((4, 8, 8), np.uint8), y_train=np.array([0, 1, 0, 1]))
    assert since_fetch(mine, paths.raw) == "another file"


def test_images_that_are_not_at_hand_are_no_news(since_fetch, fetched):
    """A clone that pulled data/raw needs no data.path."""
    path, raw = fetched
    shutil.rmtree(path)
    assert since_fetch(path, raw) is None


@pytest.mark.parametrize("name", ["images.zip", "manifest.json"])
def test_what_was_fetched_need_not_be_at_hand_either(since_fetch, fetched, name):
    path, raw = fetched
    (raw / name).unlink()
    assert since_fetch(path, raw) is None


def test_a_damaged_archive_is_an_error_with_a_fix(since_fetch, fetched):
    path, raw = fetched
    (raw / "images.zip").write_bytes(b"x")
    with pytest.raises(DataError, match="is damaged") as caught:
        since_fetch(path, raw)
    assert "dvc repro --force fetch" in caught.value.fix
