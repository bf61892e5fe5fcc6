"""The features of images: computed once, stored with digests, and read back checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glyphline import backbones, files, progress, records
from glyphline.errors import ArtifactError
from glyphline.records import BackboneWeights, FeatureManifest, SplitFeatures
from glyphline.training import device
from glyphline.training.heads.context import BackboneFeatures, FeatureContext
from glyphline.training.images import reader
from glyphline.training.networks.pretrained import feature_network
from glyphline.training.prediction import compiled_predict
from glyphline.values import Features, Images, Split, images_at_once

MANIFEST = "manifest.json"
# Of 224 x 224: a larger batch is not faster on two cores (docs/experiments.md).
BATCH_IMAGES = 32


@dataclass(frozen=True, slots=True)
class FeatureFolders:
    """The outs of the stages `features` and `backbone`."""

    features: Path
    backbone: Path


def write(
    folder: Path, splits: Iterable[Split], weights: Path, *, deterministic: bool, gpu_memory_mb: int | None
) -> None:
    """Compute the features of splits with every backbone, and write them and a manifest.

    Args:
        folder: where to write; the caller makes it appear atomically.
        splits: whose images; not read where there is no backbone.
        weights: the folder of the backbones.
        deterministic: equal images give equal features, bit by bit, on the same machine.
        gpu_memory_mb: most megabytes to take of each GPU; None takes what is needed.

    Raises:
        ArtifactError: the weights or the splits are missing or damaged.
        TrainingError: a backbone takes no images of this size, or Keras cannot build it.
    """
    known = backbones.read_manifest(weights).backbones
    computed: dict[str, dict[str, SplitFeatures]] = {name: {} for name in known}
    parameters = {}
    if computed:
        device.detect(deterministic=deterministic, gpu_memory_mb=gpu_memory_mb)
        for split in splits:
            for name, file in known.items():
                network = feature_network(weights, file, split.image_shape)
                features = extract(network, split.images, label=f"{name}, {split.name}")
                path = folder / _file_name(file, split.name)
                np.save(path, features)
                parameters[name] = network.count_params()
                computed[name][split.name] = SplitFeatures(sha256=files.sha256(path), split_digest=split.digest)
    records.write(folder / MANIFEST, FeatureManifest(splits=computed, parameters=parameters))


def extract(network: Any, images: Images, *, label: str = "features") -> Features:
    """The features of images.

    Args:
        network: of `feature_network`, for images of this shape.
        images: uint8 (n, h, w, c), c is 1 or 3.
        label: of the progress bar.

    Returns:
        Float32 (n, f).
    """
    predict = compiled_predict(network)
    read, count = reader(images), len(images)
    size = min(images_at_once(images.shape[1:], BATCH_IMAGES), count)
    parts = []
    with progress.bar(label, count, "images") as advance:
        for start in range(0, count, size):
            rows = np.arange(start, min(start + size, count))
            parts.append(predict(read(rows)))
            advance(len(rows))
    return np.concatenate(parts)


def read(folders: FeatureFolders, train: Split, val: Split) -> FeatureContext:
    """What fits on features need.

    Args:
        folders: where they are.
        train: the training split, whose features they must be.
        val: the validation split, likewise.

    Raises:
        ArtifactError: a file is missing or damaged, or was computed from other images.
    """
    manifest = records.read(folders.features / MANIFEST, FeatureManifest, stage="features")
    known = backbones.read_manifest(folders.backbone).backbones
    features = {}
    for name in filter(known.__contains__, manifest.splits):
        # Of one's own archive only the layers up to the features are used.
        used = known[name].model_copy(update={"parameters": manifest.parameters[name]})
        arrays = (_read(folders.features, used, split, manifest.splits[name]) for split in (train, val))
        features[name] = BackboneFeatures(used, *arrays)
    return FeatureContext(train, val, features, folders.backbone)


def _read(folder: Path, weights: BackboneWeights, split: Split, splits: Mapping[str, SplitFeatures]) -> Features:
    path, fix = folder / _file_name(weights, split.name), records.remedy("features")
    recorded = splits.get(split.name)
    if recorded is None:
        raise ArtifactError(f"{path} does not exist", fix=fix)
    if recorded.split_digest != split.digest:
        raise ArtifactError(f"{path} was computed from other images than those of the {split.name} split", fix=fix)
    records.verify(path, recorded.sha256, stage="features")
    features: Features = np.load(path, allow_pickle=False)
    return features


def _file_name(weights: BackboneWeights, split: str) -> str:
    # Not the backbone's name, which may be a path.
    return f"{Path(weights.file).stem}-{split}.npy"
