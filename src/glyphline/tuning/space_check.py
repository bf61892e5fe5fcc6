"""Whether the search space and the images go together, before the first trial begins."""

from glyphline.errors import SearchError
from glyphline.params import Params
from glyphline.training.checks import COLOURS
from glyphline.values import Split


def check_space(params: Params, train: Split) -> None:
    """Check that no trial can be given what `training.checks.check_data` refuses.

    Raises:
        SearchError: colours are to be searched that grey images do not have.
    """
    for name in COLOURS:
        key = f"train.augment.{name}"
        entry = params.tune.space.get(key)
        if entry is not None and any(entry.extremes) and train.image_shape[2] == 1:
            raise SearchError(
                f"tune.space: {key} changes colours, and the images are grey", fix=f"take {key} out of tune.space"
            )
