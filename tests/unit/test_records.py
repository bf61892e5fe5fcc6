"""Records: closed, frozen, written whole, read back checked."""

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from glyphline import records
from glyphline.errors import ArtifactError
from glyphline.records import Best, Decision
from tests.made_records import BEST, DECISION


@pytest.mark.parametrize("record", [BEST, DECISION])
def test_a_record_comes_back_as_it_was(tmp_path, record):
    path = tmp_path / "deep" / "record.json"
    records.write(path, record)
    assert records.read(path, type(record), stage="tune") == record
    assert path.read_text(encoding="utf-8").endswith("}\n")


@given(st.floats(0, 1), st.text(max_size=20))
def test_numbers_and_names_survive_exactly(tmp_path_factory, accuracy, name):
    name = name.encode("utf-8", "ignore").decode()
    path = tmp_path_factory.mktemp("record") / "decision.json"
    record = DECISION.model_copy(update={"accuracy": accuracy, "reasons": (name,)})
    records.write(path, record)
    assert records.read(path, Decision, stage="register") == record


def test_the_same_record_makes_the_same_bytes(tmp_path):
    records.write(tmp_path / "one.json", BEST)
    records.write(tmp_path / "two.json", BEST)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_a_record_cannot_be_changed_or_hold_nan():
    with pytest.raises(ValidationError, match="frozen"):
        DECISION.version = 3
    with pytest.raises(ValidationError, match="finite"):
        Decision(**{**DECISION.model_dump(), "accuracy": math.nan})


def test_a_missing_file_names_the_stage_that_makes_it(tmp_path):
    with pytest.raises(ArtifactError, match=r"best\.json does not exist") as caught:
        records.read(tmp_path / "best.json", Best, stage="tune")
    assert caught.value.fix == "make it again with `dvc repro tune`"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is damaged: Invalid JSON"),
        ("{", "is damaged: Invalid JSON"),
        ("[]", "is damaged: it is no JSON object"),
        (json.dumps({**BEST.model_dump(), "complete": "three"}), "is damaged: complete: "),
        (json.dumps({**BEST.model_dump(), "extra": 1}), "is damaged: extra: "),
        (json.dumps({key: value for key, value in BEST.model_dump().items() if key != "study"}), "is damaged: study: "),
        (BEST.model_dump_json().replace("0.1", "NaN"), "is damaged"),
    ],
)
def test_a_damaged_file_says_where(tmp_path, content, problem):
    path = tmp_path / "best.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ArtifactError, match=problem) as caught:
        records.read(path, Best, stage="tune")
    assert "dvc repro --force --single-item tune" in caught.value.fix
    assert caught.value.exit_code == 4


@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path_factory, at, bit):
    path = tmp_path_factory.mktemp("record") / "decision.json"
    records.write(path, DECISION)
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with suppress(ArtifactError):
        assert records.read(path, Decision, stage="register") == DECISION


def test_an_edited_record_is_refused_and_a_reformatted_one_is_not(tmp_path):
    path = tmp_path / "decision.json"
    records.write(path, DECISION)
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert records.read(path, Decision, stage="register") == DECISION
    path.write_text(path.read_text().replace('"promoted": false', '"promoted": true'))
    with pytest.raises(ArtifactError, match="its seal does not fit") as caught:
        records.read(path, Decision, stage="register")
    assert "`dvc checkout --force`" in caught.value.fix


def test_a_record_of_a_release_without_seals_is_still_read(tmp_path):
    path = tmp_path / "decision.json"
    path.write_text(DECISION.model_dump_json(indent=2))
    assert records.read(path, Decision, stage="register") == DECISION
