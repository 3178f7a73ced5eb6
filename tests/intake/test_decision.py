"""Decisions about a job, as people write them."""

from __future__ import annotations

import pytest

from bot.intake.command import Cancel, Command, Decision, Unknown, parse_command
from providers.base import Lane


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("start", Decision("start", "k3x9ab")),
        ("<@U1> start now", Decision("start", "k3x9ab", Lane.LIVE)),
        ("Start cheap!", Decision("start", "k3x9ab", Lane.BATCH)),
        ("start q7w8er now", Decision("start", "q7w8er", Lane.LIVE)),
        ("start sample", Decision("start", "k3x9ab", sample=0)),
        ("start cheap sample 8", Decision("start", "k3x9ab", Lane.BATCH, 8)),
        ("start with a sample of 12 pictures please", Decision("start", "k3x9ab", sample=12)),
        ("sample 6", Decision("start", "k3x9ab", sample=6)),
        ("go on", Decision("go_on", "k3x9ab")),
        ("go on q7w8er", Decision("go_on", "q7w8er")),
        ("continue with the rest", Decision("go_on", "k3x9ab")),
        ("approve sample", Decision("go_on", "k3x9ab")),
        ("approve the sample of q7w8er", Decision("go_on", "q7w8er")),
        ("pause", Decision("pause", "k3x9ab")),
        ("resume #Q7W8ER", Decision("resume", "q7w8er")),
        ("agree", Decision("agree", "k3x9ab")),
        ("rush", Decision("rush", "k3x9ab")),
        ("stop here", Cancel("k3x9ab")),
    ],
)
def test_a_decision_in_a_jobs_thread_needs_no_name(text: str, meant: Command) -> None:
    assert parse_command(text, job="k3x9ab") == meant


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("start", "Say which job, like “start k3x9ab”"),
        ("pause", "Say which job, like “pause k3x9ab”"),
        ("start k3x9ab sample 5000", "A sample has 1 to 1,000 pictures"),
        ("start k3x9ab tomorrow", "“k3x9ab tomorrow” is not understood behind “start”; write now, cheap"),
        ("strat k3x9ab", "did you mean “start k3x9ab”?"),
        ("help rushh", "did you mean “help rush”?"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_one_sentence(text: str, sentence: str) -> None:
    answer = parse_command(text)
    assert isinstance(answer, Unknown)
    assert sentence in answer.suggestion
