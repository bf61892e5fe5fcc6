"""Words that people or other programs wrote are shown as they are: no markup, no emoji."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from glyphline import progress, records
from glyphline.commands import history, models, study, summary
from glyphline.mlflow_sync import ui_server
from glyphline.paths import Paths
from glyphline.records import Best, Decision
from glyphline.registry.log_events import AliasAssigned
from glyphline.tuning import StudyLocation
from glyphline.tuning.overview import StudyOverview, TrialRow
from tests.conftest import made_evaluation
from tests.registered import training

HOSTILE = ("see [/data/x]", "[fix] the bug in [model]", "[link=https://host]here[/link]", "a :bug: in it", "\\[a\\")


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


@pytest.mark.parametrize("words", HOSTILE)
def test_the_history_shows_a_reason_as_it_was_given(console, words):
    history.show([AliasAssigned(alias="champion", version=2, forced=True, reason=words, actor=words)], console)
    assert console.file.getvalue().count(words) == 2


@pytest.mark.parametrize("words", HOSTILE)
def test_the_versions_are_shown_with_their_names_and_verdicts_as_they_are(console, words):
    row = models.VersionRow(1, (words,), 0.5, "", "", words, 0, words, ())
    models.show(words, [row], console)
    assert console.file.getvalue().count(words) == 4


@pytest.mark.parametrize("words", HOSTILE)
def test_a_study_shows_names_values_and_the_reasons_of_failed_trials_as_they_are(console, words):
    trial = TrialRow(0, "fail", None, 1, 2.0, "host", {f"model.{words}": words}, words)
    overview = StudyOverview(words, {"sampler": words}, {words: 1}, words, 2.0, (trial,), ())
    study.draw(overview, 1, StudyLocation(Path("study.db")), console)
    assert console.file.getvalue().count(words) == 7


@pytest.mark.parametrize("words", HOSTILE)
def test_the_summary_shows_the_reasons_of_the_gate_as_they_are(console, default_params, words, tmp_path):
    paths = Paths(tmp_path, tmp_path)
    records.write(paths.best, Best(values={}, trial=None, val_loss=None, study=None, complete=0, pruned=0, failed=0))
    records.write(paths.training, training("w" * 64))
    records.write(paths.evaluation, made_evaluation(90, 100))
    decision = Decision(
        name="shapes", version=1, aliases=(words,), promoted=True, reasons=(words,), rules=(), accuracy=0.9,
        test_digest="t" * 64, weights_digest="w" * 64, champion_version=None, champion_accuracy=None,
        comparison=None, level=None, p_value=None,
    )  # fmt: skip
    records.write(paths.decision, decision)
    summary.show(default_params, paths, console)
    assert console.file.getvalue().count(words) == 2
    # An address that is broken by the program can neither be clicked nor copied.
    narrow = Console(file=io.StringIO(), width=40, force_terminal=True, color_system=None)
    summary.show(default_params, paths, narrow)
    assert narrow.file.getvalue().splitlines()[-1] == ui_server.address(default_params, paths)


@pytest.mark.parametrize("words", HOSTILE)
def test_a_bar_shows_the_name_of_a_folder_as_it_is(words):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    with progress.bar(words, 2, stream=terminal) as advance:
        advance(note=words)
    assert words in terminal.getvalue()
