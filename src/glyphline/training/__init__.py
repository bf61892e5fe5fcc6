"""The only room that knows Keras and TensorFlow: networks, fit, checkpoint, archive, prediction.

Importing the package loads neither; each function loads them when it is called.
"""

from glyphline.training.archive import open_model
from glyphline.training.baselines import weakness
from glyphline.training.classifier import Classifier, open_classifier
from glyphline.training.code_digest import code_digest
from glyphline.training.device import Device
from glyphline.training.feature_function import feature_function
from glyphline.training.features import FeatureFolders
from glyphline.training.features import write as write_features
from glyphline.training.fit import fit
from glyphline.training.fit_context import FitContext, head_context, prepare
from glyphline.training.fitted import Fitted
from glyphline.training.heads import FeatureContext
from glyphline.training.keras_import import DEFAULT_BACKEND, backend_name
from glyphline.training.scarcity import shortcomings

__all__ = [
    "DEFAULT_BACKEND",
    "Classifier",
    "Device",
    "FeatureContext",
    "FeatureFolders",
    "FitContext",
    "Fitted",
    "backend_name",
    "code_digest",
    "feature_function",
    "fit",
    "head_context",
    "open_classifier",
    "open_model",
    "prepare",
    "shortcomings",
    "weakness",
    "write_features",
]
