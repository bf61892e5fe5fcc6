"""`glyphline compare`: which model is better, by how much, and is that luck?

Joins the rooms as a stage does: tracking and registry find the runs, evaluation tests them, this package shows them.
"""

from collections.abc import Sequence
from pathlib import Path

from glyphline import data, files
from glyphline.commands.compare import page, text
from glyphline.commands.compare.comparison import compare
from glyphline.commands.compare.references import subjects
from glyphline.errors import PipelineError
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.values import Split


def run(references: Sequence[str], params: Params, paths: Paths, target: Path, *, as_markdown: bool) -> str:
    """Compare models, write the page, and give what is to be printed.

    Args:
        references: two or more, as `references.subjects` takes them.
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
    with subjects(references, params, paths) as found:
        findings = compare(found)
        files.write_text(target, page.html(findings, _test_images(paths, findings.subjects[0].said.test_digest)))
        return text.markdown(findings) if as_markdown else text.tables(findings)


def _test_images(paths: Paths, digest: str) -> Split | None:
    """The test split, for its pictures alone; None when another one, none or a damaged one is in the workspace."""
    try:
        split = data.load(paths.split("test"))
    except PipelineError:
        return None
    return split if split.digest == digest else None
