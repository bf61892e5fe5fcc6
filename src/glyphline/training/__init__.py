"""The only room that knows Keras and TensorFlow: network, fit, archive, prediction.

Importing the package loads neither; each function loads them when it is called.
"""

from glyphline.training.classifier import Classifier, open_classifier
from glyphline.training.fit import Fitted, Setting, fit, prepare

__all__ = ["Classifier", "Fitted", "Setting", "fit", "open_classifier", "prepare"]
