"""Files that a store on this machine had and has no more: somebody removed `mlruns/`, but not the store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from glyphline.journal.run_events import ArtifactLogged, LineageLogged, ModelLogged, RunEvent, RunStarted
from glyphline.mlflow_client import local_path
from glyphline.mlflow_sync.logged_model import output_models
from glyphline.mlflow_sync.model_folder import is_whole


def lost_files(client: Any, run: Run, events: Sequence[RunEvent]) -> list[int]:
    """The numbers of the events whose files are gone, in order; of files of one name, the last counts.

    Args:
        client: an `mlflow.MlflowClient`.
        run: in the store; where its files are on a server, none of them is looked for.
        events: that were sent for this run, of one journal, from its first.
    """
    folder = local_path(run.info.artifact_uri)
    if folder is None:
        return []
    last: dict[Path, int] = {}
    models: list[int] = []
    for number, event in enumerate(events):
        match event:
            case ArtifactLogged():
                last[folder / event.folder / Path(event.file.path).name] = number
            case LineageLogged():
                last[folder / f"{lineage_stem(event, is_origin=isinstance(events[0], RunStarted))}.json"] = number
            case ModelLogged():
                models.append(number)
    lost = [number for path, number in last.items() if not path.exists()]
    if models and not all(_has_files(client, model_id) for model_id in output_models(run)):
        lost += models
    return sorted(lost)


def lineage_stem(event: LineageLogged, *, is_origin: bool) -> str:
    """The name, without its suffix, of the files with a lineage; the stage that began the run has no other name."""
    return "lineage" if is_origin else f"lineage.{event.stage}"


def _has_files(client: Any, model_id: str) -> bool:
    try:
        folder = local_path(client.get_logged_model(model_id).artifact_location)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        # Whoever deleted it in the UI does not want it back.
        return True
    return folder is None or is_whole(folder)
