"""What people give that cannot be meant: two lines before anything heavy starts, exit code 3, or 2 for params.yaml."""

import shutil

import pytest

from glyphline import cli
from tests.made_images import painted, two_classes
from tests.project import set_params


@pytest.fixture
def told(root, tmp_path, monkeypatch, capsys):
    """Runs stages on `mine`, and gives the two lines of the last: `told(code, {"data.bad_files": "skip"})`."""
    shutil.copy(root / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)

    def run(code, values=None, stages=("fetch",)):
        set_params(tmp_path, {"data.path": "mine", "data.dataset": "mine", **(values or {})})
        *before, last = stages
        assert [cli.run([stage]) for stage in before] == [0 for _ in before]
        capsys.readouterr()
        assert cli.run([last]) == code
        error, fix = capsys.readouterr().err.splitlines()
        assert error.startswith("error: ")
        assert fix.startswith("fix: ")
        # Nothing was left that a later command would take for the images.
        assert (tmp_path / "data" / "raw").exists() == bool(before)
        return error, fix

    return run


def a_table(tmp_path, *lines, count=6):
    """Six images, and a table in their folder."""
    for number in range(count):
        painted(tmp_path / "mine" / f"{number}.png", number)
    (tmp_path / "mine" / "metadata.csv").write_text("\n".join(lines) + "\n")


ROWS = [f"{number}.png,{'ab'[number % 2]}" for number in range(6)]
CASES = {
    "no such column": (["image,kind", *ROWS], "no column for the label"),
    "a path outside": (["image,label", "../../etc/x.png,a"], "no path below"),
    "an absolute path": (["image,label", "/etc/x.png,a"], "no path below"),
    "an empty label": (["image,label", *ROWS, "7.png,"], "line 8: the label is empty"),
    "100,000 labels": (["image,label", *(f"{n}.png,{n}" for n in range(100_000))], "100,000 different labels"),
    "no split": (["image,label,split", "0.png,a,train", "1.png,b,fold 3"], "'fold 3' is no split"),
    "no training split": (["image,label,split", "0.png,a,test", "1.png,b,val"], "no image is of the train split"),
    "one image of a class": (["image,label", *ROWS, "7.png,c"], "too few training images of c (1)"),
    "a class with none": (
        ["image,label,split", *(f"{row},train" for row in ROWS), "7.png,a,test"],
        "the test split has no image of b",
    ),
    "one class": (["image,label", *(f"{n}.png,a" for n in range(6))], "all images have one label"),
    "two spellings": (["image,label", *ROWS, "7.png,A "], "differ only in case or blanks: 'A ' (1) and 'a' (3)"),
    "a missing file": (["image,label", *ROWS, "7.png,a"], "mine/7.png does not exist"),
    "all files missing": (["image,label", *(f"x/{row}" for row in ROWS)], "mine/x/0.png does not exist"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_table_that_cannot_be_meant(told, tmp_path, name):
    lines, problem = CASES[name]
    a_table(tmp_path, *lines)
    error, _ = told(3)
    assert problem in error


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (r"(x)\.png", "finds no group for 6 of 6 images"),
        (r"([0-3])\.png", "finds no group for 2 of 6 images"),
        (r"(png)", "finds one group for all 6 images"),
    ],
)
def test_a_pattern_for_groups_that_does_not_fit_is_told_before_an_image_is_decoded(told, tmp_path, pattern, problem):
    a_table(tmp_path, "image,label", *ROWS)
    error, fix = told(3, {"preprocess.group": pattern}, stages=("fetch", "preprocess"))
    assert problem in error
    assert "preprocess.group" in fix


def test_one_group_in_the_whole_table(told, tmp_path):
    a_table(tmp_path, "image,label,group", *(f"{row},p1" for row in ROWS))
    assert "the table finds one group for all 6 images, 'p1'" in told(3, stages=("fetch", "preprocess"))[0]


def test_a_pattern_for_images_that_are_no_files(told, tmp_path):
    values = {"data.path": None, "data.dataset": "digits", "preprocess.group": "(x)"}
    error, fix = told(3, values, stages=("fetch", "preprocess"))
    assert "are no files with paths" in error
    assert "preprocess.group to null" in fix


def test_a_pattern_without_a_group_is_a_mistake_in_params_yaml(told, tmp_path):
    two_classes(tmp_path / "mine")
    error, _ = told(2, {"preprocess.group": "p1"})
    assert error == 'error: preprocess.group: must have one group in parentheses, and has 0 (got "p1")'


def test_a_link_in_a_circle(told, tmp_path):
    root = two_classes(tmp_path / "mine")
    (root / "cat" / "again").symlink_to("..")
    assert "by a link" in told(3)[0]


def test_a_class_with_one_image_and_a_given_split_that_lacks_one(told, tmp_path):
    root = two_classes(tmp_path / "mine")
    painted(root / "ant" / "1.png")
    assert "too few training images of ant (1)" in told(3)[0]
    shutil.rmtree(root)
    two_classes(root / "train")
    painted(root / "valid" / "cat" / "1.png")
    assert "the val split has no image of dog" in told(3)[0]


def test_too_many_bad_files(told, tmp_path):
    root = two_classes(tmp_path / "mine")
    (root / "cat" / "bad.png").write_bytes(b"")
    assert "cat/bad.png is no image" in told(3)[0]
    assert "more than 5.00% of 7 files cannot be read" in told(3, {"data.bad_files": "skip"})[0]
