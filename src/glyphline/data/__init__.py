"""Images: where they come from, how they are read, checked and split, and the arrays that the later stages load.

Only the array store is imported here: training and evaluation need no catalogue, no download and no Pillow.
"""

from glyphline.data.store import load, save

__all__ = ["load", "save"]
