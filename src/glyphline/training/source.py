"""The code that a fit runs, as a digest: what was computed with other code is not the same."""

import hashlib
from pathlib import Path

from glyphline.training.networks.custom import source


def code_digest(kind: str = "cnn", project: Path | None = None) -> str:
    """SHA-256 over the files of this room, and over the file of a function of the user's own.

    Args:
        kind: `model.kind`.
        project: folder in which the function's module is looked for.

    Raises:
        TrainingError: there is no such module.
    """
    digest = hashlib.sha256()
    own = source(kind, project)
    for path in (*sorted(Path(__file__).parent.rglob("*.py")), *([own] if own else [])):
        digest.update(path.read_bytes())
    return digest.hexdigest()
