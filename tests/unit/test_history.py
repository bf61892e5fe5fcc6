"""What `glyphline models` and `glyphline history` say about versions."""

import io
import re
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from glyphline.commands import history, models
from glyphline.registry.alias_updates import RegistryView
from glyphline.registry.log_events import AliasAssigned, ChampionRolledBack
from glyphline.registry.state import fold
from tests.unit.test_registry_state import judged, numbered

TAGS = {
    "dataset": "shapes",
    "accuracy": "0.980000",
    "mlflow.glyphline.accuracy_low": "0.969500",
    "mlflow.glyphline.accuracy_high": "0.987654",
    "mlflow.glyphline.test_digest": "aaaa",
    "mlflow.glyphline.weights_digest": "w1",
    "verdict": "passed",
    "commit": "0123456789ab",
}
# As earlier releases wrote them.
EARLIER_TAGS = {key.removeprefix("mlflow.glyphline."): value for key, value in TAGS.items()}


def version(tags=TAGS, aliases=(), created_ms=0):
    return SimpleNamespace(tags=tags, aliases=list(aliases), creation_timestamp=created_ms)


def row_of(found, *events):
    state = fold(numbered(*(events or (judged(1, promoted=True),))))
    (row,) = models.rows(RegistryView(state, {1: found}))
    return row


def shown(*rows):
    console = Console(file=io.StringIO(), width=200)
    models.show("shapes", rows, console)
    return console.file.getvalue()


@pytest.mark.parametrize("tags", [TAGS, EARLIER_TAGS])
def test_a_version_shows_its_accuracy_with_the_interval_its_data_and_its_commit(tags):
    row = row_of(version(tags))
    assert (row.version, row.accuracy, row.interval) == (1, 0.98, " (0.9695-0.9877)")
    assert (row.data, row.commit, row.verdict, row.edited) == ("shapes / aaaa", "0123456789ab", "passed", ())
    assert row.aliases == ("challenger", "champion")
    text = shown(row)
    for words in ("challenger, champion", "0.9800 (0.9695-0.9877)", "shapes / aaaa", "0123456789ab", "passed"):
        assert words in text


@pytest.mark.parametrize("ends", [{}, {"accuracy_low": "0.9"}, {"accuracy_low": "low", "accuracy_high": "0.99"}])
def test_an_interval_that_is_not_there_or_is_no_number_is_left_out(ends):
    kept = {key: value for key, value in EARLIER_TAGS.items() if key not in {"accuracy_low", "accuracy_high"}}
    row = row_of(version(kept | ends))
    assert row.interval == ""
    assert "0.9800  " in shown(row)


def test_tags_that_a_hand_has_changed_are_named():
    row = row_of(version(TAGS | {"accuracy": "0.999000", "verdict": "refused"}))
    assert row.edited == ("accuracy", "verdict")
    assert "passed (edited by hand: accuracy, verdict)" in shown(row)


def test_a_version_that_was_refused_says_why():
    row = row_of(version(TAGS | {"verdict": "refused"}), judged(1, promoted=False))
    assert (row.verdict, row.edited) == ("refused: because", ())


def test_a_version_that_was_never_evaluated_has_no_numbers():
    (row,) = models.rows(RegistryView(fold([]), {1: version({}, aliases=["mine"])}))
    assert (row.accuracy, row.verdict, row.aliases) == (None, "never evaluated", ("mine",))
    assert " - " in shown(row)


def test_an_alias_of_a_hand_stands_behind_those_of_the_log():
    assert row_of(version(aliases=["mine", "champion"])).aliases == ("challenger", "champion", "mine")


def test_the_newest_version_comes_first():
    state = fold(numbered(judged(1, promoted=True), judged(2, promoted=True)))
    assert [row.version for row in models.rows(RegistryView(state, {1: version(), 2: version()}))] == [2, 1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (30, "3[0-9] s"),
        (59, "59 s|1 min"),
        (61, "1 min"),
        (3500, "58 min"),
        (3700, "1 h"),
        (90_000, "1 d"),
        (180_000, "2 d"),
    ],
)
def test_the_age_is_told_in_the_largest_unit_that_fits(seconds, words):
    row = row_of(version(created_ms=int((time.time() - seconds) * 1000)))
    assert re.search(rf"\b({words})\b", shown(row))


def test_a_change_by_a_person_is_told_with_its_reason():
    given = AliasAssigned(alias="canary", version=2, forced=False, reason="")
    assert history.sentence(given) == "version 2 was given canary"
    forced = AliasAssigned(alias="champion", version=2, forced=True, reason="the demo is today")
    assert history.sentence(forced) == "version 2 was given champion by force: the demo is today"
    assert history.sentence(ChampionRolledBack(version=1, reason="smoke")) == "champion went back to version 1: smoke"
    assert history.sentence(judged(3, promoted=True)) == "version 3 became champion: because"
