"""A digest of the code that a fit runs: other code may give another result."""

import hashlib
from pathlib import Path

from glyphline.training.networks.custom import source_files


def code_digest(kind: str = "cnn", project: Path | None = None) -> str:
    """SHA-256 over the files of this room, and over those of the user's own function and its package.

    Args:
        kind: `model.kind`.
        project: folder in which the function's module is looked for.

    Raises:
        TrainingError: there is no such module.
    """
    digest = hashlib.sha256()
    for path in (*sorted(Path(__file__).parent.rglob("*.py")), *source_files(kind, project)):
        digest.update(path.read_bytes())
    return digest.hexdigest()
