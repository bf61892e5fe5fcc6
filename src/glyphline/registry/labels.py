"""What a version shows in MLflow's pages: tags and a description. They repeat the log; nothing is decided by them."""

import json
from collections.abc import Mapping

from glyphline.records import Evaluation
from glyphline.registry.gate import DECIMALS
from glyphline.registry.log_events import VersionJudged
from glyphline.registry.state import RegistryState
from glyphline.registry.versions import Registry

DIGEST_CHARACTERS = 12
MAX_DESCRIPTION_CHARACTERS = 5000
"""What the description of a version holds in MLflow's tables; SQLite alone would take more."""
VERDICT_TAG = "verdict"
ENTRY_TAG = "verdict_entry"
NEVER = "never evaluated"
MAX_TAG_CHARACTERS = 500


def tags(found: Evaluation, commit: str | None) -> dict[str, str]:
    """The facts about a version, short enough to be read in a table."""
    known = {
        "dataset": found.dataset,
        "accuracy": _decimals(found.accuracy),
        "accuracy_low": _decimals(found.accuracy_low),
        "accuracy_high": _decimals(found.accuracy_high),
        "test_digest": found.test_digest[:DIGEST_CHARACTERS],
        "weights_digest": found.weights_digest[:DIGEST_CHARACTERS],
    }
    return known | ({"commit": commit[:DIGEST_CHARACTERS]} if commit else {})


def as_text(files: Mapping[str, str]) -> str:
    """Digests of files as the value of a tag."""
    return json.dumps(dict(files), sort_keys=True)


def show(registry: Registry, found: VersionJudged, state: RegistryState, card: str) -> None:
    """Write a judgement on its version: verdict and reasons as tags, decision and card as description."""
    kept = not found.promoted and state.champion == found.version
    reasons = "; ".join(found.reasons)
    if kept:
        reasons += f"; version {found.version} keeps the alias champion, which it won before"
    shown = {
        VERDICT_TAG: "passed" if found.promoted else "refused",
        "reasons": reasons[:MAX_TAG_CHARACTERS],
        # Last: a process that dies before this leaves a version whose labels are written again.
        ENTRY_TAG: str(found.seq),
    }
    about = description(card, registry.name, found.version, found.promoted, reasons)
    registry.label(found.version, shown, about)


def description(card: str, name: str, version: int, promoted: bool, reasons: str) -> str:
    """The card of a version under the decision about it."""
    verdict = "Became champion" if promoted else "Did not become champion"
    text = card.replace("models:/NAME", f"models:/{name}").replace(f"{name}/VERSION", f"{name}/{version}")
    return shortened(f"### Decision\n{verdict}: {reasons}.\n\n{text}")


def shortened(markdown: str, limit: int = MAX_DESCRIPTION_CHARACTERS) -> str:
    """The sections of a text that fit, in their order, and where the rest is."""
    if len(markdown) <= limit:
        return markdown
    rest = "\n\n*The card goes on in `model_card.md` among the artifacts of the source run.*\n"
    sections = markdown.split("\n\n## ")
    while len(sections) > 1 and len("\n\n## ".join(sections)) + len(rest) > limit:
        sections.pop()
    return "\n\n## ".join(sections)[: limit - len(rest)] + rest


def _decimals(fraction: float) -> str:
    return f"{fraction:.{DECIMALS}f}"
