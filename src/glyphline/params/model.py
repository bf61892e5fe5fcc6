"""The section `model` of params.yaml: which network is built."""

from typing import Annotated

from pydantic import Field

from glyphline.params.section import LIST_AS_TUPLE, Section

FilterCounts = Annotated[
    tuple[Annotated[int, Field(ge=1, le=1024)], ...], Field(min_length=1, max_length=8), LIST_AS_TUPLE
]

PRETRAINED = "pretrained"
"""The `kind` that learns on the features of a backbone."""
OWN_BACKBONE = ".keras"
"""What the path of a person's own backbone ends in."""


class ModelParams(Section):
    """The network."""

    kind: str = Field(
        max_length=200,
        pattern=r"^(cnn|resnet|pretrained|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$",
        description="cnn, resnet, pretrained (a head on the features of `backbone`), or your own `module:function`, "
        "which may read every field of this section.",
    )
    backbone: str = Field(
        min_length=1,
        max_length=200,
        description="With kind pretrained, the network whose features are used: a name in docs/backbones.md, or the "
        "path of your own .keras archive. Its weights stay as they are, unless train.tune_backbone says otherwise.",
    )
    filters: FilterCounts = Field(description="Filters of each block; each block halves height and width.")
    depth: int = Field(
        ge=1, le=16, description="Convolutions per block of a cnn, residual units per block of a resnet."
    )
    first_kernel_size: int = Field(ge=1, le=11, description="Side of the first convolution's kernels in pixels.")
    first_stride: int = Field(
        ge=1,
        le=2,
        description="Step of a cnn's first convolution in pixels; 2 halves the images there and leaves out the first"
        " pooling, which is faster and a little less accurate.",
    )
    kernel_size: int = Field(ge=1, le=11, description="Side of all later kernels in pixels.")
    batch_norm: bool = Field(description="Normalise each convolution's output over the batch.")
    dense_units: int = Field(ge=0, le=8192, description="Units of the hidden dense layer; 0 for none.")
    dropout: float = Field(
        ge=0, lt=1, description="Part of the inputs of the last layer that a training step leaves out."
    )
    members: int = Field(
        ge=1, le=64, description="Networks of this kind, each learning on its own, whose mean probabilities count."
    )
