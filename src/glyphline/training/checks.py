"""Check that parameters and data go together."""

from glyphline.errors import TrainingError
from glyphline.params import Params
from glyphline.values import Split

COLOURS = ("saturation", "hue")
"""Fields of `train.augment` that grey images have no use for."""
_FIX = "make the splits again with `dvc repro --force preprocess`"


def check_data(params: Params, train: Split, val: Split) -> None:
    """Check that a fit can begin.

    Raises:
        TrainingError: a batch is larger than the training split, a label has no output, the two splits differ in
            image size or classes, or colours are to vary that grey images do not have.
    """
    if params.train.batch_size > len(train):
        raise TrainingError(
            f"train.batch_size={params.train.batch_size} is larger than the training split of {len(train)} images",
            fix=f"set train.batch_size to {len(train)} or less",
        )
    for split in (train, val):
        highest = int(split.labels.max(initial=-1))
        if highest >= len(split.classes):
            raise TrainingError(
                f"the {split.name} split has a label {highest}, and the network one output for each of "
                f"{len(split.classes)} classes, numbered from 0",
                fix=_FIX,
            )
    if (train.image_shape, train.classes) != (val.image_shape, val.classes):
        raise TrainingError(
            f"the train split has images {train.image_shape} of {len(train.classes)} classes, the val split "
            f"{val.image_shape} of {len(val.classes)}",
            fix=_FIX,
        )
    for name in COLOURS:
        amount = getattr(params.train.augment, name)
        if amount and train.image_shape[2] == 1:
            raise TrainingError(
                f"train.augment.{name}={amount:g} changes colours, and the images are grey",
                fix=f"set train.augment.{name} to 0; brightness and contrast are there for grey images too",
            )
