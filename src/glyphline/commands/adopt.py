"""Make the winner of the search the parameters of params.yaml."""

from typing import Any

from glyphline import records
from glyphline.errors import ParamsError
from glyphline.params import yaml_writer
from glyphline.paths import Paths
from glyphline.records import Best


def run(paths: Paths) -> tuple[Best, dict[str, tuple[Any, Any]]]:
    """Write the values of the winner into params.yaml, and 0 into tune.trials; comments and style stay.

    `train` then fits the same parameters with the same seed: the weights stay the same.

    Returns:
        The result of the search, and dotted key -> the value before and after, of those that changed.

    Raises:
        ArtifactError: there is no result of `tune`.
        ParamsError: the last `tune` made no search, or params.yaml does not allow a value; it is then as it was.
    """
    best = records.read(paths.best, Best, stage="tune")
    if best.study is None:
        raise ParamsError(
            "there is no winner to adopt: the last `tune` made no search (tune.trials was 0)",
            fix="set tune.trials in params.yaml and search with `dvc repro tune`",
        )
    return best, yaml_writer.write(paths.params, {**best.values, "tune.trials": 0})
