"""Open a registered model for use: what `glyphline.load` does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from glyphline import params, training
from glyphline.paths import Paths
from glyphline.registry import verified_model, version_reference
from glyphline.stages import register


def run(reference: str, start: Path) -> Any:
    """The Keras model of a version whose files are what was registered.

    Args:
        reference: `models:/NAME@champion`, `models:/NAME/3`; without a name the project's model is meant.
        start: a folder of the project, whose params.yaml says in which store the version is.

    Raises:
        ParamsError: `start` is in no project.
        RegistryError: there is no such version, or it was never evaluated.
        ArtifactError: its files are not what was registered, or not let through.
        TrackingError: the store cannot be reached.
    """
    paths = Paths.find(start)
    values = params.read(paths.params)
    to = register.destination(values, paths)
    # A name that cannot be read is told by `verified`.
    meant = version_reference.parse_reference(reference, to.name)
    if meant is not None:
        to = replace(to, name=meant.name)
    with verified_model.verified_model(to, reference, register.keys(values, paths)) as found:
        return training.open_model(found.archive)
