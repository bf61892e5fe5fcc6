"""One frozen type per JSON file that a stage hands to another, written whole and read back checked."""

from typing import Annotated, Any

from pydantic import Field

from glyphline.records.backbone import Backbones, BackboneScan, BackboneWeights, FeatureManifest, SplitFeatures
from glyphline.records.base import Count, Digest, FileName, Fraction, Record, RecordT, read, remedy, verify, write
from glyphline.records.evaluation import ClassScore, CorruptionScore, Cost, Evaluation, Latency, SliceScore

__all__ = [
    "BackboneScan",
    "BackboneWeights",
    "Backbones",
    "Best",
    "ClassScore",
    "CorruptionScore",
    "Cost",
    "Decision",
    "Evaluation",
    "FeatureManifest",
    "Latency",
    "NearDuplicateCounts",
    "PreprocessReport",
    "RawFile",
    "RawManifest",
    "Record",
    "RecordT",
    "RuleResult",
    "Scan",
    "SliceScore",
    "SplitFeatures",
    "SplitManifest",
    "Training",
    "read",
    "remedy",
    "verify",
    "write",
]


# Not written when there are none, so that what was made without bad files stays as it was, byte for byte.
BadFileCount = Annotated[Count, Field(exclude_if=lambda count: count == 0)]


class Scan(Record):
    """data/scan.json: what lies at `data.path`."""

    source: str = Field(description="Name of the folder or file; `catalogue` without `data.path`.")
    images: Count
    digest: Digest | None = Field(description="Over names, labels, splits, groups and content of all images.")


class RawFile(Record):
    """One file under data/raw. `source` is where it is published, whatever mirror it came through."""

    source: str
    sha256: str
    size_bytes: int


class RawManifest(Record):
    """data/raw/manifest.json."""

    dataset: str
    licence: str
    citation: str
    reader: str = Field(description="What reads the files: bundled, idx, npz or folder, also for a table.")
    files: dict[FileName, RawFile]
    counts: dict[str, int] = Field(description="Images per official split: `train`, and `val` and `test` if given.")
    classes: tuple[str, ...]
    bad_files: BadFileCount = Field(default=0, description="Files that were left out because they are no images.")
    originals: str | None = Field(
        default=None,
        exclude_if=lambda path: path is None,
        description="Where the images are, as data.path says it, when they were not copied.",
    )


class SplitManifest(Record):
    """data/processed/<split>/manifest.json, checked each time the split is read."""

    dataset: str
    split: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int, int] = Field(description="(n, h, w, c).")
    class_counts: dict[str, int]
    images_sha256: str
    labels_sha256: str
    digest: str = Field(description="SHA-256 over images, labels and class names: the identity of the split.")
    bad_files: BadFileCount = Field(default=0, description="Files of all splits that were left out as no images.")


class NearDuplicateCounts(Record):
    """Pairs of images that show the same, one of them cropped, brightened or encoded again."""

    within: dict[str, Count] = Field(description="Per split, pairs in it.")
    across: dict[str, Count] = Field(description="`train-val`, ... : pairs of one image of each.")
    largest_group: Count = Field(description="Images that are linked to one another, over others too.")
    is_cut: bool = Field(description="There are more pairs than were counted.")


class PreprocessReport(Record):
    """artifacts/preprocess/report.json: counts of the images and of their duplicates."""

    dataset: str
    image_shape: tuple[int, int, int]
    counts: dict[str, int]
    classes: tuple[str, ...]
    duplicates_within: dict[str, int] = Field(description="Per split, images equal to an earlier one of it.")
    duplicates_across: dict[str, int] = Field(description="`train-val`, ... : images of the second in the first.")
    pixel_range: tuple[int, int]
    near_duplicates: NearDuplicateCounts | None = Field(
        default=None, exclude_if=lambda counts: counts is None, description="Null where they were not looked for."
    )
    contradictions: Annotated[Count, Field(exclude_if=lambda count: count == 0)] = Field(
        default=0, description="Images that are equal to one of another class."
    )


class Rechecked(Record):
    """The result of a finalist with fresh seeds at full length; losses in nats."""

    seeds: int = Field(description="Fresh seeds that gave a result.")
    mean_val_loss: float
    spread: float | None = Field(description="Standard deviation over the seeds; null for one seed.")
    shrinkage: float = Field(description="Mean minus the loss in the search: above 0, it looked better than it is.")


class Best(Record):
    """artifacts/tune/best.json: the overlay that train lays over params.yaml, and the trial that gave it."""

    values: dict[str, Any]
    trial: int | None = Field(description="Number of the winning trial; null when tune.trials is 0.")
    val_loss: float | None
    study: str | None
    complete: int
    pruned: int
    failed: int
    rechecked: Rechecked | None = Field(
        default=None, description="The winner's result with fresh seeds; null when tune.finalists is 0."
    )


class Training(Record):
    """artifacts/train/training.json."""

    dataset: str
    params: dict[str, Any] = Field(description="Dotted key -> value, as used: params.yaml under the winner's overlay.")
    weights_digest: str
    parameters: Count
    epochs: Count
    best_epoch: Count = Field(description="From 1; its weights are the model's.")
    val_loss: float
    val_accuracy: Fraction
    val_count: int = Field(ge=1, lt=2**63)
    # With a default: the record of a version that was registered earlier has no counts.
    class_counts: dict[str, dict[str, Count]] = Field(default={}, description="train, val -> class -> images.")
    train_digest: str
    val_digest: str
    device: str
    precision: str
    xla: bool
    why: str = Field(description="The reasons for precision and XLA.")
    model_sha256: str


class RuleResult(Record):
    """One rule of the gate and what came of it."""

    rule: str = Field(description="Dotted key in params.yaml.")
    passed: bool
    reason: str


class Decision(Record):
    """artifacts/register/decision.json: what became of the model, and why."""

    name: str = Field(pattern=r"^[\w.-]+$", max_length=250)
    version: Count
    aliases: tuple[str, ...]
    promoted: bool
    reasons: tuple[str, ...]
    rules: tuple[RuleResult, ...]
    accuracy: Fraction
    test_digest: Digest
    weights_digest: Digest = Field(description="The model that the decision is about.")
    champion_version: Count | None = Field(description="The champion that this version was compared with.")
    champion_accuracy: float | None
    comparison: int | None = Field(
        ge=1, lt=2**31, description="Which comparison on this test split; null when none was made."
    )
    level: float | None = Field(description="That its p-value had to reach.")
    p_value: float | None
