"""preprocess: from data/raw to three splits, a report and a picture; the same bytes for the same seed."""

import gzip
import hashlib
import struct

import numpy as np
import pytest
from PIL import Image

from glyphline import data, files, records
from glyphline.data import catalogue, download, idx, raw
from glyphline.data.catalogue import Dataset, PublishedFile
from glyphline.downloads import Sources
from glyphline.errors import ArtifactError, DataError
from glyphline.paths import Paths
from glyphline.records import PreprocessReport, RawManifest
from glyphline.stages import fetch, preprocess
from tests import odd_pictures
from tests.conftest import changed

NAMES = ("train", "val", "test")


@pytest.fixture
def paths(tmp_path):
    return Paths(work=tmp_path, home=tmp_path)


def fetched(params, paths):
    fetch.run(params, paths)
    preprocess.run(params, paths)
    return {name: data.load(paths.split(name)) for name in NAMES}


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def own_npz(params, tmp_path, **arrays):
    np.savez(tmp_path / "mine.npz", **arrays)
    return changed(params, {"data.path": str(tmp_path / "mine.npz"), "data.dataset": "mine"})


def made(count, shape=(8, 8), classes=2):
    images = np.random.default_rng(3).integers(0, 256, (count, *shape), dtype=np.uint8)
    return images, np.arange(count) % classes


def test_digits_become_three_stratified_splits_with_report_and_picture(default_params, paths):
    splits = fetched(default_params, paths)
    assert {name: len(split) for name, split in splits.items()} == {"train": 1222, "val": 216, "test": 359}
    for split in splits.values():
        assert split.image_shape == (8, 8, 1)
        shares = np.bincount(split.labels) / len(split)
        assert shares.max() - shares.min() < 0.02
    report = records.read(paths.preprocess_report, PreprocessReport, stage="preprocess")
    assert report.counts == {"train": 1222, "val": 216, "test": 359}
    with Image.open(paths.samples) as picture:
        assert picture.format == "PNG"
    assert sorted(path.name for path in paths.processed.parent.iterdir()) == ["processed", "raw"]


def small_idx(mirror):
    """A data set of 40 and 10 images in four IDX files, published nowhere; the archives lie in the mirror."""
    published, arrays = [], {}
    for part, count in (("train", 40), ("test", 10)):
        images, labels = idx.FILES[part]
        arrays[images], arrays[labels] = made(count, (28, 28))
    (mirror / "small").mkdir(parents=True)
    for name, array in arrays.items():
        header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
        content = header + array.astype(np.uint8).tobytes()
        (mirror / "small" / f"{name}.gz").write_bytes(gzip.compress(content))
        digest = hashlib.sha256(content).hexdigest()
        published.append(PublishedFile(name, (f"https://example.invalid/{name}.gz",), len(content), None, digest))
    entry = Dataset("small", "none", "none", "idx", ("0", "1"), {"train": 40, "test": 10}, tuple(published))
    return entry, arrays


def test_four_idx_files_of_a_mirror_become_splits_and_keep_their_test_part(default_params, paths, tmp_path):
    entry, arrays = small_idx(tmp_path / "mirror")
    with files.atomic_folder(paths.raw) as folder:
        found = download.fetch(entry, folder, Sources(tmp_path / "mirror", paths.partials, timeout_s=5))
        fields = {name: getattr(entry, name) for name in ("licence", "citation", "reader", "counts", "classes")}
        records.write(folder / raw.MANIFEST, RawManifest(dataset=entry.name, files=found, **fields))
    assert raw.verified(paths.raw).counts == {"train": 40, "test": 10}
    assert all(file.source.startswith("https://") for file in found.values())
    assert str(tmp_path) not in (paths.raw / raw.MANIFEST).read_text()
    preprocess.run(default_params, paths)
    splits = {name: data.load(paths.split(name)) for name in NAMES}
    assert len(splits["train"]) + len(splits["val"]) == 40
    assert np.array_equal(splits["test"].images[..., 0], arrays[catalogue.TEST_IMAGES])
    assert np.array_equal(splits["test"].labels, arrays[catalogue.TEST_LABELS])


