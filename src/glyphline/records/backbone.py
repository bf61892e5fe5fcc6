"""What the stages `backbone` and `features` hand on."""

from pydantic import Field

from glyphline.records.base import Count, FileName, Name, Record


class BackboneWeights(Record):
    """The weights of one backbone, as they were published."""

    file: FileName
    sha256: str
    size_bytes: Count
    source: str = Field(description="Package and file.")
    licence: str
    citation: str
    features: Count = Field(description="Numbers per image.")
    parameters: Count


class Backbones(Record):
    """artifacts/backbone/manifest.json: the backbones that training and search may use, by name."""

    backbones: dict[Name, BackboneWeights]


class SplitFeatures(Record):
    """The features of one split, float32 (n, f)."""

    sha256: str = Field(description="Of the file.")
    split_digest: str = Field(description="Of the images that they were computed from.")


class FeatureManifest(Record):
    """artifacts/features/manifest.json: backbone -> train, val -> what was computed."""

    splits: dict[Name, dict[str, SplitFeatures]]
