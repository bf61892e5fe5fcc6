"""`data.copy: false`: the same arrays from the files where they are, and every file that is another one by its name."""

import os
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.data import archive, folders, originals, raw
from glyphline.errors import DataError
from glyphline.paths import Paths, is_inside
from glyphline.stages import fetch, preprocess
from tests.conftest import changed
from tests.made_images import painted, two_classes

SHA256 = st.text("0123456789abcdef", min_size=64, max_size=64)
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(is_inside)


def as_folder(root):
    two_classes(root, count=8)
    (root / "cat" / "0.png").rename(root / "cat" / "a \\ b  c é.png")
    return root


def as_table(root):
    as_folder(root)
    rows = [f"{path.relative_to(root)},{path.parent.name}" for path in sorted(root.rglob("*.png"))]
    (root / "labels.csv").write_text("\n".join(["image,label", *rows]))
    return root / "labels.csv"


def as_arrays(root):
    root.mkdir()
    images = np.arange(16 * 64, dtype=np.uint8).reshape(16, 8, 8)
    np.savez(root / "mine.npz", x_train=images, y_train=np.arange(16) % 2)
    return root / "mine.npz"


LAYOUTS = {"folder": as_folder, "table": as_table, "npz": as_arrays}


@pytest.fixture
def project(tmp_path, default_params):
    """Runs fetch and preprocess in a folder of its own: `project("one", path, copy=False)` gives its paths."""

    def run(name, path, *, copy, size=(12, 12)):
        paths = Paths(work=tmp_path / name, home=tmp_path)
        values = {"data.path": str(path), "data.dataset": "mine", "data.copy": copy, "preprocess.image_size": size}
        params = changed(default_params, values)
        fetch.run(params, paths)
        preprocess.run(params, paths)
        return paths

    return run


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_preprocess_leaves_is_the_same_and_the_originals_are_as_they_were(tmp_path, project, layout):
    path = LAYOUTS[layout](tmp_path / "mine")
    before = contents(tmp_path / "mine")
    copied, read_there = project("copied", path, copy=True), project("there", path, copy=False)
    assert contents(copied.processed) == contents(read_there.processed)
    assert contents(copied.preprocess) == contents(read_there.preprocess)
    assert contents(tmp_path / "mine") == before
    kept = {file.name for file in read_there.raw.iterdir()}
    assert kept == {"SHA256SUMS", "manifest.json"} | (set() if layout == "npz" else {"images.csv", "bad_files.csv"})
    root = path if path.is_dir() else path.parent
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", read_there.raw / "SHA256SUMS"], cwd=root, check=True)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fault", ["changed", "gone", "all gone", "a pipe", "a device"])
def test_an_original_that_is_another_is_named(tmp_path, default_params, project, layout, fault):
    path = LAYOUTS[layout](tmp_path / "mine")
    paths = project("there", path, copy=False)
    victim = path if layout == "npz" else tmp_path / "mine" / "dog" / "3.png"
    if fault == "changed":
        content = bytearray(victim.read_bytes())
        content[-1] ^= 1
        victim.write_bytes(content)
    elif fault != "all gone":
        victim.unlink()
        if fault == "a pipe":
            os.mkfifo(victim)
        elif fault == "a device":
            victim.symlink_to("/dev/zero")
    else:
        shutil.rmtree(tmp_path / "mine")
    with pytest.raises(DataError) as caught:
        preprocess.run(changed(default_params, {"data.path": str(path), "preprocess.image_size": (12, 12)}), paths)
    if fault == "all gone" or (fault, layout) == ("gone", "npz"):
        assert f"{path} is not there" in caught.value.problem
        assert "data.copy" in caught.value.fix
    else:
        assert str(victim) in caught.value.problem
        problem = {"changed": "has changed", "gone": "No such file"}.get(fault, "it is no file")
        assert problem in caught.value.problem
        assert "dvc repro" in caught.value.fix


def test_the_path_of_params_is_kept_as_it_is_written(tmp_path, default_params):
    two_classes(tmp_path / "pets")
    paths = Paths(work=tmp_path / "work", home=tmp_path)
    fetch.run(changed(default_params, {"data.path": "pets", "data.copy": False, "data.dataset": "pets"}), paths)
    assert raw.verified(paths.raw).originals == "pets"
    assert str(tmp_path) not in (paths.raw / raw.MANIFEST).read_text()


def test_bad_files_are_left_out_of_the_digests(tmp_path, default_params):
    root = two_classes(tmp_path / "pets")
    (root / "cat" / "bad.png").write_bytes(b"?")
    values = {"data.path": "pets", "data.copy": False, "data.dataset": "pets", "data.bad_files": "skip"}
    paths = Paths(work=tmp_path / "work", home=tmp_path)
    fetch.run(changed(default_params, {**values, "data.max_bad_share": 1.0}), paths)
    assert len(originals.read(paths.raw / originals.NAME)) == 6


def test_a_file_that_changes_while_it_is_copied_is_refused(tmp_path):
    painted(tmp_path / "a.png")
    with pytest.raises(DataError, match="changed while it was fetched"):
        archive.write(tmp_path, {"a.png": "0" * 64}, tmp_path / "images.zip")
    assert not (tmp_path / "images.zip").exists()


@pytest.mark.parametrize("copy", [True, False])
def test_a_list_that_names_an_image_which_is_not_there_is_refused(tmp_path, default_params, copy):
    two_classes(tmp_path / "pets")
    paths = Paths(work=tmp_path / "work", home=tmp_path)
    fetch.run(changed(default_params, {"data.path": "pets", "data.copy": copy, "data.dataset": "pets"}), paths)
    listed = paths.raw / "images.csv"
    listed.write_text(listed.read_text().replace("cat/1.png", "cat/../cat/1.png"))
    with pytest.raises(DataError, match=r"images.csv lists cat/../cat/1.png, and .* does not have it"):
        folders.read(paths.raw, ("cat", "dog"), None, tmp_path, below=None if copy else tmp_path / "pets")


@given(st.dictionaries(NAMES, SHA256, min_size=1))
def test_any_name_comes_back(tmp_path_factory, digests):
    path = tmp_path_factory.getbasetemp() / "SUMS"
    originals.write(path, digests)
    assert originals.read(path) == digests


@pytest.mark.parametrize(
    "text", ["short  a.png\n", f"{'0' * 64} a.png\n", f"{'0' * 64}  ../a.png\n", f"{'0' * 64}  /a.png\n", "\xff"]
)
def test_a_list_of_another_kind_is_refused(tmp_path, text):
    (tmp_path / "SHA256SUMS").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match="SHA256SUMS cannot be read") as caught:
        originals.read(tmp_path / "SHA256SUMS")
    assert "dvc repro --force fetch" in caught.value.fix
