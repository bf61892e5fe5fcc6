"""Seconds of a stage belong to what the stage left, and to nothing that came from a cache."""

import json

import pytest

from glyphline import records, stage_times
from glyphline.cli.stages import STAGES
from glyphline.commands import summary
from glyphline.paths import Paths
from glyphline.records import Best, Decision
from tests.conftest import made_evaluation
from tests.registered import training


def ran(paths, stage, content):
    """The stage ran and left this."""
    out = paths.telling_outs()[stage]
    with stage_times.measured(paths.stage_times, stage, out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(content)


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "mlruns").mkdir()
    return Paths(tmp_path, tmp_path)


def seconds(paths, stage):
    return stage_times.seconds(paths.stage_times, stage, paths.telling_outs()[stage])


def test_the_seconds_of_a_stage_are_known_while_its_outs_are_there(paths):
    assert seconds(paths, "train") is None
    ran(paths, "train", "first")
    ran(paths, "evaluate", "scores")
    assert seconds(paths, "train") >= 0
    assert seconds(paths, "evaluate") >= 0


def test_outs_that_dvc_restored_from_its_cache_have_no_seconds_of_another_run(paths):
    ran(paths, "train", "first")
    ran(paths, "train", "second")
    paths.telling_outs()["train"].write_text("first")
    assert seconds(paths, "train") is None
    paths.telling_outs()["train"].unlink()
    assert seconds(paths, "train") is None


def test_the_times_of_an_older_version_count_as_unknown(paths):
    paths.stage_times.write_text(json.dumps({"train": 3.5}))
    assert seconds(paths, "train") is None
    ran(paths, "train", "new")
    assert seconds(paths, "train") >= 0


def test_a_stage_that_fails_has_no_seconds(paths):
    with pytest.raises(OSError, match="no"), stage_times.measured(paths.stage_times, "train", paths.journal("train")):
        raise OSError("no")
    assert seconds(paths, "train") is None


def test_every_stage_has_an_out_that_tells(paths):
    assert list(paths.telling_outs()) == list(STAGES)


def test_the_summary_says_which_stages_came_from_the_cache_and_that_aliases_may_have_moved(paths, default_params):
    records.write(paths.best, Best(values={}, trial=None, val_loss=None, study=None, complete=0, pruned=0, failed=0))
    records.write(paths.training, training("w" * 64))
    records.write(paths.evaluation, made_evaluation(90, 100))
    decision = Decision(
        name="shapes", version=1, aliases=("champion",), promoted=True, reasons=("first",), rules=(), accuracy=0.9,
        test_digest="t" * 64, weights_digest="w" * 64, champion_version=None, champion_accuracy=None,
        comparison=None, level=None, p_value=None,
    )  # fmt: skip
    ran(paths, "train", "new")
    ran(paths, "register", decision.model_dump_json())
    facts = summary.facts(default_params, paths)
    assert list(facts)[:3] == ["test", "validation", "network"]
    assert "fetch from the cache" in facts["seconds"]
    assert "train from the cache" not in facts["seconds"]
    assert "(registered as champion): first" in facts["registry"]
    # An experiment registered another version; then DVC brought the first one back.
    ran(paths, "register", "another")
    records.write(paths.decision, decision)
    facts = summary.facts(default_params, paths)
    assert "register from the cache" in facts["seconds"]
    assert "`glyphline models`" in facts["registry"]
