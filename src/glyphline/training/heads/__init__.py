"""The last layers of a classifier on features that were computed before: fitted in milliseconds, without Keras."""

from glyphline.training.heads.classifier import head_layers
from glyphline.training.heads.context import FeatureContext
from glyphline.training.heads.fit import fit, parameter_count

__all__ = ["FeatureContext", "fit", "head_layers", "parameter_count"]
