"""Images that stay on the device: the fit is fed indices, and the compiled step gathers the pixels."""

from typing import Any

from glyphline.training.loading import load
from glyphline.values import Split


class Resident:
    """A split whose pixels lie on the device once, however many fits read them.

    Bit-identical to feeding the images themselves, and faster: what crosses to the device per step is 4 bytes an image.
    """

    def __init__(self, split: Split) -> None:
        keras, _ = load()
        self.split = split
        self.images = keras.Variable(split.images, dtype="uint8", trainable=False, name="images")

    def fed_by_index(self, model: Any) -> Any:
        """A model int32 (n,) -> what `model` says of the images with these numbers; it shares `model`'s weights."""
        keras, _ = load()
        images = self.images

        class Gather(keras.layers.Layer):  # type: ignore[name-defined, misc]
            def call(self, indices: Any) -> Any:
                return keras.ops.take(images, indices, axis=0)

            def compute_output_spec(self, indices: Any) -> Any:
                return keras.KerasTensor((*indices.shape, *images.shape[1:]), dtype="uint8")

        indices = keras.Input((), dtype="int32", name="indices")
        return keras.Model(indices, model(Gather(name="gather", dtype="uint8")(indices)), name="fed_by_index")
