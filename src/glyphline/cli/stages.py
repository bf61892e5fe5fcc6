"""The stages as commands; `dvc repro` runs them."""

import importlib
import logging
from typing import Any

import click

from glyphline.cli import project

log = logging.getLogger(__name__)

STAGES = {
    "scan": "Look whether the images at data.path, and your own backbone, are still the same.",
    "fetch": "Bring the data set to data/raw, every file checked by its digest.",
    "preprocess": "Check, resize and split the images into data/processed.",
    "backbone": "Bring the weights of the networks that model.backbone names.",
    "features": "Compute once what those networks make of the images.",
    "tune": "Search for good parameters; resumes an interrupted search.",
    "train": "Fit the network with the best parameters.",
    "evaluate": "Score the model on the test split.",
    "register": "Register the model and decide whether it becomes champion.",
}
# These record runs, and get the function that starts the projector.
RECORDING = ("tune", "train", "evaluate")


def _command(name: str, summary: str) -> click.Command:
    @click.command(name, help=summary)
    def stage() -> None:
        from glyphline import environment, stage_times

        if foreign := environment.remove_foreign():
            log.warning("without effect here, since they would change the outs: %s", ", ".join(foreign))
        values, paths = project.opened()
        arguments: list[Any] = [values, paths]
        if name in RECORDING:
            from glyphline.mlflow_sync import projector_launch

            arguments.append(projector_launch.start)
        with stage_times.measured(paths.stage_times, name, paths.telling_outs()[name]):
            importlib.import_module(f"glyphline.stages.{name}").run(*arguments)

    return stage


COMMANDS = tuple(_command(name, summary) for name, summary in STAGES.items())