def test_the_same_split_seed_gives_the_same_bytes_and_another_one_others(default_params, paths):
    digests = [fetched(default_params, paths)["train"].digest]
    before = contents(paths.processed) | contents(paths.preprocess)
    preprocess.run(default_params, paths)
    assert contents(paths.processed) | contents(paths.preprocess) == before
    # Models of several seeds are compared on the same images.
    preprocess.run(changed(default_params, {"seed": 8}), paths)
    assert contents(paths.processed) | contents(paths.preprocess) == before
    preprocess.run(changed(default_params, {"preprocess.split_seed": 8}), paths)
    digests.append(data.load(paths.split("train")).digest)
    assert digests[0] != digests[1]


def test_an_older_params_yaml_draws_the_splits_that_it_always_drew(default_params, paths):
    new = fetched(default_params, paths)["train"].digest
    preprocess.run(changed(default_params, {"preprocess.split_seed": None, "seed": 42}), paths)
    assert data.load(paths.split("train")).digest == new
    preprocess.run(changed(default_params, {"preprocess.split_seed": None, "seed": 8}), paths)
    assert data.load(paths.split("train")).digest != new


def test_no_image_is_in_two_splits_and_none_is_lost(default_params, paths, tmp_path):
    images, labels = made(200)
    splits = fetched(own_npz(default_params, tmp_path, x_train=images, y_train=labels), paths)
    together = [image.tobytes() for split in splits.values() for image in split.images]
    assert sorted(together) == sorted(image.tobytes() for image in images)


def test_an_official_test_part_is_kept_as_it_is(default_params, paths, tmp_path):
    images, labels = made(60)
    params = own_npz(
        default_params, tmp_path, x_train=images[:50], y_train=labels[:50], x_test=images[50:], y_test=labels[50:]
    )
    test = fetched(params, paths)["test"]
    np.testing.assert_array_equal(test.images[..., 0], images[50:])


def test_a_given_validation_split_is_used_as_it_is_and_none_is_drawn_from_train(default_params, paths, tmp_path):
    images, labels = made(90)
    parts = {"train": slice(0, 50), "val": slice(50, 70), "test": slice(70, 90)}
    arrays = {f"{axis}_{name}": array[part] for name, part in parts.items()
              for axis, array in (("x", images), ("y", labels))}  # fmt: skip
    splits = fetched(own_npz(default_params, tmp_path, **arrays), paths)
    for name, part in parts.items():
        np.testing.assert_array_equal(splits[name].images[..., 0], images[part])
    del arrays["x_test"], arrays["y_test"]
    splits = fetched(own_npz(default_params, tmp_path, **arrays), paths)
    np.testing.assert_array_equal(splits["val"].images[..., 0], images[parts["val"]])
    assert (len(splits["train"]), len(splits["test"])) == (40, 10)
    with pytest.raises(DataError, match="class '1' has 0 images, too few to be in the val split"):
        fetched(own_npz(default_params, tmp_path, **arrays | {"y_val": labels[50:70] * 0}), paths)


