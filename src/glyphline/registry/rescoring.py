"""Make the predictions of a registered version again when its run has lost them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from glyphline import files
from glyphline.errors import ArtifactError
from glyphline.paths import Paths
from glyphline.registry.log_events import VersionJudged
from glyphline.scoring import predictions

Rescore = Callable[[VersionJudged], Path]
"""A version whose predictions are gone -> new ones, from the registered model on the same test split."""


def rescorer(name: str, paths: Paths) -> Rescore:
    """Scores versions on the workspace's test split, in a process of its own that may load TensorFlow.

    Only `glyphline rescore` opens the split; it makes the same predictions that evaluate made of the model.

    Args:
        name: of the registered model.
        paths: of the project.
    """

    def rescore(judged: VersionJudged) -> Path:
        target = paths.mlruns / "rescored" / f"{judged.predictions_sha256}.npz"
        # An earlier result counts only if it is, byte by byte, what the log knows: anybody can put a file there.
        if not target.is_file() or files.sha256(target) != judged.predictions_sha256:
            version = f"models:/{name}/{judged.version}"
            command = [sys.executable, "-P", "-m", "glyphline", "rescore", version, str(target)]
            process = subprocess.run(
                command, cwd=paths.work, check=False, capture_output=True, encoding="utf-8", errors="replace"
            )
            if process.returncode:
                raise ArtifactError(
                    f"the predictions of version {judged.version} are gone, and it cannot be scored again:"
                    f" {' '.join(process.stderr.split())[-200:]}",
                    fix="bring its files back with `glyphline sync`, or check out its data",
                )
            check_rescored(target, judged)
        return target

    return rescore


def check_rescored(path: Path, judged: VersionJudged) -> None:
    """Refuse predictions that a version did not make, or not on the split that it was judged on.

    Raises:
        ArtifactError: other weights, or another split.
    """
    new = predictions.read(path)
    if (new.weights_digest, new.test_digest) != (judged.weights_digest, judged.test_digest):
        raise ArtifactError(
            f"the new predictions are not of version {judged.version}: weights {new.weights_digest[:12]} on test split"
            f" {new.test_digest[:12]}, and the log has {judged.weights_digest[:12]} on {judged.test_digest[:12]}",
            fix="look at the version with `glyphline history`",
        )
