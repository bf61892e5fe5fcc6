"""What a network hands to its last dense layer: the features that it tells the classes apart by."""

from typing import Any

from glyphline.training.keras_import import import_keras

MOST_FEATURES = 1 << 14
"""Of an image: the features of 2,000 images then take 131 MB."""
PASSED_THROUGH = frozenset({"Softmax", "Activation", "Average", "Dropout", "Identity"})


def feature_model(model: Any) -> Any | None:
    """A model with the layers and the input of another one, which gives the inputs of its last dense layer.

    Of a model of several members it gives those of all, one after the other.

    Args:
        model: uint8 images (n, h, w, c) -> float32 (n, classes), a functional model, also one of nested models.

    Returns:
        Images -> (n, f); None where the network does not end in a dense layer, or f would be above `MOST_FEATURES`.
    """
    keras = import_keras()
    found = _last_inputs(model)
    if not found or sum(tensor.shape[-1] for tensor in found) > MOST_FEATURES:
        return None
    features = keras.layers.Concatenate(dtype="float32")(found) if len(found) > 1 else found[0]
    return keras.Model(model.inputs, features)


def _last_inputs(model: Any) -> list[Any]:
    """Symbolic features, one for each of the model's members; empty where they are not found."""
    keras = import_keras()
    found: list[Any] = []
    waiting = list(model.outputs)
    while waiting:
        layer, node, _ = waiting.pop(0)._keras_history  # noqa: SLF001
        inputs = layer._inbound_nodes[node].input_tensors  # noqa: SLF001
        if isinstance(layer, keras.layers.Dense) and len(inputs[0].shape) == 2:
            found.append(inputs[0])
        elif isinstance(layer, keras.Model):
            inner = feature_model(layer)
            if inner is None:
                return []
            found.append(inner(inputs[0]))
        elif type(layer).__name__ in PASSED_THROUGH:
            waiting += inputs
        else:
            return []
    return found
