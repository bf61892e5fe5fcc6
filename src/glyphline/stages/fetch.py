"""fetch: bring the images of `data.dataset`, or the user's own images, into data/raw."""

import logging
from pathlib import Path

from glyphline import files, records
from glyphline.data import bundled, catalogue, download, own_images
from glyphline.data.raw import MANIFEST
from glyphline.downloads import Sources, find_mirror
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import RawManifest

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths) -> None:
    """Leave data/raw: the files as published, and a manifest with licence, citation, sources, digests and counts."""
    data = params.data
    with files.atomic_folder(paths.raw) as folder:
        if data.path is not None:
            if data.dataset in catalogue.CATALOGUE:
                log.warning("data.path is set: the data set of the images there will be called %s", data.dataset)
            path = paths.home / Path(data.path).expanduser()
            manifest = own_images.fetch(data, path, folder, scratch=paths.scratch)
        else:
            entry = catalogue.find(data.dataset)
            if entry.reader == "bundled":
                fetched = {bundled.NAME: bundled.fetch(folder)}
            else:
                mirror = find_mirror(data.mirror, paths.home)
                fetched = download.fetch(entry, folder, Sources(mirror, paths.partials, data.timeout_s))
            manifest = RawManifest(
                dataset=entry.name,
                licence=entry.licence,
                citation=entry.citation,
                reader=entry.reader,
                files=fetched,
                counts=dict(entry.counts),
                classes=entry.classes,
            )
        records.write(folder / MANIFEST, manifest)
    counts = " and ".join(f"{count:,} {split}" for split, count in manifest.counts.items())
    size_mb = sum(file.size_bytes for file in manifest.files.values()) / 1e6
    log.info("%s: %s images, %.1f MB, licence: %s", manifest.dataset, counts, size_mb, manifest.licence)
