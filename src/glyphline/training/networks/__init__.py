"""The networks: each a function from symbolic images to symbolic logits, written against Keras 3 and no backend."""

from glyphline.training.networks.build import Network, build, examine

__all__ = ["Network", "build", "examine"]
