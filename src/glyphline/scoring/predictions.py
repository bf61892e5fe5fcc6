"""The file of predictions, one per image, so that two models can be compared image by image at any later time.

The file is a plain `.npz` without pickles; equal predictions give equal bytes.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glyphline import files
from glyphline.errors import ArtifactError, DataError
from glyphline.records import remedy
from glyphline.scoring.probabilities import check_probs
from glyphline.values import Labels, Probs

FIX = remedy("evaluate")


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """The predictions of one model for every image of a split.

    Attributes:
        probs: float32 (n, classes), softmax output.
        labels: int64 (n,), the truth.
        classes: names, in the order of the columns.
        test_digest: SHA-256 of the split; only predictions for the same split can be compared.
        weights_digest: SHA-256 of the model's weights.
    """

    probs: Probs
    labels: Labels
    classes: tuple[str, ...]
    test_digest: str
    weights_digest: str

    @property
    def right(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Bool (n,): the most probable class is the true one."""
        return np.asarray(self.probs.argmax(axis=1) == self.labels)

    def __len__(self) -> int:
        return len(self.labels)


def write(path: Path, predictions: Predictions) -> str:
    """Write the file whole.

    Returns:
        Its SHA-256, for a record: a file that is edited later has another one.
    """
    with files.atomic_file(path) as partial:
        np.savez_compressed(
            partial,
            probs=predictions.probs.astype(np.float32, copy=False),
            labels=predictions.labels.astype(np.int64, copy=False),
            classes=np.array(predictions.classes),
            digests=np.array([predictions.test_digest, predictions.weights_digest]),
        )
    return files.sha256(path)


def read(path: Path, sha256: str | None = None) -> Predictions:
    """Read predictions back.

    Args:
        path: the file.
        sha256: its digest when it was written; None leaves that unchecked.

    Raises:
        ArtifactError: the file is missing, is not what was written, or holds no predictions.
    """
    try:
        if sha256 is not None and (digest := files.sha256(path)) != sha256:
            raise ArtifactError(
                f"{path} was changed after it was written: its SHA-256 is {digest[:12]}, and {sha256[:12]} was"
                " recorded",
                fix=FIX,
            )
        with np.load(path, allow_pickle=False) as stored:
            test_digest, weights_digest = map(str, stored["digests"])
            predictions = Predictions(
                probs=stored["probs"],
                labels=stored["labels"],
                classes=tuple(map(str, stored["classes"])),
                test_digest=test_digest,
                weights_digest=weights_digest,
            )
        check_probs(predictions.probs, predictions.labels)
    except FileNotFoundError:
        raise ArtifactError(f"{path} does not exist", fix=FIX) from None
    except (DataError, ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path} holds no predictions: {error}", fix=FIX) from None
    if predictions.probs.shape[1] != len(predictions.classes):
        raise ArtifactError(
            f"{path} holds {predictions.probs.shape[1]} probabilities per image for {len(predictions.classes)} classes",
            fix=FIX,
        )
    return predictions