@pytest.mark.parametrize("layout", ["folders", "csv", "metadata"])
def test_every_layout_gives_the_same_splits_of_the_same_images(default_params, paths, tmp_path, layout):
    images, labels = made(60)
    given = {0: "train", 1: "train", 2: "val", 3: "test"}
    rows = ["file_name,label,split"]
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        split = given[number // 2 % 4]
        file = f"{split}/{label}/deep/{number}.png" if layout == "folders" else f"pixels/{number}.png"
        (tmp_path / "mine" / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "mine" / file)
        rows.append(f"{file},{label},{split}")
    path = tmp_path / "mine"
    if layout != "folders":
        path = tmp_path / "mine" / ("metadata.csv" if layout == "metadata" else "labels.csv")
        path.write_text("\n".join(rows))
    params = changed(
        default_params,
        {"data.path": str(path.parent if layout == "metadata" else path), "data.dataset": "mine"},
    )
    splits = fetched(params, paths)
    found = {
        (image.tobytes(), name, split.classes[label])
        for name, split in splits.items()
        for image, label in zip(split.images, split.labels, strict=True)
    }
    assert found == {
        (image.tobytes(), given[number // 2 % 4], str(label))
        for number, (image, label) in enumerate(zip(images, labels, strict=True))
    }


@pytest.mark.parametrize("shape", [(8, 8), (40, 20, 3), (300, 7, 3)])
def test_image_size_resizes_any_shape(shape, default_params, paths, tmp_path):
    images, labels = made(20, shape)
    params = own_npz(default_params, tmp_path, x_train=images, y_train=labels)
    params = params.model_copy(
        update={"preprocess": params.preprocess.model_copy(update={"image_size": (12, 9), "val_fraction": 0.3})}
    )
    split = fetched(params, paths)["train"]
    assert split.image_shape == (12, 9, 3 if len(shape) == 3 else 1)


def test_images_too_large_to_be_meant_say_how_to_resize_them(default_params, paths, tmp_path):
    images, labels = made(10, (8, 1100))
    with pytest.raises(DataError, match="8 x 1100") as caught:
        fetched(own_npz(default_params, tmp_path, x_train=images, y_train=labels), paths)
    assert "preprocess.image_size" in caught.value.fix


def test_arrays_as_other_libraries_save_them_give_the_same_splits(default_params, paths, tmp_path, caplog):
    images, labels = made(60, (8, 9, 3))
    usual = fetched(own_npz(default_params, tmp_path, x_train=images, y_train=labels), paths)["train"].digest
    for other in (np.asfortranarray(images), images.transpose(0, 3, 1, 2)):
        params = own_npz(default_params, tmp_path, x_train=other, y_train=labels)
        assert fetched(params, paths)["train"].digest == usual
    assert "brightest" not in caplog.text
    gaps = fetched(own_npz(default_params, tmp_path, x_train=images, y_train=labels * 7 + 3), paths)["train"]
    assert gaps.classes == ("3", "10")
    assert sorted(set(gaps.labels.tolist())) == [0, 1]
    fetched(own_npz(default_params, tmp_path, x_train=images // 16, y_train=labels), paths)
    assert "the brightest pixel is 15, and white is 255" in caplog.text


def test_a_failure_leaves_the_old_outs_and_no_scraps(default_params, paths):
    fetched(default_params, paths)
    before = contents(paths.processed) | contents(paths.preprocess)
    csv = paths.raw / "digits.csv"
    csv.write_bytes(csv.read_bytes()[:-1] + b"\x00")
    with pytest.raises(DataError, match=r"digits\.csv has changed"):
        preprocess.run(default_params, paths)
    assert contents(paths.processed) | contents(paths.preprocess) == before
    assert sorted(path.name for path in paths.processed.parent.iterdir()) == ["processed", "raw"]


def test_without_data_the_stage_to_run_is_named(default_params, paths):
    with pytest.raises(ArtifactError, match="does not exist") as caught:
        preprocess.run(default_params, paths)
    assert "fetch" in caught.value.fix


def test_duplicates_are_reported(default_params, paths, tmp_path, caplog):
    caplog.set_level("INFO")
    images, labels = made(40)
    images[20:] = images[:20]
    fetched(own_npz(default_params, tmp_path, x_train=images, y_train=labels), paths)
    report = records.read(paths.preprocess_report, PreprocessReport, stage="preprocess")
    assert sum(report.duplicates_within.values()) + sum(report.duplicates_across.values()) == 20
    said = {f"{name} {count}" for name, count in report.duplicates_across.items() if count}
    line = next(message for message in caplog.messages if message.startswith("equal images"))
    assert said == set(line.partition("across splits: ")[2].split(", "))


def test_a_set_without_duplicates_is_said_to_have_none(default_params, paths, caplog):
    caplog.set_level("INFO")
    fetched(default_params, paths)
    assert "equal images within splits: none; across splits: none" in caplog.messages


def own_folder(params, tmp_path, **values):
    """Two classes of photographs of two sizes, one of them turned, with the place where it was taken."""
    for number in range(20):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = odd_pictures.exif(6, with_place=True)
        Image.effect_noise((60, 30 + number % 4), 90).convert("RGB").save(path, exif=exif)
    return changed(params, {"data.path": str(tmp_path / "photos"), "data.dataset": "photos", **values})


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_a_picture_shows_what_became_of_resized_files(fit, default_params, paths, tmp_path):
    params = own_folder(default_params, tmp_path, **{"preprocess.image_size": (16, 12), "preprocess.fit": fit})
    assert fetched(params, paths)["train"].image_shape == (16, 12, 3)
    with Image.open(paths.fit_samples) as picture:
        assert picture.format == "PNG"


def test_no_such_picture_where_no_file_was_resized(default_params, paths, tmp_path):
    images, labels = made(40, (30, 20))
    fetched(
        own_npz(changed(default_params, {"preprocess.image_size": (8, 8)}), tmp_path, x_train=images, y_train=labels),
        paths,
    )
    assert not paths.fit_samples.exists()


def test_nothing_of_exif_is_in_anything_after_data_raw(default_params, paths, tmp_path):
    fetched(own_folder(default_params, tmp_path, **{"preprocess.image_size": (16, 12)}), paths)
    place = odd_pictures.PLACE.encode()
    assert any(place in content for content in contents(paths.raw).values())
    after = contents(paths.processed) | contents(paths.preprocess)
    assert len(after) >= 12
    assert not [name for name, content in after.items() if place in content or b"Exif" in content]
    for picture in (paths.samples, paths.fit_samples):
        with Image.open(picture) as opened:
            assert not opened.info
            assert not opened.getexif()


def test_arrays_are_cropped_and_padded_like_files(default_params, paths, tmp_path):
    images = np.zeros((40, 10, 30), np.uint8)
    images[:, :, 10:20] = np.arange(100, 140)[:, None, None]
    images[:, :, :10] = 7
    params = own_npz(default_params, tmp_path, x_train=images, y_train=np.arange(40) % 2)
    sized = {"preprocess.image_size": (10, 10)}
    cropped = fetched(changed(params, sized | {"preprocess.fit": "crop"}), paths)["train"].images
    assert (cropped.min(axis=(1, 2, 3)) == cropped.max(axis=(1, 2, 3))).all()
    padded = fetched(changed(params, sized | {"preprocess.fit": "pad"}), paths)["train"].images
    assert len(np.unique(padded[:, 0])) <= 2


@pytest.mark.parametrize("policy", ["ignore", "report", "together"])
def test_near_duplicates_are_counted_drawn_or_kept_in_one_split(policy, default_params, paths, tmp_path, caplog):
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (30, 6, 6, 3), dtype=np.uint8)
    scenes = [np.asarray(Image.fromarray(one).resize((64, 64), Image.Resampling.BICUBIC)) for one in coarse]
    # Each scene three times, a little brighter each time.
    images = np.stack([(scene * factor).astype(np.uint8) for scene in scenes for factor in (0.8, 0.9, 1.0)])
    params = own_npz(default_params, tmp_path, x_train=images, y_train=np.repeat(np.arange(30) % 2, 3))
    splits = fetched(changed(params, {"preprocess.near_duplicates": policy}), paths)
    report = records.read(paths.preprocess_report, PreprocessReport, stage="preprocess")
    assert paths.near_duplicates.is_file() == (policy != "ignore")
    if policy == "ignore":
        assert report.near_duplicates is None
        return
    near = report.near_duplicates
    assert sum(near.within.values()) + sum(near.across.values()) == 90
    assert near.largest_group == 3
    assert (sum(near.across.values()) == 0) == (policy == "together")
    assert ("keeps them in one split" in caplog.text) == (policy == "report")
    assert sum(map(len, splits.values())) == 90
