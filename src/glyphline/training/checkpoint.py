"""The state of a fit after an epoch, on disk, so that a killed one goes on from there to the same end."""

import hashlib
import json
import logging
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from glyphline import files

log = logging.getLogger(__name__)

Arrays = list[npt.NDArray[Any]]

STALE_S = 14 * 24 * 3600
"""What nobody has come back to for so long is removed: checkpoints, and the last good weights of fits that diverged."""


@dataclass(frozen=True, slots=True)
class FitState:
    """A fit between two epochs.

    Attributes:
        rows: metrics of the finished epochs.
        best_epoch: from 0.
        best: weights of the best epoch.
        network, optimizer: every variable of them.
    """

    rows: list[dict[str, float]]
    best_epoch: int
    best: Arrays
    network: Arrays
    optimizer: Arrays


class Checkpoint:
    """The place of one fit's state.

    Args:
        folder: of all checkpoints; where nothing deletes it before a killed stage runs again.
        identity: all that the result of the fit depends on; another fit has another file.
    """

    def __init__(self, folder: Path, identity: Any) -> None:
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self.path = folder / f"{digest[:24]}.npz"
        _remove_stale(folder)

    def save(self, state: FitState) -> None:
        """Write the state, whole."""
        told = json.dumps({"rows": state.rows, "best_epoch": state.best_epoch}).encode()
        arrays = {
            f"{part}_{number:05d}": array
            for part in ("best", "network", "optimizer")
            for number, array in enumerate(getattr(state, part))
        }
        with files.whole(self.path) as partial, partial.open("wb") as stream:
            np.savez(stream, told=np.frombuffer(told, np.uint8), **arrays)

    def load(self, shapes: Sequence[tuple[int, ...]]) -> FitState | None:
        """The state, or None when there is none that can be used.

        Args:
            shapes: of the network's variables and then the optimizer's, which the state must have.
        """
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                told = json.loads(stored["told"].tobytes())
                parts = {
                    part: [stored[name] for name in sorted(stored.files) if name.startswith(f"{part}_")]
                    for part in ("best", "network", "optimizer")
                }
        except FileNotFoundError:
            return None
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            log.warning("the checkpoint %s is damaged (%s); the fit begins anew", self.path.name, error)
            return None
        if [array.shape for array in (*parts["network"], *parts["optimizer"])] != list(shapes):
            log.warning("the checkpoint %s is of another network; the fit begins anew", self.path.name)
            return None
        return FitState(rows=told["rows"], best_epoch=told["best_epoch"], **parts)

    def remove(self) -> None:
        """The fit is over and its result is safe."""
        self.path.unlink(missing_ok=True)


def _remove_stale(folder: Path) -> None:
    for path in (*folder.glob("*.npz"), *folder.glob("*.keras")):
        try:
            if time.time() - path.stat().st_mtime > STALE_S:
                path.unlink()
        except FileNotFoundError:  # another process was quicker
            continue
