"""An experiment opens with a note and with a view of the columns that matter."""

import json

import pytest

from glyphline.journal.run_events import NOTE_TAG
from glyphline.mlflow_sync import experiment_view


@pytest.mark.parametrize(
    ("name", "metric", "greater"), [("mnist", "test_accuracy", "True"), ("mnist/tuning", "best_val_loss", "False")]
)
def test_the_note_links_to_the_view_of_the_same_experiment(name, metric, greater):
    tags = experiment_view.tags(name, "17")
    assert "(#/experiments/17/runs?viewStateShareKey=glyphline&" in tags[NOTE_TAG]
    assert "**mnist**" in tags[NOTE_TAG]
    columns = json.loads(tags["mlflow.sharedViewState.glyphline"])["selectedColumns"]
    assert f"metrics.`{metric}`" in columns
    assert tags["mlflow.experiment.primaryMetric.name"] == metric
    assert tags["mlflow.experiment.primaryMetric.greaterIsBetter"] == greater


def test_the_columns_of_parameters_are_parameters(default_params):
    flat = default_params.flat()
    columns = [*experiment_view.MODEL_COLUMNS, *experiment_view.TRIAL_COLUMNS]
    named = [column.removeprefix("params.`").rstrip("`") for column in columns if column.startswith("params.")]
    assert set(named) <= set(flat)


def test_the_columns_of_test_scores_are_scores_that_evaluate_writes():
    from glyphline.evaluation.tables import RUN_METRICS

    tests = [column for column in experiment_view.MODEL_COLUMNS if "`test_" in column]
    assert {column.removeprefix("metrics.`test_").rstrip("`") for column in tests} <= set(RUN_METRICS)


@pytest.mark.parametrize("columns", [experiment_view.MODEL_COLUMNS, experiment_view.TRIAL_COLUMNS])
def test_the_columns_can_be_told_apart_by_what_mlflow_shows_of_their_headings(columns):
    headings = [column.partition("`")[2].rstrip("`")[:14] for column in columns]
    assert len(set(headings)) == len(headings)
