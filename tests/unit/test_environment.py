"""Environment variables that are set for a while, and those that are removed."""

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


def test_what_would_change_the_outs_is_removed_and_named_and_all_else_stays():
    kept = {
        "CUDA_VISIBLE_DEVICES": "0",
        "JAX_PLATFORMS": "cpu",
        "KERAS_BACKEND": "jax",
        "OMP_NUM_THREADS": "1",
        "TF_CLI_CONFIG_FILE": "terraform.rc",
        "TF_CPP_MIN_LOG_LEVEL": "0",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    foreign = {
        "JAX_ENABLE_X64": "1",
        "KERAS_MAX_EPOCHS": "1",
        "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_NUM_INTRAOP_THREADS": "1",
    }
    environ = kept | foreign
    assert environment.remove_foreign(environ) == list(foreign)
    assert environ == kept
