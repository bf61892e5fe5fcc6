"""What params.yaml may hold: one closed, strict, frozen section per stage or subject.

Every field states its meaning once: `glyphline params` and docs/params.md are made from these descriptions.
"""

import json
import re
import warnings
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from glyphline.params.model import PRETRAINED, ModelParams
from glyphline.params.registry import RegistryParams
from glyphline.params.section import LIST_AS_TUPLE, Section
from glyphline.params.train import TrainParams
from glyphline.params.tune import TuneParams
from glyphline.values import LARGEST_SIDE, SMALLEST_SIDE, Fit, flatten

Slice = Literal["contrast", "intensity", "size", "thickness"]
Side = Annotated[int, Field(ge=SMALLEST_SIDE, le=LARGEST_SIDE)]


class ColumnParams(Section):
    """The columns of a table of images; null: by their usual names, which docs/images.md lists."""

    image: str | None = Field(description="Column with the path of each image. Null: file_name, image, path, ...")
    label: str | None = Field(description="Column with the label of each image. Null: label, class, category, ...")
    split: str | None = Field(
        description="Column that says train, val or test. Null: split, subset or partition, if there is one."
    )
    group: str | None = Field(
        description="Column that says what an image belongs to, as a person. Null: group, patient_id, ..., if any."
    )


# Pydantic's old `copy` gives way to the field; `model_copy` is what it is called now.
warnings.filterwarnings("ignore", 'Field name "copy" in "DataParams" shadows', UserWarning)


class DataParams(Section):
    """Which images."""

    dataset: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        description="Name of the data set: digits, mnist, fashion_mnist or kmnist; with `path`, any name.",
    )
    path: str | None = Field(
        description="Your own images: a folder, a table or an .npz file, see docs/images.md. Null: from the catalogue.",
    )
    copy: bool = Field(  # type: ignore[assignment]
        description="Copy the images into data/raw; false reads them where they are, which takes no second place on the"
        " disk, and a model can then be made again only where they are.",
    )
    columns: ColumnParams
    normalise_labels: bool = Field(
        description="Join labels that differ only in case or blanks, as Cat and cat; false refuses them."
    )
    bad_files: Literal["stop", "skip"] = Field(
        description="What to do about files that are no images: stop at the first, or skip and list them."
    )
    max_bad_share: float = Field(
        ge=0, le=1, description="With bad_files=skip, the largest part of all files that may be skipped."
    )
    mirror: str | None = Field(
        description="Folder to look in first, `<mirror>/<data set>/<file>.gz` and `<mirror>/backbones/<file>.h5`; "
        "GLYPHLINE_MIRROR does the same.",
    )
    timeout_s: float = Field(
        gt=0, le=3600, description="Seconds without an answer before a download source is given up."
    )


class PreprocessParams(Section):
    """How the images are checked, resized and split."""

    split_seed: int | None = Field(
        # The one default: an older params.yaml has no such key, and its splits must stay what they are.
        default=None,
        ge=0,
        lt=2**32,
        description="Seed of the draw of test and validation split, the same for every `seed`. Null or missing: seed.",
    )
    val_fraction: float = Field(gt=0, lt=0.5, description="Part of the training images that the validation split gets.")
    test_fraction: float = Field(
        gt=0, lt=0.5, description="Part of all images that the test split gets, where a data set comes without one."
    )
    image_size: Annotated[tuple[Side, Side], LIST_AS_TUPLE] | None = Field(
        description="Height and width in pixels to resize to. Null: as they are; all must then have one size.",
    )
    fit: Fit = Field(
        description="How images get `image_size`: stretch changes their proportions, crop takes the middle, pad takes "
        "the whole image and fills the rest with the median colour of its border.",
    )
    near_duplicates: Literal["ignore", "report", "together"] = Field(
        description="Pictures that show the same, one cropped, brightened or encoded again: not looked for, counted and"
        " drawn, or kept in one split. Of sides from 48 pixels, and up to 100,000 images.",
    )
    group: str | None = Field(
        description="Pattern with one group, searched in a file's path: what it finds there is the image's group, "
        "as the person in `(person\\d+)_`. Null: the column of the table, if there is one.",
    )

    @field_validator("group")
    @classmethod
    def has_one_group(cls, value: str | None) -> str | None:
        """The group of a pattern is what says the group of an image."""
        if value is None:
            return None
        try:
            count = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"must be a regular expression: {error}") from None
        if count != 1:
            raise ValueError(f"must have one group in parentheses, and has {count}")
        return value


class EvaluateParams(Section):
    """How the model is evaluated on the test split."""

    batch_size: int = Field(
        ge=1, le=65_536, description="Images per step when predicting, of large ones fewer; changes speed, not results."
    )
    calibration_bins: int = Field(ge=2, le=200, description="Equal-width confidence bins of the calibration error.")
    mistakes: int = Field(ge=0, le=100, description="Worst mistakes to show in the picture; 0 draws none.")
    explanation_steps: int = Field(
        ge=0, le=1000, description="Points on the path of the integrated gradients; 0 explains nothing."
    )
    corruption_images: int = Field(
        ge=0, le=1_000_000, description="Test images to corrupt, a fixed sample; 0 measures no robustness."
    )
    slices: Annotated[tuple[Slice, ...], Field(max_length=4), LIST_AS_TUPLE] = Field(
        description="Properties of the pictures to cut the test split by: contrast, intensity, size, thickness.",
    )

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
        description="Tracking server or database. Null: MLFLOW_TRACKING_URI when set, else mlflow.db.",
    )
    timeout_s: float = Field(gt=0, le=600, description="Seconds to wait for a tracking server that does not answer.")


class Params(Section):
    """All of params.yaml."""

    seed: int = Field(ge=0, lt=2**32, description="Where weights, order, dropout, augmentation and search begin.")
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

    @property
    def split_seed(self) -> int:
        """Seed of the draw of the splits."""
        return self.seed if self.preprocess.split_seed is None else self.preprocess.split_seed

    @property
    def backbones(self) -> tuple[str, ...]:
        """The backbones that training and search may use: those of the search are there before it begins."""
        if self.model.kind != PRETRAINED:
            return ()
        entry = self.tune.space.get("model.backbone")
        return tuple(dict.fromkeys((self.model.backbone, *map(str, (entry.choices if entry else None) or ()))))

    def flat(self) -> dict[str, Any]:
        """Dotted key -> value, as runs show them; the search space is one JSON value."""
        tree = self.model_dump(mode="json")
        space = tree["tune"].pop("space")
        return {**flatten(tree), "tune.space": json.dumps(space, sort_keys=True)}
