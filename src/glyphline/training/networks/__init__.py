"""The networks: each a function from symbolic images to symbolic logits, written against Keras 3 and no backend."""

from glyphline.training.networks.build import Network, build, check_network

__all__ = ["Network", "build", "check_network"]
