"""The images of one official part of a data set, before they are split."""

from collections.abc import Mapping
from dataclasses import dataclass

from glyphline.values import Images, Labels


@dataclass(frozen=True, slots=True)
class Part:
    """Images and labels of one length.

    Attributes:
        images: uint8 (n, h, w, c), memory-mapped where the source allows it.
        labels: int64 (n,), index into the class names.
    """

    images: Images
    labels: Labels


Parts = Mapping[str, Part]
"""`train`, and `test` where the data set comes with an official one."""
