"""Weights from an address: the mirror first, resumed, checked by the published digest, never taken for others."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from glyphline import backbones
from glyphline.backbones.catalogue import CATALOGUE, PublishedFile
from glyphline.errors import DataError, TrainingError
from glyphline.params import overlay
from glyphline.paths import Paths
from glyphline.stages import backbone
from tests.conftest import changed
from tests.download_server import serving

NAME = "mobilenet_v3_small"
BODY = b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 700
OTHER = BODY[:-1] + b"x"
FILE = "weights.h5"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server():
    with serving(BODY, wrong=OTHER) as running:
        yield running


@pytest.fixture
def paths(tmp_path):
    return Paths(work=tmp_path / "work", home=tmp_path)


@pytest.fixture
def params(default_params):
    return overlay(default_params, {"model.kind": "pretrained", "model.backbone": NAME})


@pytest.fixture
def bring(server, params, paths):
    """Runs the stage for a backbone that is published at the path `behaviour` of the server."""

    def bring(behaviour, algorithm="sha256", **values):
        digest = hashlib.new(algorithm, BODY, usedforsecurity=False).hexdigest()
        source = PublishedFile(f"{server.url}/{behaviour}/{FILE}", algorithm, digest)
        catalogue = {NAME: replace(CATALOGUE[NAME], source=source)}
        backbone.run(changed(params, values), paths, catalogue)
        return backbones.read_manifest(paths.backbone).backbones[NAME]

    return bring


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_the_file_is_checked_by_the_published_digest_and_recorded_by_its_sha256(algorithm, bring, server, paths):
    one = bring("good", algorithm)
    assert (paths.backbone / one.file).read_bytes() == BODY
    assert one.file == f"{NAME}.h5"
    assert one.sha256 == hashlib.sha256(BODY).hexdigest()
    assert one.source == f"{server.url}/good/{FILE}"
    assert (one.licence, one.features, one.size_bytes) == ("Apache-2.0", 576, len(BODY))
    assert backbones.verified(paths.backbone, one).read_bytes() == BODY


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        ("wrong", "wrong digest: MD5 .*, not "),
        ("truncated", "wrong digest: MD5"),
        ("missing", "HTTP 404"),
        ("html", "text/html instead of an HDF5 file"),
    ],
)
def test_what_is_not_the_published_file_is_refused_with_its_fault(behaviour, fault, bring, paths):
    with pytest.raises(DataError, match=fault) as caught:
        bring(behaviour, "md5")
    assert f"backbones: {FILE} could not be fetched" in caught.value.problem
    assert "<mirror>/backbones/" in caught.value.fix
    assert not paths.backbone.exists()


def test_a_dropped_line_is_taken_up_where_it_ended(bring, server):
    bring("cut")
    assert server.ranges("cut") == [None, "bytes=90000-"]


def test_a_later_attempt_goes_on_where_a_failed_one_stopped(bring, server, paths):
    with pytest.raises(DataError):
        bring("half_then_hang", **{"data.timeout_s": 0.5})
    assert (paths.partials / "backbones" / f"{FILE}.part").stat().st_size == 90_000
    bring("good")
    assert server.ranges("good") == ["bytes=90000-"]


@pytest.fixture
def mirror(paths):
    folder = paths.home / "mirror" / "backbones"
    folder.mkdir(parents=True)
    return folder


def test_the_mirror_comes_first_and_is_not_named_as_the_source(bring, mirror, server):
    (mirror / FILE).write_bytes(BODY)
    one = bring("good", **{"data.mirror": "mirror"})
    assert server.asked == []
    assert one.source.startswith("http")


def test_the_mirror_of_the_environment_is_asked_too(bring, mirror, server, monkeypatch):
    (mirror / FILE).write_bytes(BODY)
    monkeypatch.setenv("GLYPHLINE_MIRROR", str(mirror.parent))
    bring("missing")
    assert server.asked == []


@pytest.mark.parametrize("content", [OTHER, BODY[:1000], b""])
def test_a_mirror_with_another_file_gives_way_to_the_net(content, bring, mirror, server, caplog):
    (mirror / FILE).write_bytes(content)
    bring("good", **{"data.mirror": "mirror"})
    assert server.ranges("good") == [None]
    assert str(mirror / FILE) in caplog.text


def test_a_mirror_without_the_file_is_listed_beside_the_net(bring, mirror):
    with pytest.raises(DataError, match="No such file") as caught:
        bring("missing", **{"data.mirror": "mirror"})
    assert "HTTP 404" in caught.value.problem


def test_without_sources_nothing_is_downloaded(tmp_path):
    with pytest.raises(TrainingError, match="are in no package") as caught:
        backbones.fetch("convnext_tiny", tmp_path)
    assert "dvc repro backbone" in caught.value.fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("one", CATALOGUE.values(), ids=CATALOGUE)
def test_a_digest_has_the_length_of_its_kind_and_files_have_a_format_that_is_read(one):
    algorithm, digest = (
        (one.source.algorithm, one.source.digest)
        if isinstance(one.source, PublishedFile)
        else ("sha256", one.source.sha256)
    )
    assert len(bytes.fromhex(digest)) == hashlib.new(algorithm, usedforsecurity=False).digest_size
    assert Path(one.file).suffix == (".h5" if isinstance(one.source, PublishedFile) else ".pth")
    assert Path(one.file).stem == one.name


def test_the_docs_list_the_catalogue(root):
    text = (root / "docs" / "backbones.md").read_text(encoding="utf-8")
    for one in CATALOGUE.values():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{one.name}`"))
        assert f"{one.parameters:,}" in row
        assert f"{one.features:,}" in row
        assert f"{one.side} x {one.side}" in row
        assert one.licence in row
