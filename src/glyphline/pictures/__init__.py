"""Encoded images as arrays of pixels: one definition of what is read, of its colours, and of how it gets its size.

Whoever reads images, from an archive or from a request, reads them here, so that a model sees the same pixels from all.
"""

from glyphline.pictures.decoding import CHANNELS, as_array, resized, verify
from glyphline.pictures.fitting import Resizing
from glyphline.pictures.formats import SUFFIXES, is_grey, opened

__all__ = ["CHANNELS", "SUFFIXES", "Resizing", "as_array", "is_grey", "opened", "resized", "verify"]
