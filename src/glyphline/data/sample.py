"""Some of a person's training images, drawn at random, as splits to try something on before all of them are fetched."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glyphline.data import decoding, folders, listing, own_images, store
from glyphline.data.bad_files import BadFiles
from glyphline.data.listing import ListedImage, Listing
from glyphline.data.originals import OriginalImages
from glyphline.data.split import stratified
from glyphline.params.schema import DataParams
from glyphline.pictures import Resizing

LEAST = 2
"""Images of a class: one to learn from and one to ask about."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Images that can be decoded, with their labels.

    Attributes:
        root: the folder that the files lie in.
        images: two or more of each class.
        digests: path below `root` -> SHA-256.
    """

    root: Path
    images: tuple[ListedImage, ...]
    digests: Mapping[str, str]

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of their numbers."""
        return listing.classes(self.images)

    def save(self, split: Callable[[str], Path], resizing: Resizing, scratch: Path, *, val_fraction: float) -> None:
        """Decode the images, and store them as a training and a validation split.

        Args:
            split: name of a split -> its folder.
            resizing: the size, and how the images get it.
            scratch: where the decoded images go.
            val_fraction: part of the images that the validation split gets.
        """
        names = [image.file for image in self.images]
        decoded = decoding.decode({"sample": OriginalImages(self.root, self.digests, names)}, scratch, resizing)
        numbers = {name: number for number, name in enumerate(self.classes)}
        labels = np.array([numbers[image.label] for image in self.images], dtype=np.int64)
        rows = stratified(labels, self.classes, val_fraction, np.random.SeedSequence(0))
        for name, chosen in zip(("train", "val"), rows, strict=True):
            store.save(
                split(name), name, decoded["sample"], labels, classes=self.classes, dataset="sample", rows=chosen
            )


def draw(data: DataParams, path: Path, *, most: int) -> Sample:
    """Draw training images, of each class in proportion, and leave out those that cannot be decoded.

    Args:
        data: how columns are called, and whether labels are joined.
        path: a folder or a table.
        most: how many images to draw, but two of each class in any case.

    Returns:
        The sample; classes that have fewer than two images in it are left out.

    Raises:
        DataError: as `own_images.listed` does.
    """
    given = own_images.listed(path, data)
    by_class: defaultdict[str, list[ListedImage]] = defaultdict(list)
    for image in sorted(given.images, key=lambda image: image.file):
        if image.split == "train":
            by_class[image.label].append(image)
    share = min(1.0, most / sum(map(len, by_class.values())))
    random = np.random.default_rng(0)
    drawn = [
        images[row]
        for images in by_class.values()
        for row in random.permutation(len(images))[: max(LEAST, round(share * len(images)))]
    ]
    bad = BadFiles(given.root, len(drawn), policy="skip", max_share=1.0)
    digests = folders.check(Listing(given.root, drawn, []), bad)
    usable: defaultdict[str, list[ListedImage]] = defaultdict(list)
    for image in drawn:
        if image.file in digests:
            usable[image.label].append(image)
    kept = (images for images in usable.values() if len(images) >= LEAST)
    return Sample(given.root, tuple(image for images in kept for image in images), digests)
