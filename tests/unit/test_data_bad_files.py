"""Bad files: the first stops everything, or all are left out, listed and counted, up to a share."""

import os
import re

import pytest
from PIL import Image

from glyphline import records
from glyphline.data import archive, bad_files, listing
from glyphline.errors import DataError
from glyphline.paths import Paths
from glyphline.records import SplitManifest
from glyphline.stages import fetch, preprocess
from tests.conftest import changed
from tests.made_images import decoded, fetched, painted, two_classes

CONTENT = {
    "empty.png": b"",
    "text.jpg": b"no image at all",
    "script.png": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "half.png": None,
}


@pytest.fixture
def pets(tmp_path):
    """Forty good images and five bad files: four of CONTENT and a link to nothing."""
    root = two_classes(tmp_path / "pets", count=20)
    for name, content in CONTENT.items():
        (root / "cat" / name).write_bytes(content or b"")
    Image.effect_noise((64, 64), 90).save(root / "cat" / "half.png")
    whole = (root / "cat" / "half.png").read_bytes()
    (root / "cat" / "half.png").write_bytes(whole[: len(whole) // 2])
    (root / "dog" / "gone.png").symlink_to(tmp_path / "gone.png")
    return root


BAD = {*(f"cat/{name}" for name in CONTENT), "dog/gone.png"}


def test_bad_files_are_left_out_listed_with_their_reasons_and_counted(tmp_path, default_params, pets, caplog):
    manifest = fetched(default_params, pets, tmp_path / "raw", bad_files="skip", max_bad_share=0.2)
    assert manifest.bad_files == 5
    assert manifest.counts == {"train": 40}
    reasons = bad_files.read(tmp_path / "raw" / "bad_files.csv")
    assert reasons.keys() == BAD
    assert reasons["dog/gone.png"] == "does not exist"
    assert reasons["cat/empty.png"] == "is no image that can be read: no known image format"
    assert reasons["cat/half.png"].startswith("cannot be decoded: ")
    assert not any(str(tmp_path) in reason or re.search("0x[0-9a-f]{6}", reason) for reason in reasons.values())
    assert "left out 5 of 45 files that cannot be read, listed in data/raw/bad_files.csv" in caplog.text
    assert "cat/empty.png is no image" in caplog.text
    listed = {image.file for image in listing.read(tmp_path / "raw" / listing.NAME)}
    assert len(listed) == 40
    assert not listed & BAD
    assert len(decoded(tmp_path / "raw", manifest)["train"].labels) == 40


def test_the_number_of_bad_files_reaches_the_splits_and_costs_no_byte_where_there_are_none(
    tmp_path, default_params, pets
):
    paths = Paths(work=tmp_path, home=tmp_path)
    values = {"data.path": "pets", "data.dataset": "pets", "data.bad_files": "skip", "data.max_bad_share": 0.2}
    fetch.run(changed(default_params, values), paths)
    preprocess.run(changed(default_params, values), paths)
    manifest = paths.split("test") / "manifest.json"
    assert records.read(manifest, SplitManifest, stage="preprocess").bad_files == 5
    for file in BAD:
        (pets / file).unlink()
    fetch.run(changed(default_params, values), paths)
    preprocess.run(changed(default_params, values), paths)
    assert records.read(manifest, SplitManifest, stage="preprocess").bad_files == 0
    assert "bad_files" not in manifest.read_text()
    assert '"bad_files":' not in (paths.raw / "manifest.json").read_text()


def test_stop_names_the_file_and_says_how_to_leave_it_out(tmp_path, default_params, pets):
    (pets / "dog" / "gone.png").unlink()
    with pytest.raises(DataError) as caught:
        fetched(default_params, pets, tmp_path / "raw")
    assert caught.value.problem == f"{pets / 'cat/empty.png'} is no image that can be read: no known image format"
    assert "data.bad_files to skip" in caught.value.fix


@pytest.mark.parametrize(
    ("share", "is_enough"), [(0.0, False), (0.05, False), (0.09, False), (0.091, True), (1.0, True)]
)
def test_more_than_the_share_stops_all_the_same(tmp_path, default_params, pets, share, is_enough):
    (pets / "dog" / "gone.png").unlink()
    if is_enough:
        assert fetched(default_params, pets, tmp_path / "raw", bad_files="skip", max_bad_share=share).bad_files == 4
        return
    with pytest.raises(DataError, match=r"of 44 files cannot be read, which is data\.max_bad_share") as caught:
        fetched(default_params, pets, tmp_path / "raw", bad_files="skip", max_bad_share=share)
    assert "cat/empty.png is no image" in caught.value.problem
    assert "raise data.max_bad_share" in caught.value.fix
    assert not (tmp_path / "raw" / archive.NAME).exists()


def test_a_class_that_has_too_few_good_images_is_named(tmp_path, default_params):
    root = two_classes(tmp_path / "pets", count=3)
    (root / "dog" / "0.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"too few training images of dog \(2\)"):
        fetched(default_params, root, tmp_path / "raw", bad_files="skip", max_bad_share=1.0)


def test_what_is_no_file_is_never_opened(tmp_path, default_params):
    """Reading a pipe waits for ever, and reading a device has no end."""
    root = two_classes(tmp_path / "pets")
    os.mkfifo(root / "cat" / "pipe.png")
    (root / "cat" / "zero.png").symlink_to("/dev/zero")
    (root / "cat" / "itself.png").symlink_to("itself.png")
    manifest = fetched(default_params, root, tmp_path / "raw", bad_files="skip", max_bad_share=1.0)
    assert manifest.counts == {"train": 6}
    assert bad_files.read(tmp_path / "raw" / "bad_files.csv") == {
        "cat/itself.png": "cannot be read: Too many levels of symbolic links",
        "cat/pipe.png": "is no file",
        "cat/zero.png": "is no file",
    }


def test_the_files_of_a_table_that_are_missing_or_no_images_by_name_are_bad(tmp_path, default_params):
    root = two_classes(tmp_path / "pets")
    (root / "secret.txt").write_text("x")
    rows = [f"{label}/{number}.png,{label}" for label in ("cat", "dog") for number in range(5)]
    (root / "labels.csv").write_text("\n".join(["image,label", *rows, "secret.txt,cat", "labels.csv,dog", ""]))
    manifest = fetched(default_params, root / "labels.csv", tmp_path / "raw", bad_files="skip", max_bad_share=0.5)
    assert (manifest.counts, manifest.bad_files) == ({"train": 6}, 6)
    reasons = bad_files.read(tmp_path / "raw" / "bad_files.csv")
    assert reasons["cat/4.png"] == "does not exist"
    assert reasons["secret.txt"] == "is no image by its name"
    with pytest.raises(DataError, match=r"cat/3.png does not exist") as caught:
        fetched(default_params, root / "labels.csv", tmp_path / "again")
    assert "data.bad_files to skip" in caught.value.fix


@pytest.mark.parametrize("suffix", ["avif", "jfif"])
def test_less_usual_names_of_formats_are_read_and_pixels_come_through(tmp_path, default_params, suffix):
    for number in range(6):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number}.{suffix}"
        painted(path, (200, 200, 200), size=(16, 16), mode="RGB", quality=100)
    manifest = fetched(default_params, tmp_path / "images", tmp_path / "raw")
    images = decoded(tmp_path / "raw", manifest)["train"].images
    assert images.shape == (6, 16, 16, 3)
    assert abs(images.astype(int) - 200).max() <= 1


def test_heic_without_its_package_is_told_before_anything_is_read_and_is_never_a_bad_file(tmp_path, default_params):
    try:
        import pillow_heif  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("pillow-heif is installed")
    root = two_classes(tmp_path / "pets")
    (root / "cat" / "IMG_1.HEIC").write_bytes(b"x")
    with pytest.raises(DataError, match="pillow-heif is missing") as caught:
        fetched(default_params, root, tmp_path / "raw", bad_files="skip", max_bad_share=1.0)
    assert "pip install pillow-heif" in caught.value.fix
    assert "GPL" in caught.value.fix
    assert not [*(tmp_path / "raw").iterdir()]


def test_heic_is_read_with_its_package(tmp_path, default_params):
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif, the extra `heic`, is not among the tests' packages")
    for number in range(6):
        path = tmp_path / "heic" / "ab"[number % 2] / f"{number}.heic"
        path.parent.mkdir(parents=True, exist_ok=True)
        heif.from_pillow(Image.new("RGB", (64, 48), (200, 100, 50))).save(path, quality=100)
    manifest = fetched(default_params, tmp_path / "heic", tmp_path / "raw")
    images = decoded(tmp_path / "raw", manifest)["train"].images
    assert images.shape == (6, 48, 64, 3)
    assert abs(images.astype(int) - (200, 100, 50)).max() <= 3
