"""The only room that knows Keras and TensorFlow: networks, fit, checkpoint, archive, prediction.

Importing the package loads neither; each function loads them when it is called.
"""

from glyphline.training.archive import open_model
from glyphline.training.classifier import Classifier, open_classifier
from glyphline.training.fit import Fitted, fit
from glyphline.training.setting import Setting, prepare
from glyphline.training.source import code_digest

__all__ = ["Classifier", "Fitted", "Setting", "code_digest", "fit", "open_classifier", "open_model", "prepare"]
