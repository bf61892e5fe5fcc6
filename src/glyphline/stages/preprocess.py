"""preprocess: check the images, split them, and store them as arrays that later stages map into memory."""

import logging
import tempfile
from pathlib import Path

from glyphline import files, records
from glyphline.data import checks, raw, readers, samples, split, store
from glyphline.params import Params
from glyphline.paths import Paths

log = logging.getLogger(__name__)


def run(params: Params, paths: Paths) -> None:
    """Leave the splits under data/processed, a report of what was found, and a picture of some images per class."""
    manifest = raw.verified(paths.raw)
    dataset, classes = manifest.dataset, manifest.classes
    paths.processed.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.processed.parent, prefix=".decoded-") as scratch:
        parts = readers.read(paths.raw, manifest, size=params.preprocess.image_size, scratch=Path(scratch))
        checks.check(parts, classes)
        splits = split.choose(
            parts,
            classes,
            val_fraction=params.preprocess.val_fraction,
            test_fraction=params.preprocess.test_fraction,
            seed=params.seed,
        )
        found = checks.report(dataset, classes, splits)
        with files.whole_folder(paths.preprocess) as artifacts, files.whole_folder(paths.processed) as processed:
            for name, chosen in splits.items():
                part = chosen.part
                store.save(
                    processed / name, name, part.images, part.labels, classes=classes, dataset=dataset, rows=chosen.rows
                )
            records.write(artifacts / paths.preprocess_report.name, found)
            samples.write(artifacts / paths.samples.name, dataset, classes, splits["train"])
    counts = ", ".join(f"{name} {count:,}" for name, count in found.counts.items())
    log.info("%s: %s images of %s, %d classes", dataset, counts, " x ".join(map(str, found.image_shape)), len(classes))
    log.info("equal images within %s, across %s", found.duplicates_within, found.duplicates_across)
