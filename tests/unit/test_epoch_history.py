"""history.csv: written whole, read back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline import epoch_history
from glyphline.errors import ArtifactError

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(rows=st.lists(st.fixed_dictionaries({"epoch": st.integers(0, 10_000), "val_loss": finite}), min_size=1))
def test_what_is_written_is_read_back_bit_for_bit(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("epoch_history") / "history.csv"
    epoch_history.write(path, rows)
    assert epoch_history.read(path) == rows


def test_the_columns_are_the_keys_and_lines_end_with_a_line_feed(tmp_path):
    path = tmp_path / "deep" / "history.csv"
    epoch_history.write(path, [{"epoch": 0, "loss": 0.1}, {"epoch": 1, "loss": 1e-7}])
    assert path.read_bytes() == b"epoch,loss\n0,0.1\n1,1e-07\n"


@pytest.mark.parametrize("rows", [[], [{"loss": 1.0}, {"val_loss": 1.0}], [{"a": 1.0, "b": 2.0}, {"b": 2.0}]])
def test_rows_without_common_columns_are_refused(rows, tmp_path):
    with pytest.raises(ValueError, match=r"epoch|columns"):
        epoch_history.write(tmp_path / "history.csv", rows)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "does not exist"),
        (b"", "no epoch"),
        (b"epoch,loss\n", "no epoch"),
        (b"epoch,loss\n0\n", "line 2"),
        (b"epoch,loss\n0,0.5\n1,low\n", "line 3"),
        (b"epoch,loss\n0,nan\n", "loss is nan"),
        (b"\xff\xfe", "damaged"),
    ],
)
def test_a_damaged_file_is_named_with_the_stage_that_makes_it(content, problem, tmp_path):
    path = tmp_path / "history.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=problem) as caught:
        epoch_history.read(path)
    assert str(path) in caught.value.problem
    assert "dvc repro --force --single-item train" in caught.value.fix
