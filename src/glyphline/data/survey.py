"""What a person's images are like: how many of which class, in which sizes. Nothing is copied; a sample is opened."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags

from glyphline import pictures
from glyphline.data import folders, groups, listing, npz, own_images
from glyphline.data.table import metadata_of
from glyphline.errors import PipelineError
from glyphline.params.schema import DataParams
from glyphline.pictures.decoding import LYING, verify
from glyphline.scratch import scratch_folder

SAMPLE = 400
"""Files that are opened, evenly spaced over the list."""
ARRAYS = "arrays"
"""The layout of an .npz file."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The facts that parameters are chosen by.

    Attributes:
        layout: how the images lie, in words.
        counts: split -> class -> images.
        sizes: heights and widths in pixels, upright, of the files that were opened.
        bad: why a file that was opened is no image, for each that is none.
        groups: how many groups of images are to stay in one split; None where none are known.
    """

    layout: str
    counts: Mapping[str, Counter[str]]
    sizes: tuple[tuple[int, int], ...]
    bad: tuple[str, ...] = ()
    groups: int | None = None


def survey(data: DataParams, path: Path, scratch: Path, *, group: str | None = None) -> Survey:
    """Look at what a person gives.

    Args:
        data: how columns are called, and whether labels are joined.
        path: a folder, a table or an .npz file.
        scratch: parent of the folders that are needed for a moment.
        group: the pattern that finds an image's group in its path; None for the groups of a table.

    Raises:
        DataError: there are no images, they lie in no order that can be read, are too few for splits, or their groups
            cannot be divided.
    """
    if path.is_file() and path.suffix.lower() == ".npz":
        return _of_arrays(data, path, scratch)
    given = own_images.listed(path, data)
    listing.check(given.root, given.images)
    group_numbers = groups.numbers(given.images, group)
    if group_numbers is not None:
        groups.check(given.images, group_numbers, group)
    counts: dict[str, Counter[str]] = {}
    for image in given.images:
        counts.setdefault(image.split, Counter())[image.label] += 1
    sizes, bad = _sample(given.root, sorted(image.file for image in given.images))
    return Survey(
        layout=_layout(path),
        counts=counts,
        sizes=sizes,
        bad=bad,
        groups=None if group_numbers is None else int(group_numbers.max()) + 1,
    )


def _layout(path: Path) -> str:
    if not path.is_dir():
        return f"a table, {path.name}"
    tables = sorted(str(table.relative_to(path)) for table in metadata_of(path))
    return f"a table, {' and '.join(tables)}" if tables else "class folders"


def _of_arrays(data: DataParams, path: Path, scratch: Path) -> Survey:
    with scratch_folder(scratch, "unpacked") as unpacked:
        arrays = npz.read(path, unpacked)
        npz.classes(arrays, where=str(path), normalise=data.normalise_labels)
        height, width = arrays["train"].images.shape[1:3]
        counts = {split: Counter(map(str, part.labels.tolist())) for split, part in arrays.items()}
    return Survey(layout=ARRAYS, counts=counts, sizes=((height, width),))


def _sample(root: Path, names: Sequence[str]) -> tuple[tuple[tuple[int, int], ...], tuple[str, ...]]:
    sizes, bad = [], []
    for name in names[:: -(-len(names) // SAMPLE)]:
        if error := folders.no_image_file(root / name):
            bad.append(str(error))
            continue
        try:
            content = (root / name).read_bytes()
            # The whole of it: fetch will not take half a photograph.
            verify(content, name)
            image = pictures.opened(content, name)
        except (PipelineError, OSError) as unreadable:
            bad.append(str(unreadable))
            continue
        width, height = image.size
        turned = image.getexif().get(ExifTags.Base.Orientation) in LYING
        sizes.append((width, height) if turned else (height, width))
    return tuple(sizes), tuple(bad)
