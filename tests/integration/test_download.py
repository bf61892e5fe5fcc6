"""Downloads against a real server on the loopback that misbehaves in every way that servers do."""

import gzip
import hashlib
import random
import re
import signal
import subprocess
import sys

import pytest

from glyphline.data import download
from glyphline.data.catalogue import Dataset, PublishedFile
from glyphline.downloads import Sources
from glyphline.errors import DataError
from tests.download_server import serving
from tests.waiting import until

CONTENT = random.Random(0).randbytes(200_000)
ARCHIVE = gzip.compress(CONTENT, mtime=0)
OTHER = gzip.compress(CONTENT[::-1], mtime=0)
BOMB = gzip.compress(CONTENT + bytes(2_000_000))
NAME = "train-images-idx3-ubyte"


# Long enough for a loaded machine to answer, short enough to wait for a server that never does.
SHORT_S = 0.5


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def server():
    with serving(ARCHIVE, wrong=OTHER, bomb=BOMB) as running:
        yield running


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


ARCHIVE_SHA256, CONTENT_SHA256 = sha256(ARCHIVE), sha256(CONTENT)


def dataset(server, *behaviours, archive=ARCHIVE_SHA256, content=CONTENT_SHA256):
    urls = tuple(f"{server.url}/{name}/{NAME}.gz" if "://" not in name else name for name in behaviours)
    file = PublishedFile(NAME, urls, len(CONTENT), archive, content)
    return Dataset("made", "none", "none", "idx", ("0", "1"), {"train": 1}, (file,))


def fetched(entry, tmp_path, mirror=None, timeout_s=5.0):
    folder = tmp_path / "raw"
    folder.mkdir(exist_ok=True)
    return download.fetch(entry, folder, Sources(mirror, tmp_path / "partial", timeout_s))[NAME]


@pytest.mark.parametrize(
    ("archive", "content"),
    [(ARCHIVE_SHA256, None), (None, CONTENT_SHA256), ("0" * 64, CONTENT_SHA256), (ARCHIVE_SHA256, "0" * 64)],
    ids=["archive", "content", "content of another archive", "archive of unknown content"],
)
def test_either_digest_is_enough_and_the_uncompressed_bytes_are_kept(archive, content, server, tmp_path):
    record = fetched(dataset(server, "good", archive=archive, content=content), tmp_path)
    assert (tmp_path / "raw" / NAME).read_bytes() == CONTENT
    assert (record.sha256, record.size_bytes) == (sha256(CONTENT), len(CONTENT))
    assert [path.name for path in (tmp_path / "partial" / "made").iterdir()] == [f"{NAME}.gz.lock"]


