"""The catalogue, and the digits that come with scikit-learn."""

import gzip
import re
import subprocess
import sys

import numpy as np
import pytest

from glyphline.data import bundled, catalogue
from glyphline.errors import DataError

DOWNLOADED = [entry for entry in catalogue.CATALOGUE.values() if entry.reader == "idx"]


def test_a_misspelt_name_is_refused_with_the_nearest_and_all_known():
    with pytest.raises(DataError, match="did you mean fashion_mnist") as caught:
        catalogue.find("fashon_mnist")
    assert "digits, mnist, fashion_mnist, kmnist" in caught.value.fix
    with pytest.raises(DataError) as caught:
        catalogue.find("zzz")
    assert "did you mean" not in caught.value.problem


@pytest.mark.parametrize("entry", DOWNLOADED, ids=lambda entry: entry.name)
def test_every_published_file_has_https_sources_and_a_digest(entry):
    assert len(entry.files) == 4
    assert len(entry.classes) == 10
    for file in entry.files:
        assert all(url.startswith("https://") and url.endswith(f"/{file.name}.gz") for url in file.urls)
        digests = [digest for digest in (file.archive_sha256, file.content_sha256) if digest]
        assert digests
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests)


def test_no_two_files_share_a_digest():
    digests = [
        digest
        for entry in DOWNLOADED
        for file in entry.files
        for digest in (file.archive_sha256, file.content_sha256)
        if digest
    ]
    assert len(digests) == len(set(digests))


def test_the_digits_are_1797_images_of_all_classes_stretched_to_eight_bits(tmp_path):
    record = bundled.fetch(tmp_path)
    part = bundled.read(tmp_path)["train"]
    assert (record.size_bytes, record.sha256) == (bundled.CONTENT_BYTES, bundled.CONTENT_SHA256)
    assert (part.images.shape, part.images.dtype) == ((1797, 8, 8, 1), np.uint8)
    assert (part.images.min(), part.images.max()) == (0, 255)
    assert np.bincount(part.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    # The first row of the file begins 0, 0, 5, 13: 5 * 255 / 16 = 79.7 and 13 * 255 / 16 = 207.2.
    assert part.images[0, 0, :4, 0].tolist() == [0, 0, 80, 207]


def test_finding_the_digits_does_not_import_scikit_learn(tmp_path):
    program = (
        "import sys; from pathlib import Path; from glyphline.data import bundled; "
        "bundled.fetch(Path(sys.argv[1])); assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "does not exist"), (b"no gzip", "cannot be read"), (gzip.compress(b"0,0,5\n"), "other bytes")],
)
def test_other_digits_than_the_known_ones_are_refused(content, problem, tmp_path):
    archive = tmp_path / "sklearn" / "datasets" / "data" / "digits.csv.gz"
    archive.parent.mkdir(parents=True)
    if content is not None:
        archive.write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        bundled.fetch(tmp_path, tmp_path / "sklearn")
    assert str(archive) in caught.value.problem
    assert not (tmp_path / bundled.NAME).exists()


def test_licence_and_citation_are_the_catalogues_and_of_own_images_unknown():
    entry = catalogue.find("mnist")
    assert catalogue.licence_and_citation("mnist", None) == (entry.licence, entry.citation)
    assert catalogue.licence_and_citation("mnist", "my/images") == ("the owner of the images knows", "")
