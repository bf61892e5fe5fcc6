"""preprocess: check the images, split them, and store them as arrays that later stages map into memory."""

import logging

from glyphline import files, records
from glyphline.data import checks, fit_samples, raw, readers, samples, split, store
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.pictures import Resizing
from glyphline.scratch import scratch_folder

log = logging.getLogger(__name__)

# Below it, no image uses the highest of the eight bits.
HALF_WHITE = 128


def run(params: Params, paths: Paths) -> None:
    """Leave the splits under data/processed, a report about the images, and a picture of some images per class."""
    manifest = raw.verified(paths.raw)
    dataset, classes = manifest.dataset, manifest.classes
    size = params.preprocess.image_size
    resizing = Resizing(*size, params.preprocess.fit) if size else None
    with scratch_folder(paths.scratch, "decoded") as scratch:
        group = params.preprocess.group
        official = readers.read(paths.raw, manifest, resizing=resizing, scratch=scratch, group=group)
        checks.check(official, classes)
        splits = split.divide(
            official,
            classes,
            val_fraction=params.preprocess.val_fraction,
            test_fraction=params.preprocess.test_fraction,
            seed=params.split_seed,
        )
        report = checks.report(dataset, classes, splits)
        with files.atomic_folder(paths.preprocess) as artifacts, files.atomic_folder(paths.processed) as processed:
            for name, chosen in splits.items():
                store.save(
                    processed / name,
                    name,
                    chosen.source.images,
                    chosen.source.labels,
                    classes=classes,
                    dataset=dataset,
                    rows=chosen.rows,
                    bad_files=manifest.bad_files,
                )
            records.write(artifacts / paths.preprocess_report.name, report)
            samples.write(artifacts / paths.samples.name, dataset, classes, splits["train"])
            if resizing and manifest.reader == "folder":
                fit_samples.write(artifacts / paths.fit_samples.name, paths.raw, classes, splits["train"], resizing)
    if (peak := report.pixel_range[1]) < HALF_WHITE:
        log.warning("the brightest pixel is %d, and white is 255: were the images scaled to 8 bits?", peak)
    counts = ", ".join(f"{name} {count:,}" for name, count in report.counts.items())
    log.info("%s: %s images of %s, %d classes", dataset, counts, " x ".join(map(str, report.image_shape)), len(classes))
    log.info("equal images within %s, across %s", report.duplicates_within, report.duplicates_across)
