"""The only room that knows Keras and TensorFlow: network, fit, archive, prediction.

Importing the package loads neither; each function loads them when it is called.
"""

from glyphline.training.fit import Fitted, Setting, fit, prepare
from glyphline.training.predict import Prediction, predict

__all__ = ["Fitted", "Prediction", "Setting", "fit", "predict", "prepare"]
