"""One trial: pure in its parameters, its seed and the data; Optuna and MLflow are strangers to it."""

from collections.abc import Mapping
from typing import Any

from glyphline.params import Params, overlay
from glyphline.training import Setting, fit
from glyphline.tuning.identity import trial_seed
from glyphline.values import EpochHook


def run_trial(
    params: Params, values: Mapping[str, Any], setting: Setting, *, number: int, on_epoch: EpochHook
) -> float:
    """Fit one candidate.

    Args:
        params: what the candidate starts from.
        values: dotted key -> value of this candidate.
        setting: device and data.
        number: of the trial; its seed comes from it.
        on_epoch: receives every epoch; it may raise to end the trial.

    Returns:
        The lowest val_loss of its epochs, in nats.
    """
    candidate = overlay(params, values)
    fitted = fit(candidate, setting, seed=trial_seed(params.seed, number), epochs=params.tune.epochs, on_epoch=on_epoch)
    return fitted.best["val_loss"]
