"""backbone: bring the weights of the backbones that params.yaml names, before anything is trained."""

import logging

from glyphline import backbones, files, records
from glyphline.params import Params
from glyphline.params.model import PRETRAINED
from glyphline.paths import Paths
from glyphline.records import Backbones

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths) -> None:
    """Leave artifacts/backbone: the weights as published, and a manifest with licence, citation, source and digest."""
    with files.atomic_folder(paths.backbone) as folder:
        fetched = {name: backbones.fetch(name, folder) for name in needed(params)}
        records.write(folder / backbones.MANIFEST, Backbones(backbones=fetched))
    for name, weights in fetched.items():
        text = "%s: %s weights, %.1f MB, licence: %s, from %s"
        log.info(text, name, f"{weights.parameters:,}", weights.size_bytes / 1e6, weights.licence, weights.source)


def needed(params: Params) -> tuple[str, ...]:
    """The backbones that training and search may use, by name: those of the search are there before it begins."""
    if params.model.kind != PRETRAINED:
        return ()
    entry = params.tune.space.get("model.backbone")
    return tuple(dict.fromkeys((params.model.backbone, *map(str, (entry.choices if entry else None) or ()))))
