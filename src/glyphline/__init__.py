"""From labelled images to a registered, explained, comparable classifier.

Nothing is imported here: each command imports only what it needs.
"""

import importlib
from typing import Any

__version__ = "0.1.0"


def load(reference: str) -> Any:
    """A registered model, opened only if its files are unchanged since the registration and hold nothing but a model.

    To be called in the project's folder: its params.yaml names the store of the versions.

    Args:
        reference: `models:/NAME@champion` or `models:/NAME/3`.

    Returns:
        The Keras model: images uint8 (n, h, w, c) in, probabilities float32 (n, classes) out.

    Raises:
        glyphline.errors.PipelineError: there is no such version, it is refused, or the store does not answer.
    """
    from pathlib import Path

    # By its name: rooms below import this package for its version, and must not depend on the commands.
    return importlib.import_module("glyphline.commands.load_model").run(reference, Path.cwd())
