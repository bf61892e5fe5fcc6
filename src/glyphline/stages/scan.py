"""scan: notice that images at data.path or one's own backbone changed, so that fetch or backbone runs again."""

import logging
from pathlib import Path

from glyphline import files, records
from glyphline.params import Params
from glyphline.params.model import OWN_BACKBONE
from glyphline.paths import Paths
from glyphline.records import BackboneScan, Scan

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths) -> None:
    """Leave data/scan.json, which is another file whenever the images at `data.path` are others, and backbones.json."""
    _scan_images(params, paths)
    _scan_backbones(params, paths)


def _scan_images(params: Params, paths: Paths) -> None:
    if params.data.path is None:
        records.write(paths.scan, Scan(source="catalogue", images=0, digest=None))
        return
    # Not needed for a data set of the catalogue: this stage runs each time.
    from glyphline.data import scan

    path = paths.home / Path(params.data.path).expanduser()
    before = records.read(paths.scan, Scan, stage="scan") if not path.exists() and paths.scan.is_file() else None
    if before is not None and before.source == path.name:
        log.warning("data.path: %s is not there, and what was fetched from it stays", path)
        return
    records.write(paths.scan, scan.scan(params.data, path, paths.scan_index))


def _scan_backbones(params: Params, paths: Paths) -> None:
    digests = {}
    for name in params.backbones:
        path = paths.home / Path(name).expanduser()
        if not name.endswith(OWN_BACKBONE):
            continue
        if path.is_file():
            digests[name] = files.sha256(path)
        elif paths.backbone_scan.is_file():
            before = records.read(paths.backbone_scan, BackboneScan, stage="scan").files
            if name in before:
                log.warning("model.backbone: %s is not there, and the copy of it stays", path)
                digests[name] = before[name]
    records.write(paths.backbone_scan, BackboneScan(files=digests))
