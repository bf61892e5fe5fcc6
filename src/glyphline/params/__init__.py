"""params.yaml: its schema, its only reader, and the explanation of what is wrong in it."""

from glyphline.params.reading import overlay, read
from glyphline.params.schema import Params

__all__ = ["Params", "overlay", "read"]
