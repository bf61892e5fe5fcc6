"""Networks that have seen ImageNet: which there are, and their weights as published; no layer is built here."""

from glyphline.backbones.catalogue import CATALOGUE, Backbone, find
from glyphline.backbones.weights import MANIFEST, arrays, fetch, read_manifest, verified

__all__ = ["CATALOGUE", "MANIFEST", "Backbone", "arrays", "fetch", "find", "read_manifest", "verified"]
