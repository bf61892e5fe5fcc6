"""What the stages `backbone` and `features` hand on."""

from pydantic import Field

from glyphline.records.base import Count, Digest, FileName, Name, Record


class BackboneWeights(Record):
    """The weights of one backbone, as they were published, or a copy of one's own archive."""

    file: FileName
    sha256: str
    size_bytes: Count
    source: str = Field(description="Package and file, address, or the name of one's own archive.")
    licence: str
    citation: str
    features: Count | None = Field(description="Numbers per image; null for one's own, which shows it when it runs.")
    parameters: Count = Field(description="Weights; of one's own archive all that are in it.")


class Backbones(Record):
    """artifacts/backbone/manifest.json: the backbones that training and search may use, by name."""

    backbones: dict[Name, BackboneWeights]


class BackboneScan(Record):
    """data/backbones.json: one's own archives that `model.backbone` names, as they are now."""

    files: dict[Name, Digest] = Field(description="Path as params.yaml says it -> SHA-256; those that exist.")


class SplitFeatures(Record):
    """The features of one split, float32 (n, f)."""

    sha256: str = Field(description="Of the file.")
    split_digest: str = Field(description="Of the images that they were computed from.")


class FeatureManifest(Record):
    """artifacts/features/manifest.json: backbone -> train, val -> what was computed."""

    splits: dict[Name, dict[str, SplitFeatures]]
    parameters: dict[Name, Count] = Field(description="Weights of each backbone that its features depend on.")
