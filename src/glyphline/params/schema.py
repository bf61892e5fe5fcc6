"""What params.yaml may hold: one closed, strict, frozen section per stage or subject.

Every field states its meaning here once: `glyphline params` and docs/params.md are made from these descriptions.
"""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from glyphline.params.fitting import ModelParams, TrainParams
from glyphline.params.releasing import RegistryParams
from glyphline.params.section import Section
from glyphline.values import flatten

Choice = bool | int | float | str

Slice = Literal["contrast", "intensity", "size", "thickness"]
Side = Annotated[int, Field(ge=8, le=256)]

SEARCHABLE_SECTIONS = ("model", "train")
# What a process settles once, for all trials that it runs, and the code that they share.
NOT_SEARCHABLE = {
    "model.kind",
    *(f"train.{name}" for name in ("precision", "xla", "deterministic", "memory_mb", "gpu_memory_mb")),
}


class DataParams(Section):
    """Which images."""

    dataset: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        description="Name of the data set: digits, mnist, fashion_mnist or kmnist; with `path`, any name.",
    )
    path: str | None = Field(
        description="Your own images: a folder with one folder per class, or an .npz file. Null: from the catalogue.",
    )
    mirror: str | None = Field(
        description="Folder to look in first, `<mirror>/<data set>/<file>.gz`; GLYPHLINE_MIRROR does the same.",
    )
    timeout_s: float = Field(
        gt=0, le=3600, description="Seconds without an answer before a download source is given up."
    )


class PreprocessParams(Section):
    """How the images are checked, resized and split."""

    val_fraction: float = Field(gt=0, lt=0.5, description="Part of the training images that the validation split gets.")
    test_fraction: float = Field(
        gt=0, lt=0.5, description="Part of all images that the test split gets, where a data set comes without one."
    )
    image_size: Annotated[tuple[Side, Side], Field()] | None = Field(
        description="Height and width in pixels to resize to. Null: as they are; all must then have one size.",
    )

    @field_validator("image_size", mode="before")
    @classmethod
    def list_as_tuple(cls, value: Any) -> Any:
        """Take a YAML list where a tuple is kept."""
        return tuple(value) if isinstance(value, list) else value


class SpaceEntry(Section):
    """The values that the search may give one parameter: a range, or a list of choices."""

    low: int | float | None = Field(default=None, description="Smallest value.")
    high: int | float | None = Field(default=None, description="Largest value.")
    log: bool = Field(default=False, description="Draw from the logarithm of the range.")
    step: int | float | None = Field(default=None, description="Distance between the values that may be drawn.")
    choices: tuple[Choice, ...] | None = Field(default=None, description="The values to choose from.")

    @field_validator("choices", mode="before")
    @classmethod
    def list_as_tuple(cls, value: Any) -> Any:
        """Take a YAML list where a tuple is kept."""
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def is_a_range_or_a_list(self) -> Self:
        """An entry is one or the other, and a range has an order."""
        if self.choices is not None:
            if self.low is not None or self.high is not None or self.step is not None or self.log:
                raise ValueError("choices cannot stand beside low, high, step or log")
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
            raise ValueError("step cannot stand beside log: true")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step={self.step} must be above 0")
        if self.step is not None and self.step > self.high - self.low:
            raise ValueError(f"step={self.step} is wider than the range from {self.low} to {self.high}")
        return self

    @property
    def extremes(self) -> tuple[Choice, ...]:
        """The values that show whether the entry fits its parameter: the ends and the first step, or every choice."""
        if self.choices is not None:
            return self.choices
        assert self.low is not None
        assert self.high is not None
        return (self.low, self.high) if self.step is None else (self.low, self.low + self.step, self.high)


class TuneParams(Section):
    """The search for good parameters."""

    trials: int = Field(ge=0, le=100_000, description="Trials of the search in all; 0 uses params.yaml as it is.")
    epochs: int = Field(ge=1, le=10_000, description="Epochs of one trial.")
    timeout_s: float | None = Field(gt=0, description="Seconds after which no new trial is begun. Null: no limit.")
    startup_trials: int = Field(ge=0, description="Finished trials before the sampler models and the pruner prunes.")
    space: dict[str, SpaceEntry] = Field(
        description="Dotted key of a model or train parameter -> low, high, log, step, or choices.",
    )


class EvaluateParams(Section):
    """How the test split is looked at."""

    batch_size: int = Field(ge=1, le=65_536, description="Images per step when predicting; changes speed, not results.")
    calibration_bins: int = Field(ge=2, le=200, description="Equal-width confidence bins of the calibration error.")
    mistakes: int = Field(ge=0, le=100, description="Worst mistakes to show in the picture; 0 draws none.")
    explanation_steps: int = Field(
        ge=0, le=1000, description="Points on the path of the integrated gradients; 0 explains nothing."
    )
    corruption_images: int = Field(
        ge=0, le=1_000_000, description="Test images to spoil, a fixed sample; 0 measures no robustness."
    )
    slices: tuple[Slice, ...] = Field(
        max_length=4,
        description="Properties of the pictures to cut the test split by: contrast, intensity, size, thickness.",
    )

    @field_validator("slices", mode="before")
    @classmethod
    def list_as_tuple(cls, value: Any) -> Any:
        """Take a YAML list where a tuple is kept."""
        return tuple(value) if isinstance(value, list) else value

    @field_validator("slices")
    @classmethod
    def each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """A property that is named twice would be counted twice."""
        if len(set(value)) < len(value):
            raise ValueError("a property is named twice")
        return value


class TrackingParams(Section):
    """Where runs are shown."""

    uri: str | None = Field(
        description="Tracking server or database. Null: MLFLOW_TRACKING_URI when set, else mlruns/mlflow.db.",
    )
    timeout_s: float = Field(gt=0, le=600, description="Seconds to wait for a tracking server that does not answer.")


class Params(Section):
    """All of params.yaml."""

    seed: int = Field(ge=0, lt=2**32, description="Where every random choice starts: split, weights, order, search.")
    data: DataParams
    preprocess: PreprocessParams
    model: ModelParams
    train: TrainParams
    tune: TuneParams
    evaluate: EvaluateParams
    registry: RegistryParams
    tracking: TrackingParams

    @property
    def model_name(self) -> str:
        """Name of the registered model: models of different data sets never compete."""
        return self.registry.name or f"glyphline-{self.data.dataset}"

    def flat(self) -> dict[str, Any]:
        """Dotted key -> value, as runs show them; the search space is one JSON value."""
        tree = self.model_dump(mode="json")
        space = tree["tune"].pop("space")
        return {**flatten(tree), "tune.space": json.dumps(space, sort_keys=True)}
