"""The journal: whole lines, a lock that tells of life, a torn end that harms nothing."""

import errno
import json
import math
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glyphline.errors import ArtifactError, TrackingError
from glyphline.journal import journal_file, run_events
from glyphline.journal.run_events import MetricsLogged, RunEnded, RunStarted, decode, encode
from tests import calls
from tests.conftest import environment


@pytest.fixture
def path(tmp_path):
    return tmp_path / "artifacts" / "train" / "journal.jsonl"


def begun(path, *, parent=None):
    writer = journal_file.Writer.open(path, "train")
    key = writer.new_key()
    writer.append(RunStarted(run=key, experiment="shapes", name="a", parent=parent))
    return writer, key


@given(st.dictionaries(st.text(min_size=1), st.floats(), min_size=1), st.integers(0, 10**9))
def test_metrics_come_back_as_they_were_even_nan_and_infinity(values, step):
    back = decode(encode(MetricsLogged(run="k", values=values, step=step)))
    assert back.step == step
    assert all(
        back.values[name] == value or (math.isnan(value) and math.isnan(back.values[name]))
        for name, value in values.items()
    )


def test_every_line_is_strict_json():
    line = encode(MetricsLogged(run="k", values={"loss": math.nan}))
    json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_a_reader_sees_an_event_as_soon_as_append_returns(path):
    writer, key = begun(path)
    writer.append(MetricsLogged(run=key, values={"loss": 1.0}))
    history = journal_file.read(path)
    assert [event.kind for event in history.runs[key]] == ["start", "metrics"]
    assert not history.is_complete
    writer.close()


def test_keys_begin_with_the_id_of_their_journal_and_differ(path):
    writer, first = begun(path)
    second = writer.new_key()
    writer.close()
    assert first != second
    assert len(first) == journal_file.KEY_CHARACTERS
    assert first.startswith(writer.header.id)
    assert second.startswith(writer.header.id)


def test_a_torn_last_line_is_left_out_and_read_once_it_is_whole(path):
    writer, key = begun(path)
    line = encode(MetricsLogged(run=key, values={"loss": 1.0}))
    reader = journal_file.Reader.open(path)
    with path.open("ab") as stream:
        stream.write(line[:20])
        stream.flush()
        assert len(reader.read().runs[key]) == 1
        stream.write(line[20:])
    assert len(reader.read().runs[key]) == 2
    writer.close()


def test_a_damaged_line_in_the_middle_is_named(path):
    writer, key = begun(path)
    writer.close()
    with path.open("ab") as stream:
        stream.write(b'{"kind": "metr\n' + encode(RunEnded(run=key, status="FINISHED")))
    with pytest.raises(ArtifactError, match="line 3") as caught:
        journal_file.read(path)
    assert "dvc" in caught.value.fix


