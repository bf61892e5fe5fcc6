"""Whether the search space and the images go together, before the first trial begins."""

from glyphline.errors import SearchError
from glyphline.params import Params
from glyphline.params.model import PRETRAINED
from glyphline.training.checks import COLOURS
from glyphline.tuning.space import KIND
from glyphline.values import Split


def check_space(params: Params, train: Split) -> None:
    """Check that no trial can be given what `training.checks.check_data` refuses.

    Raises:
        SearchError: colours are to be searched that grey images do not have, or networks on features beside others.
    """
    kinds = params.tune.space.get(KIND)
    if PRETRAINED in {params.model.kind, *(kinds.choices or () if kinds else ())} and kinds is not None:
        raise SearchError(
            f"tune.space: {KIND} has the choices {', '.join(map(str, kinds.choices or ()))}, and networks of kind "
            f"{PRETRAINED}, which learn on features, cannot be searched together with others",
            fix=f"take {KIND} out of tune.space, and train each kind in an experiment of its own",
        )
    for name in COLOURS:
        key = f"train.augment.{name}"
        entry = params.tune.space.get(key)
        if entry is not None and any(entry.extremes) and train.image_shape[2] == 1:
            raise SearchError(
                f"tune.space: {key} changes colours, and the images are grey", fix=f"take {key} out of tune.space"
            )
