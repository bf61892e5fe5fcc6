"""Open a registered model for use: what `glyphline.load` does."""

from pathlib import Path
from typing import Any

from glyphline import params, training
from glyphline.paths import Paths
from glyphline.registry import Keys, RegistryLocation, verified_model


def run(reference: str, start: Path) -> Any:
    """The Keras model of a version whose files are what was registered.

    Args:
        reference: `models:/NAME@champion`, `models:/NAME/3`; without a name the project's model is meant.
        start: a folder of the project, whose params.yaml says in which store the version is.

    Raises:
        ParamsError: `start` is in no project.
        RegistryError: there is no such version, or it was never evaluated.
        ArtifactError: its files are not what was registered, or are refused.
        TrackingError: the store cannot be reached.
    """
    paths = Paths.find(start)
    values = params.read(paths.params)
    location = RegistryLocation.of(values, paths)
    with verified_model.verified_model(location, reference, Keys.of(values.registry, paths.home)) as verified:
        return training.open_model(verified.archive)
