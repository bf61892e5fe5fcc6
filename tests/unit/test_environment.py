"""Environment variables that are set for a while."""

import os

import pytest

from glyphline import environment


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    monkeypatch.setenv("GLYPHLINE_TEST_HELD", "before")
    monkeypatch.delenv("GLYPHLINE_TEST_NEW", raising=False)


def test_variables_hold_inside_the_block_and_are_as_they_were_after_it_whatever_it_raised():
    def broken_off():
        with environment.changed({"GLYPHLINE_TEST_HELD": "inside", "GLYPHLINE_TEST_NEW": "inside"}):
            assert os.environ["GLYPHLINE_TEST_HELD"] == os.environ["GLYPHLINE_TEST_NEW"] == "inside"
            raise KeyError

    with pytest.raises(KeyError):
        broken_off()
    assert os.environ["GLYPHLINE_TEST_HELD"] == "before"
    assert "GLYPHLINE_TEST_NEW" not in os.environ
