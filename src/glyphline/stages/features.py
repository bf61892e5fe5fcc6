"""features: what the backbones make of the images of training and validation split, computed once."""

from glyphline import data, files, training
from glyphline.params import Params
from glyphline.paths import Paths


def run(params: Params, paths: Paths) -> None:
    """Leave artifacts/features: an array for each backbone and split, and a manifest with their digests."""
    with files.atomic_folder(paths.features) as folder:
        training.write_features(
            folder,
            (data.load(paths.split(name)) for name in ("train", "val")),
            paths.backbone,
            deterministic=params.train.deterministic,
            gpu_memory_mb=params.train.gpu_memory_mb,
        )
