"""What `glyphline use` finds out about images, and the parameters that it chooses for them."""

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glyphline import params as parameters
from glyphline.commands import use
from glyphline.commands.use.choices import Choice, chosen, class_counts, fits, is_photographs, with_best
from glyphline.commands.use.quick_fits import QuickFit
from glyphline.data.survey import Survey, survey
from glyphline.errors import DataError
from glyphline.paths import Paths
from tests.conftest import ROOT


def found(counts=None, sizes=((64, 64),), *, bad=()):
    counts = counts or {"train": {"a": 500, "b": 500}}
    return Survey(
        layout="class folders",
        counts={split: Counter(classes) for split, classes in counts.items()},
        sizes=tuple(sizes),
        bad=tuple(bad),
    )


def values(default_params, survey, path="pictures/My Cats!"):
    return {choice.key: choice.value for choice in chosen(default_params, survey, Path(path))}


def save(path, size=(40, 30), mode="RGB", orientation=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.new(mode, size, 100).save(path, exif=exif)


def test_the_name_of_the_data_set_is_that_of_the_folder(default_params):
    assert values(default_params, found())["data.dataset"] == "my_cats"
    assert values(default_params, found(), "x/mnist")["data.dataset"] == "mnist_own"
    assert values(default_params, found(), "x/é")["data.dataset"] == "images"
    assert len(values(default_params, found(), "x" * 200)["data.dataset"]) == 64


@pytest.mark.parametrize(
    ("sizes", "size", "fit", "blocks"),
    [
        ([(8, 8)], None, "stretch", 1),
        ([(28, 28)], None, "stretch", 2),
        ([(32, 48)], None, "stretch", 3),
        ([(100, 100)], [64, 64], "stretch", 3),
        ([(480, 640), (1024, 768)], [64, 64], "crop", 3),
        ([(50, 60), (49, 70)], [48, 48], "crop", 3),
        ([(20, 20), (24, 24)], [32, 32], "stretch", 2),
    ],
)
def test_the_size_fits_the_pictures(default_params, sizes, size, fit, blocks):
    got = values(default_params, found(sizes=sizes))
    assert got["preprocess.image_size"] == size
    assert got["preprocess.fit"] == fit
    assert len(got["model.filters"]) == blocks


def test_few_images_get_many_epochs_and_many_get_few(default_params):
    few = values(default_params, found({"train": {"a": 60, "b": 60}}))
    many = values(default_params, found({"train": {"a": 30_000, "b": 30_000}}))
    assert (few["train.epochs"], few["train.batch_size"]) == (100, 32)
    # On dogs_cats, fits that were ended after 10 epochs without progress had not begun to learn.
    assert few["train.patience"] == 100
    assert (many["train.epochs"], many["train.batch_size"]) == (6, 128)


def test_a_batch_is_never_larger_than_what_there_is_to_learn_from(default_params):
    # As preprocess divides them: every class gives each split one image at least.
    assert values(default_params, found({"train": {"a": 10, "b": 10}}))["train.batch_size"] == 14
    tiny = found({"train": {"a": 3, "b": 3}})
    assert values(default_params, tiny)["train.batch_size"] == 2
    assert class_counts(default_params, tiny) == {"a": 1, "b": 1}


def test_the_search_draws_no_batch_that_is_larger_than_what_there_is_to_learn_from(default_params):
    def batches(count):
        chosen_values = values(default_params, found({"train": {"a": count, "b": count}}))
        return chosen_values.get("tune.space", {}).get("train.batch_size", {}).get("choices")

    assert batches(500) is None
    assert batches(60) == [32, 64]
    few = values(default_params, found({"train": {"a": 10, "b": 10}}))["tune.space"]
    assert "train.batch_size" not in few
    assert few["train.learning_rate"] == {"low": 0.002, "high": 0.05, "log": True}


def test_given_splits_leave_all_training_images_to_learn_from(default_params):
    counts = {split: {"a": 1000, "b": 1000} for split in ("train", "val", "test")}
    (reason,) = [
        choice.reason for choice in chosen(default_params, found(counts), Path("x")) if choice.key == "train.batch_size"
    ]
    assert reason == "2,000 images to learn from"


def test_skewed_classes_are_weighed_and_the_first_version_has_to_beat_the_largest_class(default_params):
    got = values(default_params, found({"train": {"a": 1240, "b": 4}}))
    assert got["train.class_weight"] == "balanced"
    assert got["registry.min_accuracy"] == 0
    # Naming always one of two classes has 0.5.
    assert got["registry.gate.min_balanced_accuracy"] == 0.62
    even = values(default_params, found())
    assert even["train.class_weight"] == "none"
    assert even["registry.min_accuracy"] == 0.62
    assert even["registry.gate.min_balanced_accuracy"] is None


def test_every_choice_is_a_value_that_params_yaml_allows(default_params, tmp_path):
    paths = Paths(work=tmp_path, home=tmp_path)
    paths.params.write_text((ROOT / "params.yaml").read_text())
    for sizes in ([(8, 8)], [(480, 640), (1024, 768)]):
        choices = chosen(default_params, found({"train": {"a": 90, "b": 7}}, sizes, bad=["x"]), Path("pictures"))
        use.write(paths, choices)
        flat = parameters.read(paths.params).model_dump(exclude_defaults=True)
        for choice in choices:
            held = flat
            for part in choice.key.split("."):
                held = held[part]
            assert json.loads(json.dumps(held)) == choice.value
    assert "# digits, mnist" in paths.params.read_text()


def test_a_folder_is_counted_and_a_sample_of_it_opened(default_params, tmp_path):
    for number in range(6):
        save(tmp_path / "pictures" / "cat" / f"{number}.jpg", orientation=6)
        save(tmp_path / "pictures" / "dog" / f"{number}.png", mode="L")
    (tmp_path / "pictures" / "dog" / "broken.png").write_bytes(b"no image")
    seen = survey(default_params.data, tmp_path / "pictures", tmp_path)
    assert seen.counts == {"train": Counter(cat=6, dog=7)}
    assert set(seen.sizes) == {(40, 30), (30, 40)}
    assert len(seen.bad) == 1


def test_a_folder_with_a_table_in_it_is_called_a_table(default_params, tmp_path):
    root = a_folder(tmp_path / "pictures", count=3)
    names = [path.relative_to(root).as_posix() for path in sorted(root.rglob("*.png"))]
    rows = [f"{name},{'xy'[number % 2]}" for number, name in enumerate(names)]
    (root / "metadata.csv").write_text("file_name,label\n" + "\n".join(rows))
    seen = survey(default_params.data, root, tmp_path)
    assert seen.layout == "a table, metadata.csv"
    assert seen.counts == {"train": Counter(x=3, y=3)}


def test_groups_are_counted_and_what_cannot_be_divided_is_refused_before_anything_is_written(default_params, tmp_path):
    paths = Paths(work=tmp_path, home=tmp_path)
    a_folder(tmp_path / "pictures")

    def chosen_group(pattern):
        params = parameters.overlay(default_params, {"preprocess.group": pattern})
        choices, _ = use.choose(params, paths, tmp_path / "pictures")
        return next((choice.value, choice.reason) for choice in choices if choice.key == "preprocess.group")

    assert chosen_group(None) == (None, "no groups are known")
    assert chosen_group(r"(\d+)\.png") == (r"(\d+)\.png", "15 groups, each of which stays in one split")
    with pytest.raises(DataError, match="finds no group for 30 of 30 images") as refused:
        chosen_group(r"(zz\d)")
    assert "set it to null" in refused.value.fix


def test_a_path_that_leads_nowhere_is_refused_in_words(default_params, tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        use.choose(default_params, Paths(work=tmp_path, home=tmp_path), tmp_path / "nowhere")


def test_an_archive_of_arrays_is_counted(default_params, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 12, 16), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", x_train=images, y_train=np.arange(30) % 3)
    seen = survey(default_params.data, tmp_path / "mine.npz", tmp_path)
    assert seen.sizes == ((12, 16),)
    assert seen.counts["train"].total() == 30


def test_a_folder_of_broken_files_is_refused(default_params, tmp_path):
    for label in ("a", "b"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "pictures" / label / f"{number}.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="none of 6 files"):
        use.choose(default_params, Paths(work=tmp_path, home=tmp_path), tmp_path / "pictures")


def a_folder(root, count=15):
    for label in ("cat", "dog"):
        for number in range(count):
            save(root / label / f"{number}.png")
    return root


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "gif", "bmp"])
def test_half_an_image_is_a_bad_file_and_no_fault_of_ours(default_params, tmp_path, suffix):
    whole = tmp_path / f"whole.{suffix}"
    Image.effect_noise((80, 60), 50).convert("RGB").save(whole)
    a_folder(tmp_path / "pictures")
    content = whole.read_bytes()
    (tmp_path / "pictures" / "dog" / f"half.{suffix}").write_bytes(content[: len(content) // 2])
    assert len(survey(default_params.data, tmp_path / "pictures", tmp_path).bad) == 1


def test_a_pipe_and_a_device_are_bad_files_and_nobody_waits_for_them(default_params, tmp_path):
    root = a_folder(tmp_path / "pictures")
    os.mkfifo(root / "dog" / "pipe.png")
    (root / "dog" / "zero.png").symlink_to("/dev/zero")
    assert len(survey(default_params.data, root, tmp_path).bad) == 2


@pytest.mark.parametrize(("bad", "share"), [(0, None), (1, None), (2, 0.1), (9, 0.4)])
def test_more_bad_files_than_are_allowed_raise_the_share_with_its_reason(default_params, bad, share):
    got = values(default_params, found(sizes=[(64, 64)] * (40 - bad), bad=["x"] * bad))
    assert got.get("data.max_bad_share") == (pytest.approx(share, abs=0.06) if share else None)
    assert share is None or got["data.max_bad_share"] > bad / 40


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        ({"cat": 15}, "all images have one label"),
        ({"cat": 15, "dog": 1}, r"too few training images of dog \(1\)"),
        ({"train/cat": 9, "train/dog": 9, "val/cat": 3}, "the val split has no image of dog"),
    ],
)
def test_what_fetch_refuses_is_refused_before_params_yaml_is_written(default_params, tmp_path, counts, problem):
    for folder, count in counts.items():
        for number in range(count):
            save(tmp_path / "pictures" / folder / f"{number}.png")
    with pytest.raises(DataError, match=problem):
        use.choose(default_params, Paths(work=tmp_path, home=tmp_path), tmp_path / "pictures")


def test_what_is_too_little_to_learn_from_is_said_with_numbers(default_params, tmp_path):
    for label, count in (("cat", 40), ("dog", 6)):
        for number in range(count):
            save(tmp_path / "pictures" / label / f"{number}.png")
    _, shortcomings = use.choose(default_params, Paths(work=tmp_path, home=tmp_path), tmp_path / "pictures")
    assert "the rarest class, dog, has 4 training images" in [one.problem for one in shortcomings]


@pytest.mark.parametrize(
    ("sizes", "layout", "tried"),
    [
        ([(28, 28)], "class folders", False),
        ([(64, 64)], "class folders", False),
        ([(100, 100)], "class folders", True),
        ([(480, 640), (300, 60), (60, 300)], "class folders", False),
        ([(480, 640), (1024, 768)], "a table, x.csv", True),
        ([(224, 224)], "arrays", False),
    ],
)
def test_only_images_that_may_be_photographs_are_fitted_first(sizes, layout, tried):
    survey = Survey(layout, {"train": Counter(a=5, b=5)}, tuple(sizes))
    assert is_photographs(survey) is tried


def test_crop_and_pad_come_into_question_where_proportions_differ():
    assert fits(found(sizes=[(100, 100)])) == ("stretch",)
    assert fits(found(sizes=[(480, 640), (1024, 768)])) == ("crop", "pad")
    # Nothing is resized.
    assert fits(found(sizes=[(32, 48)])) == ("stretch",)


def test_the_values_of_the_best_fit_are_chosen_and_every_accuracy_is_shown():
    choices = [Choice("preprocess.fit", "crop", "x"), Choice("train.epochs", 60, "x"), Choice("model.kind", "cnn", "x")]
    head = QuickFit("recipe photos", "pad", {"model.kind": "pretrained", "train.epochs": 40}, 0.9)
    nothing = QuickFit("from nothing", "pad", {"model.kind": "cnn"}, 0.8)
    chosen_head = {choice.key: choice for choice in with_best(choices, [head, nothing])}
    assert [choice.value for choice in chosen_head.values()] == ["pad", 40, "pretrained"]
    assert "recipe photos with pad 0.900, from nothing with pad 0.800" in chosen_head["model.kind"].reason
    assert [choice.key for choice in chosen_head.values() if choice.is_of_recipe] == ["train.epochs"]
    assert [choice.value for choice in with_best(choices, [nothing, head])] == ["pad", 60, "cnn"]
    assert with_best(choices, []) == choices


def test_a_network_from_nothing_is_chosen_after_a_recipe_for_photographs(default_params):
    pretrained = parameters.overlay(default_params, {"model.kind": "pretrained"})
    assert values(pretrained, found())["model.kind"] == "cnn"
    own = parameters.overlay(default_params, {"model.kind": "models:mine"})
    assert values(own, found())["model.kind"] == "models:mine"
