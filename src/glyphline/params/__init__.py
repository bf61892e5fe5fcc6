"""params.yaml: its schema, its only reader, and the explanation of what is wrong in it."""

from glyphline.params.schema import Params
from glyphline.params.yaml_reader import overlay, read

__all__ = ["Params", "overlay", "read"]
