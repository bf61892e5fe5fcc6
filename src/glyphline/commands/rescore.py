"""Score a registered model again on the workspace's test split, when the predictions that evaluate made are gone."""

from pathlib import Path

from glyphline import data, training
from glyphline.errors import DataError
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.registry import Keys, RegistryLocation, verified_model
from glyphline.scoring import predictions
from glyphline.scoring.predictions import Predictions


def run(params: Params, paths: Paths, reference: str, target: Path) -> None:
    """Write predictions of a registered version.

    Args:
        params: for the store, and how many images to ask about at once.
        paths: of the project.
        reference: the version, as `models:/NAME/3`.
        target: the file.

    Raises:
        DataError: the workspace holds another test split than the one that the version was scored on.
        ArtifactError: the files of the version are not what was registered.
    """
    test = data.load(paths.split("test"))
    location = RegistryLocation.of(params, paths)
    with verified_model.verified_model(location, reference, Keys.of(params.registry, paths.home)) as verified:
        if test.digest != verified.judged.test_digest:
            raise DataError(
                f"{reference} was scored on test split {verified.judged.test_digest[:12]}, and data/processed/test is"
                f" {test.digest[:12]}",
                fix="check out the data that it was scored on",
            )
        model = training.open_classifier(
            verified.archive, test, batch_size=params.evaluate.batch_size, deterministic=params.train.deterministic
        )
        probs = model.probabilities(test.images)
    predictions.write(target, Predictions(probs, test.labels, test.classes, test.digest, model.weights_digest))
