"""What the log of a model adds up to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphline.records import RuleResult
from glyphline.registry import log_events
from glyphline.registry.judgement import champion_to_compare
from glyphline.registry.log_events import (
    AliasAssigned,
    AliasChangedByHand,
    ChampionRolledBack,
    VersionDeleted,
    VersionJudged,
    VersionNotJudged,
)
from glyphline.registry.state import RegistryState, fold


def judged(
    version: int, *, promoted: bool, champion: int | None = None, comparison: int | None = None
) -> VersionJudged:
    return VersionJudged(
        version=version,
        run_id="r" * 32,
        dataset="shapes",
        accuracy=0.98,
        test_digest="aaaa",
        weights_digest=f"w{version}",
        predictions_sha256="p" * 64,
        files={"MLmodel": "f" * 64},
        promoted=promoted,
        rules=(RuleResult(rule="registry.min_accuracy", passed=promoted, reason="because"),),
        champion=champion,
        champion_weights=None if champion is None else f"w{champion}",
        champion_accuracy=None,
        comparison=comparison,
        level=None,
        p_value=None,
    )


def numbered(*events: log_events.LogEvent) -> list[log_events.LogEvent]:
    return [event.model_copy(update={"seq": number}) for number, event in enumerate(events, start=1)]


def state_of(*events: log_events.LogEvent) -> RegistryState:
    return fold(numbered(*events))


def test_a_version_that_passes_is_champion_and_the_champion_before_is_previous():
    state = state_of(judged(1, promoted=True), judged(2, promoted=False), judged(3, promoted=True))
    assert state.aliases == {"champion": 3, "previous": 1, "challenger": 3}
    assert state.seq == 3


def test_a_rollback_removes_the_later_champions():
    three = (judged(1, promoted=True), judged(2, promoted=True), judged(3, promoted=True))
    state = state_of(*three, ChampionRolledBack(version=2, reason="smoke"))
    assert (state.champion, state.previous) == (2, 1)
    assert state.rolled_back == {3: "smoke"}
    further = state_of(*three, ChampionRolledBack(version=1, reason="fire"))
    assert (further.champion, further.previous) == (1, None)
    assert set(further.rolled_back) == {2, 3}


def test_a_version_that_was_rolled_back_and_is_promoted_again_no_longer_counts_as_rolled_back():
    two = (judged(1, promoted=True), judged(2, promoted=True), ChampionRolledBack(version=1, reason="smoke"))
    assert state_of(*two, AliasAssigned(alias="champion", version=2, forced=True, reason="fixed")).rolled_back == {}


def test_without_its_alias_there_is_no_champion_and_the_last_one_is_previous():
    state = state_of(judged(1, promoted=True), AliasChangedByHand(alias="champion", before=1, version=None))
    assert state.champion is None
    assert state.previous == 1


def test_without_a_champion_a_version_is_compared_with_the_last_one():
    two = (judged(1, promoted=True), judged(2, promoted=True))
    without_alias = state_of(*two, AliasChangedByHand(alias="champion", before=2, version=None))
    assert champion_to_compare(3, without_alias) == 2
    without_version = state_of(*two, VersionDeleted(version=2))
    assert champion_to_compare(3, without_version) == 1
    assert champion_to_compare(3, state_of(*two, VersionDeleted(version=2), VersionDeleted(version=1))) is None


def test_an_older_version_that_is_judged_again_does_not_become_challenger():
    state = state_of(judged(1, promoted=True), judged(2, promoted=False), judged(1, promoted=False))
    assert state.challenger == 2
    assert state_of(judged(1, promoted=True), judged(2, promoted=False), VersionDeleted(version=2)).challenger is None
    again = state_of(
        judged(1, promoted=True), judged(2, promoted=False), VersionDeleted(version=2), judged(1, promoted=True)
    )
    assert again.challenger == 1


def test_a_deleted_version_gets_no_alias_from_an_entry_that_came_late():
    gone = (judged(1, promoted=True), judged(2, promoted=False), VersionDeleted(version=2))
    late = (
        AliasAssigned(alias="champion", version=2, forced=True, reason="x"),
        AliasAssigned(alias="canary", version=2, forced=False, reason=""),
        judged(2, promoted=True),
    )
    for event in late:
        assert 2 not in state_of(*gone, event).aliases.values()
        assert state_of(*gone, event).champion == 1


def test_a_champion_is_not_its_own_predecessor_after_the_one_between_was_deleted():
    back = AliasAssigned(alias="champion", version=1, forced=True, reason="x")
    state = state_of(judged(1, promoted=True), judged(2, promoted=True), back, VersionDeleted(version=2))
    assert (state.champion, state.previous) == (1, None)


def test_a_deleted_version_that_was_made_by_hand_does_not_count_as_unlogged():
    state = state_of(
        judged(1, promoted=True), AliasChangedByHand(alias="champion", before=1, version=2), VersionDeleted(version=2)
    )
    assert state.first_unlogged == 3


def test_a_deleted_version_has_no_alias_any_more():
    state = state_of(judged(1, promoted=True), judged(2, promoted=True), VersionDeleted(version=2))
    assert state.aliases == {"previous": 1}


def test_a_comparison_is_counted_once_per_pair_of_models():
    state = state_of(
        judged(1, promoted=True),
        judged(2, promoted=False, champion=1, comparison=1),
        judged(2, promoted=False, champion=1, comparison=1),
        judged(3, promoted=False, champion=1, comparison=2),
    )
    assert state.comparison_number("aaaa", ("w2", "w1")) == 1
    assert state.comparison_number("aaaa", ("w4", "w1")) == 3
    assert state.comparison_number("bbbb", ("w4", "w1")) == 1


def test_comparisons_of_a_lost_registry_count_with_their_numbers():
    state = state_of(judged(1, promoted=True), judged(2, promoted=False, comparison=4))
    assert state.comparison_number("aaaa", ("w2", "")) == 4
    assert state.comparison_number("aaaa", ("w3", "w1")) == 5
    # Two that were both the first one, one before the loss and one since, are two.
    twice = state_of(judged(1, promoted=False, comparison=1), judged(2, promoted=False, champion=1, comparison=1))
    assert twice.comparison_number("aaaa", ("w3", "w1")) == 3


kinds = st.one_of(
    st.builds(judged, st.integers(1, 5), promoted=st.booleans()),
    st.builds(lambda version: ChampionRolledBack(version=version, reason="x"), st.integers(1, 5)),
    st.builds(
        lambda version: AliasChangedByHand(alias="champion", before=None, version=version),
        st.none() | st.integers(1, 5),
    ),
    st.builds(
        lambda version: AliasAssigned(alias="champion", version=version, forced=True, reason="x"), st.integers(1, 5)
    ),
    st.builds(lambda version: VersionDeleted(version=version), st.integers(1, 5)),
    st.builds(lambda version: VersionNotJudged(version=version, run_id=None, why="x"), st.integers(1, 5)),
)


@given(st.lists(kinds, max_size=30), st.integers(0, 30))
def test_a_log_read_back_from_its_lines_in_two_parts_gives_the_same_state(events, cut):
    log = numbered(*events)
    again = [log_events.decode(log_events.encode(event)) for event in log]
    assert fold(again[cut:], fold(again[:cut])) == fold(log)


def test_an_entry_that_would_be_cut_off_by_the_store_is_not_written():
    long = judged(1, promoted=True).model_copy(update={"dataset": "x" * 6000})
    with pytest.raises(ValueError, match="does not fit"):
        log_events.encode(long)


def test_an_entry_of_before_the_digests_of_the_evidence_is_still_read():
    entry = judged(1, promoted=True)
    before = entry.model_dump_json(exclude={"evaluation_sha256", "cost_sha256"})
    assert log_events.decode(before) == entry
