"""What the fits of heads in one process share: the features of the splits, and where the backbones are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphline.errors import ArtifactError
from glyphline.records import BackboneWeights
from glyphline.training.device import Device
from glyphline.training.networks.pretrained import feature_network, network
from glyphline.values import Features, Split

DEVICE = Device("CPU", (), "float32", xla=False, why="float32: a head on features is fitted in NumPy")
DIGEST_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class BackboneFeatures:
    """The features that one backbone made.

    Attributes:
        weights: of the backbone.
        train, val: float32 (n, f), in the order of the split.
    """

    weights: BackboneWeights
    train: Features
    val: Features


@dataclass(frozen=True, slots=True)
class FeatureContext:
    """What any number of fits of heads in one process share.

    Attributes:
        train, val: the splits; their labels count, and the shape of their images.
        features: name of a backbone -> what it made of both.
        folder: of the backbones' weights.
        device: the same for every head.
    """

    train: Split
    val: Split
    features: Mapping[str, BackboneFeatures]
    folder: Path
    device: Device = DEVICE

    def tags(self) -> dict[str, str]:
        """As a run shows it: which weights the features are from."""
        return {**self.device.tags(), **self.backbone_tags()}

    def backbone_tags(self) -> dict[str, str]:
        """The digests of the backbones' weights."""
        known = (f"{name} {one.weights.sha256[:DIGEST_CHARACTERS]}" for name, one in self.features.items())
        return {"glyphline.backbone": ", ".join(known)}

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, c) of an image."""
        return self.train.image_shape

    def of(self, backbone: str) -> BackboneFeatures:
        """The features of one backbone.

        Raises:
            ArtifactError: they were not computed, as when a stage is run by hand after params.yaml was changed.
        """
        if backbone not in self.features:
            raise ArtifactError(
                f"there are no features of {backbone}, only of: {', '.join(self.features) or 'none'}",
                fix="compute them with `dvc repro`",
            )
        return self.features[backbone]

    def feature_network(self, backbone: str) -> Any:
        """A Keras model: uint8 images -> the features of a backbone.

        Raises:
            ArtifactError: its weights are missing or damaged.
        """
        return feature_network(self.folder, self.of(backbone).weights, self.image_shape)

    def backbone(self, name: str) -> Any:
        """A backbone as a Keras model: float32 images (n, h, w, 3) in [0, 1] -> features.

        Raises:
            ArtifactError: its weights are missing or damaged.
        """
        return network(self.folder, self.of(name).weights)
