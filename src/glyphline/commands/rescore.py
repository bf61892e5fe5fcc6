"""Score a registered model again on the workspace's test split, when the predictions that evaluate made are gone."""

from pathlib import Path

from glyphline import data, training
from glyphline.errors import DataError
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.registry import verified_model
from glyphline.scoring import predictions
from glyphline.scoring.predictions import Predictions
from glyphline.stages import register


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
    with verified_model.verified_model(
        register.destination(params, paths), reference, register.keys(params, paths)
    ) as found:
        if test.digest != found.held.test_digest:
            raise DataError(
                f"{reference} was scored on test split {found.held.test_digest[:12]}, and data/processed/test is"
                f" {test.digest[:12]}",
                fix="check out the data that it was scored on",
            )
        model = training.open_classifier(
            found.archive, test, batch_size=params.evaluate.batch_size, deterministic=params.train.deterministic
        )
        probs = model.probabilities(test.images)
    said = Predictions(probs, test.labels, test.classes, test.digest, model.weights_digest)
    predictions.write(target, said)
