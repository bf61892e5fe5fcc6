"""CSV text: the same bytes on every system, and numbers that read back as they were."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from glyphline.csv_text import csv_text


@given(
    rows=st.lists(st.tuples(st.floats(allow_nan=False), st.text(st.characters(codec="utf-8", exclude_characters="\r"))))
)
def test_numbers_and_texts_read_back_as_they_were(rows):
    heading, *cells = csv.reader(io.StringIO(csv_text(("value", "name"), rows), newline=""))
    assert heading == ["value", "name"]
    assert [(float(value), name) for value, name in cells] == rows


def test_lines_end_with_a_line_feed_and_a_cell_without_a_value_is_empty():
    assert csv_text(("a", "b"), [(1, None), (0.1, "x,y")]) == 'a,b\n1,\n0.1,"x,y"\n'
