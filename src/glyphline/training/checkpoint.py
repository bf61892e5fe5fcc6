"""The state of a fit after an epoch, on disk, from which a killed fit goes on to the same result."""

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

# Names of the arrays within the file.
PARTS = ("best", "network", "optimizer")

STALE_S = 14 * 24 * 3600
"""Age at which checkpoints, and the last good weights of fits that diverged, are removed."""


@dataclass(frozen=True, slots=True)
class FitState:
    """A fit between two epochs.

    Attributes:
        history: metrics of the finished epochs.
        best_epoch: from 0.
        best_weights: of the best epoch.
        network, optimizer: all their variables.
    """

    history: list[dict[str, float]]
    best_epoch: int
    best_weights: Arrays
    network: Arrays
    optimizer: Arrays


class Checkpoint:
    """The file of one fit's state.

    Args:
        folder: of all checkpoints; nothing may empty it before a killed stage runs again.
        identity: all that the result of the fit depends on; another fit has another file.
    """

    def __init__(self, folder: Path, identity: Any) -> None:
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self.path = folder / f"{digest[:24]}.npz"
        _remove_stale(folder)

    def save(self, state: FitState) -> None:
        """Write the state atomically."""
        epochs = json.dumps({"rows": state.history, "best_epoch": state.best_epoch}).encode()
        arrays: dict[str, Any] = {
            f"{part}_{number:05d}": array
            for part, variables in zip(PARTS, (state.best_weights, state.network, state.optimizer), strict=True)
            for number, array in enumerate(variables)
        }
        with files.atomic_file(self.path) as partial, partial.open("wb") as stream:
            np.savez(stream, told=np.frombuffer(epochs, np.uint8), **arrays)

    def load(self, shapes: Sequence[tuple[int, ...]]) -> FitState | None:
        """The state, or None when there is none that can be used.

        Args:
            shapes: of the network's variables and then the optimizer's, which the state must have.
        """
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                epochs = json.loads(stored["told"].tobytes())
                best_weights, network, optimizer = (
                    [stored[name] for name in sorted(stored.files) if name.startswith(f"{part}_")] for part in PARTS
                )
        except FileNotFoundError:
            return None
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            log.warning("the checkpoint %s is damaged (%s); the fit begins anew", self.path.name, error)
            return None
        if [array.shape for array in (*network, *optimizer)] != list(shapes):
            log.warning("the checkpoint %s is of another network; the fit begins anew", self.path.name)
            return None
        return FitState(epochs["rows"], epochs["best_epoch"], best_weights, network, optimizer)

    def remove(self) -> None:
        """Delete the file, once the result of the fit is saved."""
        self.path.unlink(missing_ok=True)


def _remove_stale(folder: Path) -> None:
    for path in (*folder.glob("*.npz"), *folder.glob("*.keras")):
        try:
            if time.time() - path.stat().st_mtime > STALE_S:
                path.unlink()
        except FileNotFoundError:  # Another process has removed it.
            continue