def written(path):
    """The bytes of a journal of one run, and what they mean."""
    writer, key = begun(path)
    writer.append(MetricsLogged(run=key, values={"loss": 0.25}, step=3))
    writer.append(RunEnded(run=key, status="FINISHED"))
    writer.close()
    return path.read_bytes(), journal_file.read(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed_or_changes_nothing(path, at, bit):
    content, whole = written(path)
    damaged = bytearray(content)
    damaged[int(at * len(damaged))] ^= 1 << bit
    path.write_bytes(damaged)
    with suppress(ArtifactError):
        assert journal_file.read(path) == whole


def test_a_changed_last_line_break_is_not_taken_for_the_end_of_a_killed_writer(path):
    content, _ = written(path)
    path.write_bytes(content[:-1] + b"\x0b")
    with pytest.raises(ArtifactError, match="is damaged at line 4"):
        journal_file.read(path)


def test_a_changed_number_is_noticed_and_a_line_of_a_release_without_seals_is_read(path):
    content, whole = written(path)
    path.write_bytes(content.replace(b"0.25", b"0.75"))
    with pytest.raises(ArtifactError, match="line 3"):
        journal_file.read(path)
    path.write_bytes(re.sub(rb',"seal":"[0-9a-f]{64}"', b"", content))
    assert journal_file.read(path) == whole


def test_a_run_without_an_end_is_failed_once_the_writer_is_gone_at_the_time_of_its_last_event(path):
    writer, key = begun(path)
    writer.append(MetricsLogged(run=key, values={"loss": 1.0}, time=5_000))
    assert not any(isinstance(event, RunEnded) for event in journal_file.read(path).runs[key])
    writer.close()
    assert journal_file.read(path).runs[key][-1] == RunEnded(run=key, time=5_000, status="FAILED")


def test_kill_9_frees_the_lock_and_keeps_every_line(path):
    script = """
import sys, time
from pathlib import Path
from glyphline.journal import journal_file, run_events
writer = journal_file.Writer.open(Path(sys.argv[1]), "train")
key = writer.new_key()
writer.append(run_events.RunStarted(run=key, experiment="shapes", name="a"))
for step in range(100):
    writer.append(run_events.MetricsLogged(run=key, values={"loss": 1.0}, step=step))
print("ready", flush=True)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, env=environment())
    assert process.stdout.readline() == b"ready\n"
    reader = journal_file.Reader.open(path)
    assert reader.has_writer()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not reader.has_writer()
    (events_,) = reader.read().runs.values()
    assert [event.kind for event in events_] == ["start"] + ["metrics"] * 100 + ["end"]
    process.stdout.close()
    reader.close()


def test_a_second_writer_is_refused_while_the_first_lives(path):
    writer, _ = begun(path)
    with pytest.raises(TrackingError, match="another process"):
        journal_file.Writer.open(path, "train")
    writer.close()
    journal_file.Writer.open(path, "train").close()


def test_a_new_journal_leaves_the_old_file_to_whoever_has_it_open_or_linked(path):
    writer, key = begun(path)
    writer.close()
    cached = path.with_name("cached")
    os.link(path, cached)
    reader = journal_file.Reader.open(path)
    journal_file.Writer.open(path, "train").close()
    assert list(reader.read().runs) == [key]
    assert list(journal_file.read(cached).runs) == [key]
    assert journal_file.read(path).runs == {}
    reader.close()


def test_last_key_is_the_last_run_without_a_parent(path):
    writer, parent = begun(path)
    writer.append(RunStarted(run=writer.new_key(), experiment="shapes", name="trial", parent=parent))
    writer.close()
    assert journal_file.last_key(path) == parent


@pytest.mark.parametrize("content", [None, b""])
def test_no_run_names_the_stage_that_makes_one(path, content):
    if content is not None:
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        journal_file.last_key(path)
    assert "train" in caught.value.fix


def test_a_journal_of_a_later_version_is_refused_not_misread(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"kind":"journal","version":2,"id":"a","stage":"train","time":1}\n')
    with pytest.raises(ArtifactError, match="line 1"):
        journal_file.read(path)


def test_a_metric_is_one_write_that_waits_for_nobody_and_only_start_and_end_wait_for_the_disk():
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        # In the place of the file a socket, which keeps writes apart and refuses to be brought to a disk.
        writer = journal_file.Writer(near.fileno(), run_events.Header(id="a", stage="train"), "journal_file")
        metric = MetricsLogged(run="a1", values={"loss": 0.5, "val_loss": 0.6}, step=0)
        with calls.noted(*calls.WAITS, "open") as noted:
            writer.append(metric)
        assert far.recv(1 << 16) == encode(metric)
        assert noted == []
        for event in (RunStarted(run="a1", experiment="shapes", name="a"), RunEnded(run="a1", status="FINISHED")):
            with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
                writer.append(event)
            assert far.recv(1 << 16) == encode(event)
        far.setblocking(False)
        with pytest.raises(BlockingIOError):
            far.recv(1 << 16)


@pytest.fixture
def limited():
    """Sets how large a file may become, in bytes; a write past that is cut short and the next one fails."""
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    handled = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, allowed[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
    signal.signal(signal.SIGXFSZ, handled)


@pytest.mark.parametrize("room", [0, 1, 30])
def test_a_disk_that_is_full_for_a_moment_costs_one_line_and_no_run(path, limited, room):
    writer, key = begun(path)
    writer.append(MetricsLogged(run=key, values={"loss": 1.0}, step=0))
    reader = journal_file.Reader.open(path)
    limited(path.stat().st_size + room)
    with pytest.raises(OSError, match="File too large") as caught:
        writer.append(MetricsLogged(run=key, values={"loss": 0.5}, step=1))
    assert caught.value.filename == str(path)
    assert len(reader.read().runs[key]) == 2
    limited(resource.RLIM_INFINITY)
    writer.append(MetricsLogged(run=key, values={"loss": 0.4}, step=2))
    writer.append(RunEnded(run=key, status="FAILED"))
    assert reader.read() == journal_file.read(path)
    assert [event.kind for event in journal_file.read(path).runs[key]] == ["start", "metrics", "metrics", "end"]
    writer.close()
    reader.close()


def test_a_journal_that_no_line_fits_into_says_where_it_was_to_be(path, limited):
    limited(10)
    with pytest.raises(OSError, match="File too large") as caught:
        journal_file.Writer.open(path, "train")
    assert caught.value.filename == str(path)
    limited(resource.RLIM_INFINITY)
    journal_file.Writer.open(path, "train").close()


def test_a_full_device_is_named():
    handle = os.open("/dev/full", os.O_WRONLY)
    writer = journal_file.Writer(handle, run_events.Header(id="a", stage="train"), "/dev/full")
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        writer.append(MetricsLogged(run="a1", values={"loss": 0.5}))
    os.close(handle)


def test_times_are_milliseconds():
    before = time.time_ns() // 1_000_000
    now = run_events.now_ms()
    assert before <= now <= time.time_ns() // 1_000_000
