"""backbone: bring the weights of the backbones that params.yaml names, before anything is trained."""

import logging
from collections.abc import Mapping

from glyphline import backbones, files, records
from glyphline.backbones import CATALOGUE, Backbone
from glyphline.downloads import Sources, find_mirror
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Backbones

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths, catalogue: Mapping[str, Backbone] = CATALOGUE) -> None:
    """Leave artifacts/backbone: the weights as published, and a manifest with licence, citation, source and digest."""
    with files.atomic_folder(paths.backbone) as folder:
        fetched = {}
        for name in params.backbones:
            sources = Sources(find_mirror(params.data.mirror, paths.home), paths.partials, params.data.timeout_s)
            fetched[name] = backbones.fetch(name, folder, project=paths.home, sources=sources, catalogue=catalogue)
        records.write(folder / backbones.MANIFEST, Backbones(backbones=fetched))
    for name, weights in fetched.items():
        text = "%s: %s weights, %.1f MB, licence: %s, from %s"
        log.info(text, name, f"{weights.parameters:,}", weights.size_bytes / 1e6, weights.licence, weights.source)
