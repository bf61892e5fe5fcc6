"""The section `registry` of params.yaml: names, keys, and what a version must reach to become champion."""

from typing import Literal, Self

from pydantic import Field, model_validator

from glyphline.params.section import Section


class GateParams(Section):
    """What a version must reach besides `registry.min_accuracy` to become champion; null asks for nothing."""

    min_balanced_accuracy: float | None = Field(
        ge=0, le=1, description="Lowest balanced accuracy, the mean of the recalls of the classes."
    )
    min_class_recall: float | None = Field(ge=0, le=1, description="Lowest accuracy that any one class may have.")
    max_calibration_error: float | None = Field(ge=0, le=1, description="Largest expected calibration error.")
    max_robustness_loss: float | None = Field(
        ge=0, le=1, description="Largest loss of accuracy on corrupted images, against the clean ones."
    )
    max_latency_ms: float | None = Field(gt=0, description="Largest median time for one image, in milliseconds.")
    max_model_bytes: int | None = Field(gt=0, description="Largest size of the .keras archive.")
    against_champion: Literal["better_score", "better", "non_inferior"] = Field(
        description="Against the champion, on the same test images: better_score, no more errors and a better Brier"
        " score beyond luck; better, fewer errors beyond luck; non_inferior, not worse by `margin`.",
    )
    alpha: float = Field(
        gt=0,
        lt=0.5,
        description="Probability of a promotion by luck: better_score in each comparison, better and non_inferior over"
        " all comparisons on one test split.",
    )
    margin: float = Field(
        gt=0, le=0.5, description="Loss of accuracy that non_inferior allows, and a gain worth showing; a fraction."
    )


class RegistryParams(Section):
    """How a finished model is registered."""

    name: str | None = Field(
        min_length=1,
        max_length=128,
        pattern=r"^[\w.-]+$",
        description="Name of the model in MLflow's registry. Null: `glyphline-` and the name of the data set.",
    )
    min_accuracy: float = Field(ge=0, le=1, description="Test accuracy below which no version becomes champion.")
    gate: GateParams
    require_signature: bool = Field(description="Promote only versions whose files carry a valid signature.")
    signing_key: str | None = Field(
        description="Private key, PEM, that `register` signs with; a path. Null: no signature.",
    )
    verification_key: str | None = Field(description="Public key, PEM, that signatures are checked with; a path.")

    @model_validator(mode="after")
    def signatures_can_be_checked(self) -> Self:
        """A signature that nobody can check would block every promotion."""
        if self.require_signature and self.verification_key is None:
            raise ValueError("require_signature: true needs registry.verification_key, and it is null")
        return self
