"""The transition tables: every arrow leads somewhere, nothing leaves the wrong way."""

from __future__ import annotations

import pytest

from storage.states import (
    FINAL_ITEMS,
    ITEM_MOVES,
    JOB_MOVES,
    SUBMISSION_MOVES,
    UNDER_WAY,
    ItemEvent,
    ItemState,
    JobEvent,
    JobState,
    StaleTransitionError,
    SubmissionEvent,
    SubmissionState,
    after,
    drawing,
    sources,
)


@pytest.mark.parametrize("event", list(ItemEvent))
def test_an_item_event_leads_to_one_state_wherever_it_applies(event: ItemEvent) -> None:
    assert len(set(sources(event).values())) == 1


def test_a_stored_item_never_moves_again() -> None:
    assert not [event for (state, event) in ITEM_MOVES if state is ItemState.STORED]


def test_what_has_ended_moves_only_because_a_person_asks() -> None:
    asked = {ItemEvent.REOPEN, ItemEvent.REOPEN_COPY}
    for state, event in ITEM_MOVES:
        if state in FINAL_ITEMS:
            assert event in asked


def test_an_item_in_doubt_is_never_sent_by_itself() -> None:
    assert {event for (state, event) in ITEM_MOVES if state is ItemState.IN_DOUBT} == {
        ItemEvent.REOPEN,
        ItemEvent.REOPEN_COPY,
    }


def test_every_state_is_either_final_or_under_way() -> None:
    assert frozenset(ItemState) == FINAL_ITEMS | UNDER_WAY
    assert not FINAL_ITEMS & UNDER_WAY


@pytest.mark.parametrize(
    ("states", "moves", "start"),
    [
        (JobState, JOB_MOVES, JobState.DRAFT),
        (ItemState, ITEM_MOVES, ItemState.PLANNED),
        (SubmissionState, SUBMISSION_MOVES, SubmissionState.PREPARED),
    ],
)
def test_every_state_can_be_reached(states: type, moves: dict, start: object) -> None:
    assert {*moves.values(), start} == set(states)


def test_an_event_that_does_not_apply_is_stale() -> None:
    assert after(SubmissionState.PREPARED, SubmissionEvent.SEND) is SubmissionState.SENDING
    with pytest.raises(StaleTransitionError, match="settled"):
        after(SubmissionState.SETTLED, SubmissionEvent.SEND)
    with pytest.raises(StaleTransitionError):
        after(JobState.FINISHED, JobEvent.FINISH)


def test_the_drawing_shows_every_arrow() -> None:
    text = drawing()
    for moves in (JOB_MOVES, ITEM_MOVES, SUBMISSION_MOVES):
        for (state, event), to in moves.items():
            assert f"{state} --> {to}: {event}" in text
