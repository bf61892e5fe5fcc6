"""Make a run's Keras archive a logged model of MLflow, once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Run

from glyphline import files
from glyphline.journal.run_events import KEY_TAG, ModelLogged
from glyphline.mlflow_client import local_path
from glyphline.mlflow_sync import model_folder
from glyphline.mlflow_sync.request_batches import MAX_TAG_CHARACTERS
from glyphline.scratch import scratch_folder

DIGEST_TAG = "glyphline.model_sha256"


def ensure(client: Any, run: Run, archive: Path, event: ModelLogged, params: dict[str, str], *, scratch: Path) -> str:
    """The id of the logged model of this archive, created when it is missing; a call after a crash completes it.

    Args:
        client: an `mlflow.MlflowClient`.
        run: the run that made the model.
        archive: the `.keras` file.
        event: of the journal, about this archive.
        params: shown with the model.
        scratch: parent of the folders that are needed for a moment.
    """
    run_id, experiment_id = run.info.run_id, run.info.experiment_id
    models = client.search_logged_models(
        [experiment_id], filter_string=f"source_run_id = '{run_id}' AND tags.`{DIGEST_TAG}` = '{event.file.sha256}'"
    )
    model = (
        models[0]
        if models
        else client.create_logged_model(
            experiment_id,
            # That of the data set: on pages with models of several data sets it tells them apart.
            name=client.get_experiment(experiment_id).name.replace("/", "-"),
            source_run_id=run_id,
            tags={DIGEST_TAG: event.file.sha256, KEY_TAG: event.run},
            params={key: value[:MAX_TAG_CHARACTERS] for key, value in params.items()},
            model_type="keras",
        )
    )
    model_id: str = model.model_id
    is_ready = model.status == LoggedModelStatus.READY
    location = local_path(model.artifact_location)
    if not is_ready or (location is not None and not model_folder.is_whole(location)):
        with scratch_folder(scratch, "model") as folder:
            with files.named(folder):
                model_folder.write(
                    folder,
                    archive,
                    event.signature,
                    event.metadata,
                    model_id=model_id,
                    run_id=run_id,
                    # Not its location, nor the time of now: a model that comes back has the same files as before.
                    artifact_path=f"models/{model_id}/artifacts",
                    utc_time_created=str(datetime.fromtimestamp(event.time / 1000, UTC).replace(tzinfo=None)),
                )
            client.log_model_artifacts(model_id, str(folder))
        if not is_ready:
            client.finalize_logged_model(model_id, LoggedModelStatus.READY)
    if model_id not in output_models(client.get_run(run_id)):
        client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
    return model_id


def output_models(run: Run) -> list[str]:
    """The ids of the models that a run made, in order."""
    return [output.model_id for output in run.outputs.model_outputs] if run.outputs else []
