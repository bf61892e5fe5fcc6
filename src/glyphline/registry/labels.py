"""What a version shows in MLflow's pages: tags and a description. They repeat the log; nothing is decided by them."""

import json
from collections.abc import Mapping

from glyphline.paths import MODEL_CARD
from glyphline.records import Evaluation
from glyphline.registry import judgement
from glyphline.registry.gate import DECIMALS
from glyphline.registry.log_events import VersionJudged
from glyphline.registry.registered_model import HIDDEN, RegisteredModel
from glyphline.registry.state import RegistryState

DIGEST_CHARACTERS = 12
MAX_DESCRIPTION_CHARACTERS = 5000
"""What the description of a version can hold in MLflow's tables; SQLite alone would take more."""
VERDICT_TAG = "verdict"
ENTRY = "verdict_entry"
FILES_TAG = f"{HIDDEN}files"
NEVER = "never evaluated"


def tags(evaluation: Evaluation, commit: str | None) -> dict[str, str]:
    """The facts about a version: those for people short enough to be read in a table, the others hidden."""
    hidden = {
        "accuracy_low": _decimals(evaluation.accuracy_low),
        "accuracy_high": _decimals(evaluation.accuracy_high),
        "test_digest": evaluation.test_digest[:DIGEST_CHARACTERS],
        "weights_digest": evaluation.weights_digest[:DIGEST_CHARACTERS],
    }
    shown = scores(evaluation) | ({"commit": commit[:DIGEST_CHARACTERS]} if commit else {})
    return shown | {f"{HIDDEN}{name}": value for name, value in hidden.items()}


def scores(version: Evaluation | VersionJudged) -> dict[str, str]:
    """The tags about what was evaluated and what came of it."""
    return {"dataset": version.dataset, "accuracy": _decimals(version.accuracy)}


def verdict(judged: VersionJudged) -> dict[str, str]:
    """The tag about the decision of the gate."""
    return {VERDICT_TAG: "passed" if judged.promoted else "refused"}


def as_text(files: Mapping[str, str]) -> str:
    """Digests of files as the value of a tag."""
    return json.dumps(dict(files), sort_keys=True)


def write(model: RegisteredModel, judged: VersionJudged, state: RegistryState, card: str) -> None:
    """Write a judgement on its version: the verdict as a tag; the reasons and the card as description."""
    reasons = "; ".join(judgement.reasons(judged, state))
    values = {
        **verdict(judged),
        # Last: a process that dies before this leaves a version whose labels are written again.
        f"{HIDDEN}{ENTRY}": str(judged.seq),
    }
    model.set_labels(judged.version, values, description(card, model.name, judged, reasons))


def description(card: str, name: str, judged: VersionJudged, reasons: str) -> str:
    """The card of a version under the decision about it."""
    outcome = "Became champion" if judged.promoted else "Did not become champion"
    text = card.replace("models:/NAME", f"models:/{name}").replace(f"{name}/VERSION", f"{name}/{judged.version}")
    # Without markup: the table of versions shows the first line as it is written.
    return shortened(f"{outcome}: {reasons}.\n\n{text}")


def shortened(markdown: str, limit: int = MAX_DESCRIPTION_CHARACTERS) -> str:
    """The sections of a text that fit, in their order, and where the rest is."""
    if len(markdown) <= limit:
        return markdown
    rest = f"\n\n*The card goes on in `{MODEL_CARD}` among the artifacts of the source run.*\n"
    sections = markdown.split("\n\n## ")
    while len(sections) > 1 and len("\n\n## ".join(sections)) + len(rest) > limit:
        sections.pop()
    return "\n\n## ".join(sections)[: limit - len(rest)] + rest


def _decimals(fraction: float) -> str:
    return f"{fraction:.{DECIMALS}f}"
