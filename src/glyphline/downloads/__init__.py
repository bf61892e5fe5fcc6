"""Published files of any kind: from a local mirror or from the network, resumed where a download broke off."""

from glyphline.downloads.mirror import find_mirror
from glyphline.downloads.sources import Download, Sources, fetch
from glyphline.downloads.transfer import GZIP, HDF5, FileKind, SourceError

__all__ = ["GZIP", "HDF5", "Download", "FileKind", "SourceError", "Sources", "fetch", "find_mirror"]