FAULTS = {
    "missing": "HTTP 404",
    "broken": "HTTP 503",
    "html": "text/html instead of a gzip archive: b'<!DOCTYPE html>",
    "empty": "instead of a gzip archive: b''",
    "truncated": "damaged or truncated archive",
    "always_cut": "cut off after 90,000 of",
    "wrong": "wrong digest",
    "endless": "more than the 265,536 bytes",
    "bomb": "unpacks to more than the expected 200,000 bytes",
    "to_file": "Redirection to url 'file:///etc/hostname' is not allowed",
    "wrong_place": "asked for bytes from 0, got 'bytes 5-",
    "hang": "no answer within 0.5 s",
    "half_then_hang": "no answer within 0.5 s",
    "file:///etc/hostname": "unknown url type: file",
    "ftp://127.0.0.1/x.gz": "unknown url type: ftp",
    "http://127.0.0.1:1/x.gz": "refused",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_source_that_fails_is_left_for_the_next(fault, server, tmp_path, caplog):
    record = fetched(dataset(server, fault, "good"), tmp_path, timeout_s=SHORT_S if "hang" in fault else 5.0)
    assert (tmp_path / "raw" / NAME).read_bytes() == CONTENT
    assert record.source == dataset(server, fault).files[0].urls[0]
    assert FAULTS[fault] in caplog.text


def test_when_every_source_fails_each_is_listed_with_its_fault_and_nothing_lies_at_the_final_name(server, tmp_path):
    faults = [fault for fault in FAULTS if fault != "half_then_hang"]
    with pytest.raises(DataError) as caught:
        fetched(dataset(server, *faults), tmp_path, timeout_s=SHORT_S)
    assert caught.value.exit_code == 3
    for url, fault in zip(dataset(server, *faults).files[0].urls, faults, strict=True):
        assert re.search(re.escape(url) + ": .*" + re.escape(FAULTS[fault][-12:]), caught.value.problem)
    assert "data.mirror" in caught.value.fix
    assert not list((tmp_path / "raw").iterdir())


def test_a_dropped_line_is_taken_up_where_it_ended(server, tmp_path):
    fetched(dataset(server, "cut"), tmp_path)
    assert server.ranges("cut") == [None, "bytes=90000-"]


def test_the_next_source_goes_on_where_the_last_one_stopped(server, tmp_path):
    fetched(dataset(server, "half_then_hang", "good"), tmp_path, timeout_s=SHORT_S)
    assert server.ranges("good") == ["bytes=90000-"]


def test_a_later_attempt_goes_on_where_a_failed_one_stopped(server, tmp_path):
    with pytest.raises(DataError):
        fetched(dataset(server, "half_then_hang"), tmp_path, timeout_s=SHORT_S)
    assert (tmp_path / "partial" / "made" / f"{NAME}.gz.part").read_bytes() == ARCHIVE[:90_000]
    fetched(dataset(server, "good"), tmp_path)
    assert server.ranges("good") == ["bytes=90000-"]


def test_a_login_page_does_not_wipe_out_what_came_before(server, tmp_path):
    fetched(dataset(server, "half_then_hang", "html", "good"), tmp_path, timeout_s=SHORT_S)
    assert server.ranges("good") == ["bytes=90000-"]


def test_a_server_without_ranges_is_asked_for_all(server, tmp_path):
    fetched(dataset(server, "half_then_hang", "no_ranges"), tmp_path, timeout_s=SHORT_S)
    assert server.ranges("no_ranges") == ["bytes=90000-"]


@pytest.mark.parametrize(
    "left",
    [OTHER[:50_000], OTHER, ARCHIVE + b"tail", b"\x1f\x8b" + bytes(50_000)],
    ids=["of another file", "all of another file", "too long", "noise"],
)
def test_what_an_earlier_attempt_left_wrong_is_thrown_away_once(left, server, tmp_path):
    part = tmp_path / "partial" / "made" / f"{NAME}.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    fetched(dataset(server, "good"), tmp_path)
    assert server.ranges("good") == [f"bytes={len(left)}-", None]
    assert (tmp_path / "raw" / NAME).read_bytes() == CONTENT


def test_a_whole_archive_left_behind_is_used_without_another_byte(server, tmp_path):
    part = tmp_path / "partial" / "made" / f"{NAME}.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(ARCHIVE)
    fetched(dataset(server, "good"), tmp_path)
    assert server.ranges("good") == [f"bytes={len(ARCHIVE)}-"]
    assert not part.exists()


def test_redirections_within_http_are_followed(server, tmp_path):
    fetched(dataset(server, "to_good"), tmp_path)
    assert (tmp_path / "raw" / NAME).read_bytes() == CONTENT


def mirrored(tmp_path, content):
    path = tmp_path / "mirror" / "made" / f"{NAME}.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return tmp_path / "mirror"


def test_the_mirror_wins_in_any_compression_and_is_not_named_as_the_source(server, tmp_path):
    mirror = mirrored(tmp_path, gzip.compress(CONTENT, compresslevel=1))
    record = fetched(dataset(server, "good"), tmp_path, mirror=mirror)
    assert server.asked == []
    assert record.source == f"{server.url}/good/{NAME}.gz"
    assert (tmp_path / "raw" / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [OTHER, ARCHIVE[:1000], b"", b"no gzip"])
def test_a_mirror_with_wrong_files_gives_way_to_the_net(content, server, tmp_path, caplog):
    record = fetched(dataset(server, "good"), tmp_path, mirror=mirrored(tmp_path, content))
    assert record.sha256 == sha256(CONTENT)
    assert str(tmp_path / "mirror") in caplog.text


def test_a_mirror_without_the_file_is_listed_beside_the_net(server, tmp_path):
    (tmp_path / "mirror").mkdir()
    with pytest.raises(DataError, match="No such file") as caught:
        fetched(dataset(server, "missing"), tmp_path, mirror=tmp_path / "mirror")
    assert "HTTP 404" in caught.value.problem


PROGRAM = """
import sys
from pathlib import Path
from glyphline.data import download
from glyphline.data.catalogue import Dataset, PublishedFile
from glyphline.downloads import Sources
url, root = sys.argv[1], Path(sys.argv[2])
file = PublishedFile("x", (url,), 200_000, "0" * 64, None)
entry = Dataset("made", "", "", "idx", (), {}, (file,))
download.fetch(entry, root / "raw", Sources(None, root / "partial", 30))
"""


def test_an_interrupted_download_leaves_nothing_at_the_final_name_and_keeps_what_came(server, tmp_path):
    (tmp_path / "raw").mkdir()
    part = tmp_path / "partial" / "made" / "x.gz.part"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, f"{server.url}/half_then_hang/x.gz", str(tmp_path)], stderr=subprocess.DEVNULL
    )
    until(lambda: part.exists() and part.stat().st_size == 90_000, process=process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) != 0
    assert not list((tmp_path / "raw").iterdir())
    assert part.read_bytes() == ARCHIVE[:90_000]


def test_a_source_that_gives_nothing_more_is_not_asked_again(server, tmp_path):
    fetched(dataset(server, "cut_then_nothing", "good"), tmp_path)
    assert server.ranges("cut_then_nothing") == [None, "bytes=90000-"]
    assert server.ranges("good") == ["bytes=90000-"]


@pytest.mark.parametrize("fault", ["missing", "broken", "html", "empty", "wrong", "truncated", "bomb", "endless"])
def test_a_source_that_gave_nothing_of_use_is_asked_once(fault, server, tmp_path):
    fetched(dataset(server, fault, "good"), tmp_path)
    assert server.ranges(fault) == [None]


def test_a_source_that_gives_a_part_each_time_is_asked_four_times(server, tmp_path):
    with pytest.raises(DataError, match="cut off after 190,000 of"):
        fetched(dataset(server, "a_piece"), tmp_path)
    assert server.ranges("a_piece") == [None, "bytes=50000-", "bytes=100000-", "bytes=150000-"]
