"""The section `train` of params.yaml: how the network is fitted."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from glyphline.params.section import Section


class AugmentParams(Section):
    """How training images are varied, differently in every epoch; 0 and none leave them as they are.

    Lengths are parts of the image's side, so that they mean the same at every size.
    """

    shift: float = Field(ge=0, le=0.5, description="Largest shift along each side, as a part of it.")
    rotation_deg: float = Field(ge=0, le=180, description="Largest rotation to either side, in degrees.")
    zoom: float = Field(ge=0, le=0.9, description="Largest stretching or shrinking of each side, as a part of it.")
    elastic: float = Field(
        ge=0, le=0.5, description="Standard deviation of a smooth random warp, as a part of the side."
    )
    cutout: float = Field(ge=0, lt=1, description="Side of a square set to black, as a part of the image's side.")
    flip: Literal["none", "horizontal", "vertical", "both"] = Field(
        description="Mirror half of the images: only where a mirrored image keeps its label, so not for digits."
    )
    crop: float = Field(
        ge=0, le=0.95, description="Largest part of the area that a random crop, resized to the whole, leaves out."
    )
    brightness: float = Field(ge=0, le=1, description="Most that is added to all pixels or taken off; 1 is white.")
    contrast: float = Field(
        ge=0, le=1, description="Largest change of each pixel's distance from the mean of its image, as a part of it."
    )
    saturation: float = Field(
        ge=0, le=1, description="Largest change of the saturation of the colours, as a part of it; 0 for grey images."
    )
    hue: float = Field(
        ge=0, le=0.5, description="Largest turn of the colours, as a part of the circle of hues; 0 for grey images."
    )
    mix: Literal["none", "mixup", "cutmix"] = Field(
        description="Put a part of another image over each: mixup, both shine through; cutmix, a box. Labels mix alike."
    )
    mix_alpha: float = Field(
        gt=0,
        le=10,
        description="How evenly images mix: the parts are drawn from Beta(alpha, alpha). 0.2 little, 1 more.",
    )


TuneBackbone = Literal["none", "all"] | Annotated[int, Field(ge=1)]


class TrainParams(Section):
    """The fit of the final model."""

    epochs: int = Field(ge=1, le=10_000, description="Passes over the training split.")
    batch_size: int = Field(ge=1, le=65_536, description="Images per step, over all GPUs together.")
    optimizer: Literal["adamw", "sgd"] = Field(
        description="adamw (without weight decay the same as Adam), or sgd with Nesterov momentum."
    )
    learning_rate: float = Field(gt=0, le=1, description="Peak step size of the schedule.")
    momentum: float = Field(ge=0, lt=1, description="Momentum of sgd, beta 1 of adamw.")
    beta_2: float = Field(ge=0, lt=1, description="Memory of adamw for squared gradients; shorter suits short fits.")
    weight_decay: float = Field(ge=0, le=1, description="Part of each weight taken off per step, times the step size.")
    schedule: Literal["cosine", "constant"] = Field(
        description="The step size after the warm-up; cosine after a warm-up of a quarter is known as one-cycle."
    )
    warmup: float = Field(ge=0, lt=1, description="Part of all steps in which the step size rises to its peak.")
    label_smoothing: float = Field(
        ge=0, lt=1, description="Part of each label that is spread over all classes, in loss and val_loss."
    )
    class_weight: Literal["none", "balanced"] = Field(
        description="balanced: in the training loss, and only there, each class counts as much as any other."
    )
    patience: int = Field(
        ge=1,
        le=10_000,
        description="Epochs without a better val_loss before the fit stops; from `epochs` on, it never stops early.",
    )
    tune_backbone: TuneBackbone = Field(
        description="With kind pretrained, which layers of the backbone learn too, after a first epoch of the head: "
        "none, all, or so many of the last ones. Batch normalisation stays as it is and does not count."
    )
    backbone_rate: float = Field(
        gt=0, le=1, description="Step size of the backbone's weights, as a part of that of the other weights."
    )
    augment: AugmentParams
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        description="Of the layers; weights, logits and loss stay float32. auto: bfloat16 where the hardware has it."
    )
    xla: Literal["auto", "on", "off"] = Field(
        description="Compile the step with XLA. auto: on a GPU, when the fit need not be deterministic."
    )
    deterministic: bool = Field(description="The same seed gives the same weights, bit by bit, on the same machine.")
    memory_mb: int = Field(ge=1, description="Megabytes of training images above which they stream from disk.")
    gpu_memory_mb: int | None = Field(ge=64, description="Most megabytes to take of each GPU. Null: what is needed.")

    def steps_per_epoch(self, images: int) -> int:
        """Batches that so many training images make."""
        return math.ceil(images / self.batch_size)

    @model_validator(mode="after")
    def xla_is_possible(self) -> Self:
        """Keras leaves XLA out without a word when operations have to be deterministic."""
        if self.xla == "on" and self.deterministic:
            raise ValueError("xla=on needs deterministic=false: XLA promises no order of sums")
        return self
