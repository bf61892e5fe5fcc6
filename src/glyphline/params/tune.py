"""The search: its budget, its space, and where its trials run."""

from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from glyphline.params.section import LIST_AS_TUPLE, Section

Choice = bool | int | float | str

Objectives = Annotated[
    tuple[Literal["val_loss", "model_size", "latency_ms"], ...], Field(min_length=1, max_length=2), LIST_AS_TUPLE
]

SEARCHABLE_SECTIONS = ("model", "train")
NOT_SEARCHABLE = {
    **dict.fromkeys(
        (f"train.{name}" for name in ("precision", "xla", "deterministic", "memory_mb", "gpu_memory_mb")),
        "all trials share it",
    ),
    **dict.fromkeys(
        ("train.epochs", "train.patience"), "a trial has tune.epochs epochs, and is ended by tune.pruner alone"
    ),
    "train.label_smoothing": "it changes what val_loss means, so trials could not be compared",
    "train.class_weight": "val_loss counts every image the same, so trials without weights would win",
}
"""Dotted key -> why the search may not change it."""


class SpaceEntry(Section):
    """The values that the search may give one parameter: a range, or a list of choices."""

    low: int | float | None = Field(default=None, description="Smallest value.")
    high: int | float | None = Field(default=None, description="Largest value.")
    log: bool = Field(default=False, description="Draw from the logarithm of the range.")
    step: int | float | None = Field(default=None, description="Distance between the values that may be drawn.")
    choices: Annotated[tuple[Choice, ...], LIST_AS_TUPLE] | None = Field(
        default=None, description="The values to choose from."
    )
    kinds: Annotated[tuple[str, ...], Field(min_length=1), LIST_AS_TUPLE] | None = Field(
        default=None, description="Values of model.kind with which the parameter is searched. Null: all."
    )

    @model_validator(mode="after")
    def is_a_range_or_a_list(self) -> Self:
        """An entry is one or the other, and a range has an order."""
        if self.choices is not None:
            if self.low is not None or self.high is not None or self.step is not None or self.log:
                raise ValueError("choices cannot be combined with low, high, step or log")
            if not self.choices:
                raise ValueError("choices is empty")
            return self
        if self.low is None or self.high is None:
            raise ValueError("either low and high, or choices, must be given")
        if self.low > self.high:
            raise ValueError(f"low={self.low} is above high={self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"log: true needs low above 0, and low is {self.low}")
        if self.log and self.step is not None:
            raise ValueError("step cannot be combined with log: true")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step={self.step} must be above 0")
        # A range of one value fixes the parameter, whatever the step.
        if self.step is not None and self.low < self.high and self.step > self.high - self.low:
            raise ValueError(f"step={self.step} is wider than the range from {self.low} to {self.high}")
        return self

    @property
    def extremes(self) -> tuple[Choice, ...]:
        """The values to check against the parameter's own rules: the ends and the first step, or every choice."""
        if self.choices is not None:
            return self.choices
        assert self.low is not None
        assert self.high is not None
        if self.step is None or self.low == self.high:
            return (self.low, self.high)
        return (self.low, self.low + self.step, self.high)

    def reaches(self, value: float) -> bool:
        """True when the value is a whole number of steps from `low`, within the range or beyond it."""
        if self.step is None:
            return True
        # From the decimal digits: in binary, 0.3 is not two steps of 0.1 from 0.1.
        low, step, target = (Fraction(str(number)) for number in (self.low, self.step, value))
        return ((target - low) / step).denominator == 1


class TuneParams(Section):
    """The search for good parameters."""

    trials: int = Field(ge=0, le=100_000, description="Trials of the search in all; 0 uses params.yaml as it is.")
    epochs: int = Field(ge=1, le=10_000, description="Epochs of one trial.")
    timeout_s: float | None = Field(
        gt=0, description="Seconds of searching, over all runs, after which no new trial is started. Null: no limit."
    )
    sampler: Literal["tpe", "gp", "random"] = Field(
        description="How values are chosen: tree-structured Parzen; a Gaussian process, slower and better; or random."
    )
    startup_trials: int = Field(ge=0, description="Finished trials before the sampler models and the pruner prunes.")
    pruner: Literal["median", "halving", "hyperband", "none"] = Field(
        description="When a trial is stopped: worse than half at its epoch, or each time its epochs have doubled, both"
        " after the warm-up; by Hyperband's brackets; or never."
    )
    objectives: Objectives = Field(
        description="What is minimised: val_loss, or val_loss and model_size or latency_ms, which prunes nothing."
    )
    max_parameters: int | None = Field(ge=1, description="Weights above which a candidate is not fitted. Null: any.")
    finalists: int = Field(
        ge=0, le=100, description="Best trials that are fitted again at full length; 0 takes the best as it is."
    )
    seeds: int = Field(ge=1, le=100, description="Fresh seeds for each finalist; the lowest mean val_loss wins.")
    study: str | None = Field(
        min_length=1,
        max_length=200,
        description="Name of the study. Null: made from all that its trials depend on.",
    )
    warm_start: str | None = Field(
        min_length=1, description="Earlier study whose best trials, as many as startup_trials, are tried first."
    )
    storage: str | None = Field(
        description="PostgreSQL database that machines share. Null: GLYPHLINE_STUDY_URL if set, else mlruns/optuna.db."
    )
    workers: int = Field(ge=1, le=1024, description="Trials at the same time.")
    launcher: Literal["auto", "inline", "processes", "ray"] = Field(
        description="Where trials run: in this process, in worker processes, on Ray. auto: inline for one worker"
        " without GPUs of its own and at most 50 trials."
    )
    gpus_per_trial: float = Field(
        ge=0, le=64, description="GPUs of each worker; a fraction shares one, 0 lets each see what this process sees."
    )
    space: dict[str, SpaceEntry] = Field(
        description="Dotted key of a model or train parameter -> low, high, log, step, or choices.",
    )

    @model_validator(mode="after")
    def fields_agree(self) -> Self:
        """One process runs one trial at a time, with the GPUs that it sees; the winner is chosen by val_loss."""
        if self.launcher == "inline" and self.workers > 1:
            raise ValueError(f"launcher=inline runs one trial at a time, and workers is {self.workers}")
        if self.launcher == "inline" and self.gpus_per_trial > 0:
            raise ValueError(
                f"launcher=inline gives a trial no GPUs of its own, and gpus_per_trial is {self.gpus_per_trial:g}"
            )
        if self.gpus_per_trial > 1 and self.gpus_per_trial != int(self.gpus_per_trial):
            raise ValueError(f"gpus_per_trial={self.gpus_per_trial:g} must be a whole number, or below 1")
        if self.objectives[0] != "val_loss" or len(set(self.objectives)) < len(self.objectives):
            raise ValueError("objectives must begin with val_loss and name each once")
        return self
