"""scan: notice that images at data.path were added, changed or taken away, so that fetch runs again."""

import logging
from pathlib import Path

from glyphline import records
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.records import Scan

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths) -> None:
    """Leave data/scan.json, which is another file whenever the images at `data.path` are others."""
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
