"""The note and the table columns that people see when they open an experiment.

MLflow's table of runs shows no metric by default, and no tag changes that: it shows the columns of the view that the
address names, else those that this browser had last. A view that somebody shares is a tag of the experiment; so a view
with the columns that matter is set when the experiment is created. The note links to it, and so does every address that
Glyphline prints.
"""

import json

from glyphline.journal.run_events import NOTE_TAG

VIEW = "glyphline"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
TUNING = "tuning"
# MLflow sorts them by name and cuts their headings: few, so that the test accuracy and parameters are seen at once.
MODEL_COLUMNS = (
    "attributes.`Created`",
    "metrics.`test_accuracy`",
    "metrics.`best_val_accuracy`",
    "metrics.`test_calibration_error`",
    "metrics.`test_log_loss`",
    "metrics.`test_macro_f1`",
    "params.`model.dropout`",
    "params.`train.batch_size`",
    "params.`train.epochs`",
    "params.`train.learning_rate`",
)
TRIAL_COLUMNS = (
    "attributes.`Created`",
    "metrics.`best_val_loss`",
    "metrics.`best_val_accuracy`",
    "params.`model.dropout`",
    "params.`train.batch_size`",
    "params.`train.learning_rate`",
)


def route(experiment_id: str) -> str:
    """The end of the address of an experiment with the columns that matter."""
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={VIEW}&workflowType=machine_learning"


def tags(name: str, experiment_id: str) -> dict[str, str]:
    """The tags of an experiment.

    Args:
        name: `<data set>` for models, `<data set>/tuning` for searches.
        experiment_id: MLflow's own, for the link in the note.
    """
    dataset, _, kind = name.partition("/")
    columns: tuple[str, ...]
    if kind == TUNING:
        columns, metric, greater = TRIAL_COLUMNS, "best_val_loss", False
        note = f"The searches on **{dataset}**: a run per study, its trials below it. The models are in `{dataset}`."
    else:
        columns, metric, greater = MODEL_COLUMNS, "test_accuracy", True
        note = f"One run per model trained on **{name}**; the trials that led to them are in `{name}/{TUNING}`."
    return {
        NOTE_TAG: f"{note} [Show the columns that matter]({route(experiment_id)}).",
        # Keeps the UI from guessing what the experiment is about.
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.experiment.primaryMetric.name": metric,
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(greater),
        VIEW_TAG: json.dumps({"selectedColumns": columns}),
    }
