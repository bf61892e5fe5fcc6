"""Choose parameters for a person's images and write them into params.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glyphline import training
from glyphline.commands.use import quick_fits
from glyphline.commands.use.choices import Choice, chosen, class_counts, fits, is_photographs, with_best
from glyphline.data.survey import survey
from glyphline.errors import DataError
from glyphline.params import Params, overlay, yaml_writer
from glyphline.paths import Paths
from glyphline.training.scarcity import Shortcoming

__all__ = ["Choice", "choose", "write"]


def choose(
    params: Params, paths: Paths, path: Path, *, try_fits: bool = False
) -> tuple[list[Choice], tuple[Shortcoming, ...]]:
    """What fits the images, with reasons, and what they have too little of to learn from; nothing is written.

    Args:
        params: the project's, for names of columns and parts of splits.
        paths: the project.
        path: a folder, a table or an .npz file, from the folder of the call.
        try_fits: fit two kinds of network to a part of the images, where they may be photographs, and choose the better
            one; else a network from nothing is chosen.

    Raises:
        DataError: there are no images, or they lie in no order that can be read.
    """
    path = path.absolute()
    found = survey(params.data, path, paths.scratch, group=params.preprocess.group)
    if not found.sizes:
        raise DataError(
            f"none of {len(found.bad)} files in {path} that were opened is an image: {found.bad[0]}",
            fix="look at the files; docs/images.md lists what is read",
        )
    shown = path.relative_to(paths.home) if path.is_relative_to(paths.home) else path
    choices = chosen(params, found, shown)
    if try_fits and is_photographs(found):
        with_choices = overlay(params, {choice.key: choice.value for choice in choices})
        choices = with_best(choices, quick_fits.run(with_choices, paths, path, fits(found)))
    fitted = overlay(params, {choice.key: choice.value for choice in choices})
    return choices, training.shortcomings(fitted.train, class_counts(fitted, found))


def write(paths: Paths, choices: list[Choice]) -> Mapping[str, tuple[Any, Any]]:
    """Put the choices into params.yaml; comments and all else stay.

    Returns:
        Dotted key -> the value before and after, of those that changed.
    """
    return yaml_writer.write(paths.params, {choice.key: choice.value for choice in choices})
