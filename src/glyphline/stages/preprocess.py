"""preprocess: check the images, split them, and store them as arrays that later stages map into memory."""

import logging
from collections.abc import Mapping

from glyphline import files, records
from glyphline.data import (
    checks,
    fit_samples,
    near_duplicates,
    originals,
    pair_sheet,
    raw,
    readers,
    samples,
    split,
    store,
)
from glyphline.params import Params
from glyphline.paths import Paths
from glyphline.pictures import Resizing
from glyphline.records import PreprocessReport
from glyphline.scratch import scratch_folder

log = logging.getLogger(__name__)

# Below it, no image uses the highest of the eight bits.
HALF_WHITE = 128


def run(params: Params, paths: Paths) -> None:
    """Leave the splits under data/processed, a report about the images, and pictures of them."""
    manifest = raw.verified(paths.raw)
    dataset, classes, wanted = manifest.dataset, manifest.classes, params.preprocess
    below = originals.folder(manifest, paths.home)
    resizing = Resizing(*wanted.image_size, wanted.fit) if wanted.image_size else None
    with scratch_folder(paths.scratch, "decoded") as scratch:
        official = readers.read(
            paths.raw, manifest, resizing=resizing, scratch=scratch, group=wanted.group, below=below
        )
        checks.check(official, classes)
        near = near_duplicates.of_splits(official, wanted.near_duplicates)
        splits = split.divide(
            official,
            classes,
            val_fraction=wanted.val_fraction,
            test_fraction=wanted.test_fraction,
            seed=params.split_seed,
            together=near.pairs.tolist() if near and wanted.near_duplicates == "together" else (),
        )
        split_of_row = split.split_of_rows(official, splits) if near else []
        report = checks.report(dataset, classes, splits, near, split_of_row)
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
                fit_samples.write(
                    artifacts / paths.fit_samples.name, paths.raw, classes, splits["train"], resizing, below=below
                )
            if near and len(near.pairs):
                pair_sheet.write(artifacts / paths.near_duplicates.name, official, classes, near, split_of_row)
    _say(report)


def _say(report: PreprocessReport) -> None:
    if (peak := report.pixel_range[1]) < HALF_WHITE:
        log.warning("the brightest pixel is %d, and white is 255: were the images scaled to 8 bits?", peak)
    counts = ", ".join(f"{name} {count:,}" for name, count in report.counts.items())
    shape = " x ".join(map(str, report.image_shape))
    log.info("%s: %s images of %s, %d classes", report.dataset, counts, shape, len(report.classes))
    equal = (_listed(report.duplicates_within), _listed(report.duplicates_across))
    log.info("equal images within splits: %s; across splits: %s", *equal)
    if near := report.near_duplicates:
        log.info(
            "pairs of near-duplicates within splits: %s; across splits: %s; the largest group has %d images",
            *(_listed(near.within), _listed(near.across), near.largest_group),
        )
        if sum(near.across.values()):
            log.warning(
                "some pictures of one split show what one of another shows: artifacts/preprocess/near_duplicates.png;"
                " preprocess.near_duplicates: together keeps them in one split"
            )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count) or "none"
