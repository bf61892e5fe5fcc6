"""`glyphline compare`: which model is better, by how much, and is that luck?

`mlflow_sync` and `registry` find the runs, `scoring` tests them, and this package shows the result.
"""

from collections.abc import Sequence
from pathlib import Path

from glyphline import data, files
from glyphline.commands.compare import page, text
from glyphline.commands.compare.comparison import compare
from glyphline.commands.compare.references import compared_models
from glyphline.errors import PipelineError
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.values import Split


def run(references: Sequence[str], params: Params, paths: Paths, target: Path, *, as_markdown: bool) -> str:
    """Compare models, write the page, and give what is to be printed.

    Args:
        references: two or more, as `references.compared_models` takes them.
        params: of the project.
        paths: of the project.
        target: where the page goes.
        as_markdown: for a pull request instead of for a terminal.

    Raises:
        ArtifactError: a reference is unknown, or its files are gone or were edited.
        DataError: the models were scored on different test splits.
        RegistryError: there is no such version or alias.
        TrackingError: the store is out of reach.
    """
    with compared_models(references, params, paths) as models:
        comparison = compare(models)
        test_images = _test_images(paths, models[0].predictions.test_digest)
        files.write_text(target, page.html(comparison, test_images))
        return text.markdown(comparison) if as_markdown else text.terminal(comparison)


def _test_images(paths: Paths, digest: str) -> Split | None:
    """The test split, for its images alone; None when the workspace has another one, none or a damaged one."""
    try:
        split = data.load(paths.split("test"))
    except PipelineError:
        return None
    return split if split.digest == digest else None
