"""What a model card is written from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glyphline.evaluation.explanations import Explanations
from glyphline.records import Cost, Evaluation, Training


@dataclass(frozen=True, slots=True)
class DatasetSource:
    """Where the images come from.

    Attributes:
        licence: what may be done with them.
        citation: whom to name; empty where nobody is known.
    """

    licence: str
    citation: str


@dataclass(frozen=True, slots=True)
class RunOriginFacts:
    """What made the model.

    Attributes:
        run_key: of the run, in every journal and store.
        name: of the run, as people see it.
        seconds: that the training run took; None when its journal does not tell.
        facts: of its lineage, as the journal keeps them.
    """

    run_key: str
    name: str
    seconds: float | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """All that a card is written from.

    Attributes:
        trained: what train found.
        scores: what evaluate found.
        cost: what the model costs to keep and to ask.
        source: of the images.
        origin: of the model.
        why: the explanations that were drawn.
    """

    trained: Training
    scores: Evaluation
    cost: Cost
    source: DatasetSource
    origin: RunOriginFacts
    why: Sequence[Explanations | None]
