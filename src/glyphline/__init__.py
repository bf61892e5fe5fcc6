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


def features(images: Any, *, backbone: str = "efficientnet_lite0") -> Any:
    """What a network that has seen ImageNet makes of images, for programs of your own; no project is needed.

    Images are decoded, turned upright and cut to 224 x 224 as `preprocess` does with the recipe `photos`; grey ones are
    seen as the same in three colours.

    Args:
        images: an image file, a folder (its images and those below it, in the order of their paths), a list of image
            files, or pixels, uint8 (n, h, w, c), or (h, w, c) of one image.
        backbone: its name in docs/backbones.md.

    Returns:
        Float32 (n, f), one row per image in their order; f is 1280 for efficientnet_lite0.

    Raises:
        glyphline.errors.PipelineError: it is none of these, a file cannot be read as an image, or there is no such
            backbone.
    """
    return importlib.import_module("glyphline.commands.features").run(images, backbone)
