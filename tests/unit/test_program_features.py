"""`glyphline.features`, before a network is loaded: what it takes, and what it says of the rest."""

import os

import numpy as np
import pytest
from PIL import Image

import glyphline
from glyphline.errors import DataError, PictureError, TrainingError

IMAGE = np.zeros((20, 30, 3), np.uint8)


@pytest.mark.parametrize(
    ("images", "problem", "fix"),
    [
        (IMAGE.astype(np.float32), r"float32 \(20, 30, 3\)", "uint8"),
        (np.zeros((5, 28, 28), np.uint8), r"uint8 \(5, 28, 28\)", "(n, h, w, c)"),
        (np.zeros((1, 0, 28, 3), np.uint8), r"\(1, 0, 28, 3\)", "uint8"),
        (np.zeros((0, 20, 30, 3), np.uint8), "no image", "a folder of images"),
        ([], "no image", "a folder of images"),
        ([IMAGE], "a list was given", "a list of image files"),
        (7, "a int was given", "an image file"),
        ("nowhere.png", r"nowhere\.png cannot be read: No such file", "an image file"),
    ],
)  # fmt: skip
def test_what_holds_no_images_is_refused_by_what_was_given(images, problem, fix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=problem) as caught:
        glyphline.features(images)
    assert fix in caught.value.fix


def test_a_folder_without_images_and_a_file_that_is_none_are_told(tmp_path):
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(DataError, match="holds no images"):
        glyphline.features(tmp_path)
    with pytest.raises(PictureError, match=r"notes\.txt is no image"):
        glyphline.features(tmp_path / "notes.txt")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match="is no file"):
        glyphline.features([tmp_path / "pipe.png"])


def test_an_unknown_backbone_is_told_with_those_that_are_known(tmp_path):
    Image.fromarray(IMAGE).save(tmp_path / "one.png")
    with pytest.raises(TrainingError, match="efficientnet_lite1") as caught:
        glyphline.features(tmp_path / "one.png", backbone="efficientnet_lite1")
    assert "efficientnet_lite0" in caught.value.fix
