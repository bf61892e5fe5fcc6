"""`glyphline use` fits two kinds of network to a part of a person's images, and takes the better one."""

import numpy as np
from PIL import Image

from glyphline import params as parameters
from glyphline.commands import use
from glyphline.commands.use import quick_fits
from glyphline.data import sample
from glyphline.paths import Paths
from tests.conftest import ROOT


def pictures(folder, count=12):
    """Bright and dark pictures of two proportions, and one broken file."""
    rng = np.random.default_rng(3)
    for label, level in (("bright", 200), ("dark", 40)):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            size = (70, 90, 3) if number % 2 else (90, 70, 3)
            pixels = level + rng.integers(-30, 30, size)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{number}.png")
    (folder / "dark" / "broken.png").write_bytes(b"no image")
    return folder


def project(folder):
    paths = Paths(work=folder, home=folder)
    paths.params.write_text((ROOT / "params.yaml").read_text())
    return paths


def test_the_better_kind_is_chosen_and_only_params_yaml_is_written(default_params, tmp_path):
    paths, folder = project(tmp_path), pictures(tmp_path / "pictures")
    choices, _ = use.choose(default_params, paths, folder, try_fits=True)
    values = {choice.key: choice.value for choice in choices}
    # Both kinds tell bright from dark; of equal ones, the head on features is first.
    assert values["model.kind"] == "pretrained"
    assert values["preprocess.image_size"] == [224, 224]
    (reason,) = [choice.reason for choice in choices if choice.key == "model.kind"]
    for tried in ("recipe photos with crop 1.000", "recipe photos with pad", "from nothing with"):
        assert tried in reason
    use.write(paths, choices)
    assert parameters.read(paths.params).model.kind == "pretrained"
    left = {path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(folder)}
    assert left == {paths.params, paths.scratch / "lock"}


def test_a_sample_has_each_class_in_proportion_and_two_images_at_least(default_params, tmp_path):
    folder = pictures(tmp_path / "pictures", count=20)
    rare = folder / "rare"
    rare.mkdir()
    for number in range(3):
        Image.new("RGB", (70, 70)).save(rare / f"{number}.png")
    drawn = sample.draw(default_params.data, folder, most=20)
    counts = {name: sum(image.label == name for image in drawn.images) for name in drawn.classes}
    assert counts["rare"] == 2
    assert 8 <= counts["bright"] <= 10
    assert 8 <= counts["dark"] <= 10
    assert "dark/broken.png" not in {image.file for image in drawn.images}


def test_images_of_one_class_that_can_be_read_decide_nothing(default_params, tmp_path):
    folder = pictures(tmp_path / "pictures", count=3)
    for path in (folder / "dark").iterdir():
        path.write_bytes(b"no image")
    assert quick_fits.run(default_params, project(tmp_path), folder, ("crop",)) == []
