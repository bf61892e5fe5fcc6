"""Class folders as people have them: nested, divided into splits, linked; what cannot be meant is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from glyphline.data import class_folders
from glyphline.data.listing import ListedImage
from glyphline.errors import DataError
from tests.conftest import environment
from tests.made_images import painted
from tests.powerless import POWERLESS


def made(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_bytes(b"")
    return root


def listed(root):
    return sorted((image.file, image.split, image.label) for image in class_folders.listed(root).images)


def test_images_below_a_class_folder_are_of_that_class_at_any_depth(tmp_path):
    made(tmp_path, "cat/1.png", "cat/may/2.JPG", "cat/may/3rd/a/3.webp", "dog/1.png")
    assert listed(tmp_path) == [
        ("cat/1.png", "train", "cat"),
        ("cat/may/2.JPG", "train", "cat"),
        ("cat/may/3rd/a/3.webp", "train", "cat"),
        ("dog/1.png", "train", "dog"),
    ]


@pytest.mark.parametrize("val", ["val", "valid", "validation", "Validation"])
@pytest.mark.parametrize("train", ["train", "Train", "training"])
def test_train_with_any_name_of_the_other_splits(tmp_path, train, val):
    made(tmp_path, f"{train}/cat/1.png", f"{train}/dog/1.png", f"{val}/cat/2.png", f"{val}/dog/x/2.png")
    made(tmp_path, "test/cat/3.png", "test/dog/3.png")
    assert {(file.split("/")[0], split) for file, split, _ in listed(tmp_path)} == {
        (train, "train"), (val, "val"), ("test", "test"),
    }  # fmt: skip
    assert {label for _, _, label in listed(tmp_path)} == {"cat", "dog"}


def test_a_folder_train_that_holds_images_is_a_class_of_vehicles(tmp_path):
    made(tmp_path, "train/1.png", "bus/1.png", "test/1.png")
    assert {(split, label) for _, split, label in listed(tmp_path)} == {
        ("train", "train"), ("train", "bus"), ("train", "test"),
    }  # fmt: skip


def test_hidden_files_are_left_out_and_others_that_are_no_images_are_told(tmp_path):
    made(tmp_path, "cat/1.png", "cat/.2.png", "cat/.git/3.png", "dog/1.png", ".cache/1.png")
    made(tmp_path, "dog/x/notes.txt", "loose.png", "readme.md", "dog/png")
    listing = class_folders.listed(tmp_path)
    assert {image.file for image in listing.images} == {"cat/1.png", "dog/1.png"}
    assert sorted(listing.left_out) == ["dog/png", "dog/x/notes.txt", "loose.png", "readme.md"]


def test_links_to_images_and_folders_elsewhere_are_followed(tmp_path):
    originals = made(tmp_path / "originals", "all/1.png", "one.png")
    root = made(tmp_path / "chosen", "dog/1.png", "cat/")
    (root / "cat" / "more").symlink_to(originals / "all")
    (root / "cat" / "2.png").symlink_to(originals / "one.png")
    assert [file for file, _, label in listed(root) if label == "cat"] == ["cat/2.png", "cat/more/1.png"]


@pytest.mark.parametrize("target", [".", "..", "../..", "../../dog"])
def test_a_link_in_a_circle_or_to_another_class_is_refused(tmp_path, target):
    made(tmp_path, "cat/deep/1.png", "dog/1.png")
    (tmp_path / "cat" / "deep" / "again").symlink_to(target)
    with pytest.raises(DataError, match="by a link") as caught:
        class_folders.listed(tmp_path)
    assert "remove the link" in caught.value.fix


def test_links_that_fan_out_do_not_take_for_ever(tmp_path):
    made(tmp_path, "cat/1.png", *(f"dog/{n}/" for n in range(40)))
    for n in range(39):
        for name in ("a", "b"):
            (tmp_path / "dog" / str(n) / name).symlink_to(tmp_path / "dog" / str(n + 1))
    with pytest.raises(DataError, match="by a link"):
        class_folders.listed(tmp_path)


def test_a_link_to_nothing_or_to_itself_is_listed_and_no_folder(tmp_path):
    made(tmp_path, "cat/1.png", "dog/1.png")
    (tmp_path / "cat" / "2.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "cat" / "3.png").symlink_to("3.png")
    (tmp_path / "cat" / "loop").symlink_to("loop")
    listing = class_folders.listed(tmp_path)
    assert {image.file for image in listing.images} == {"cat/1.png", "cat/2.png", "cat/3.png", "dog/1.png"}
    assert listing.left_out == ["cat/loop"]


def test_folders_as_deep_as_the_system_allows_are_no_matter(tmp_path, monkeypatch):
    made(tmp_path, "cat/1.png", "dog/1.png")
    monkeypatch.chdir(tmp_path / "dog")
    for _ in range(1500):
        Path("d").mkdir()
        os.chdir("d")
    monkeypatch.chdir(tmp_path)
    try:
        assert ListedImage("dog/1.png", "train", "dog") in class_folders.listed(tmp_path).images
    finally:
        # Python's own way to remove folders is recursive.
        subprocess.run(["rm", "-r", tmp_path / "dog" / "d"], check=True)


@pytest.mark.parametrize("name", ["pets", "pets/cat", "pets/dog/deep"])
def test_a_folder_that_cannot_be_read_is_two_lines(tmp_path, name):
    painted(tmp_path / "pets" / "cat" / "1.png")
    painted(tmp_path / "pets" / "dog" / "deep" / "1.png")
    folder = tmp_path / name
    code = (
        "import sys; from pathlib import Path; from glyphline.data import class_folders\n"
        "from glyphline.errors import DataError\n"
        "try: class_folders.listed(Path(sys.argv[1]))\n"
        "except DataError as error: print(error.problem, error.fix, sep='\\n')"
    )
    folder.chmod(0)
    try:
        done = subprocess.run(
            [*POWERLESS, sys.executable, "-c", code, tmp_path / "pets"],
            env=environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
    finally:
        folder.chmod(0o755)
    problem, fix = done.stdout.splitlines()
    assert problem == f"{folder} cannot be read: Permission denied"
    assert "permission" in fix


@pytest.mark.parametrize(
    ("layout", "problem"),
    [
        ([], "no class folders"),
        (["loose.png"], "no class folders"),
        (["a/1.png", "b/"], "b holds no images"),
        (["a/1.png", "b/notes.txt"], "b holds no images"),
        (["a/1.png", "b/deep/"], "b holds no images"),
        (["train/a/1.png", "train/b/1.png", "extra/a/1.png"], "holds extra beside train"),
        (["train/a/1.png", "train/b/1.png", "bus/1.png"], "holds bus beside train"),
        (["train/a/1.png", "val/a/1.png", "valid/a/2.png"], "2 folders for the val split"),
        (["train/a/1.png", "Train/a/1.png"], "2 folders for the train split"),
        (["test/a/1.png", "test/b/1.png"], "holds test with class folders, and no train"),
        (["train/1.png", "val/a/1.png"], "holds val with class folders, and no train"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_refused(layout, problem, tmp_path):
    with pytest.raises(DataError, match=problem) as caught:
        class_folders.listed(made(tmp_path, *layout))
    assert str(tmp_path) in caught.value.problem
    assert caught.value.fix
