"""A provider dies half-way: what has not been sent goes the next way, and nothing is paid twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.pipeline.audit import audit, report
from bot.pipeline.pricing import Asked, quote
from bot.pipeline.rounds import one_round
from bot.pipeline.start import start
from bot.runtime import Context, now
from providers import catalogue
from providers.base import Lane, Provider
from providers.catalogue import Limits
from providers.gemini import Gemini
from providers.openai import OpenAI
from providers.simulators.gemini import GeminiSimulator
from providers.simulators.openai import OpenAISimulator
from storage.records import Job
from storage.states import ItemState, SubmissionState
from tests.parts import QUICK, make_context, planned, run_to_end, run_until, sheet, started

PAUSE = 0.02
"""Seconds the simulators get between two rounds."""

PLAIN = replace(QUICK, quality_gate=False)
"""Each picture is made once: small drawings resemble each other, and would be made again."""

ROUTE = {"provider": None, "route": ("openai", "gemini")}


@pytest.fixture
def second() -> Iterator[GeminiSimulator]:
    with GeminiSimulator(faults=["batch_seconds=0.2", "validating_seconds=0.05", "picture_px=64"]) as running:
        yield running


@pytest.fixture
def providers(simulator: OpenAISimulator, second: GeminiSimulator) -> Iterator[dict[str, Provider]]:
    """OpenAI takes one batch at a time here, so that some of a job waits while some is in flight."""
    cards = catalogue.load()
    limits = Limits(items_per_submission=5, open_submissions=1, concurrency=4)
    openai = {name: card.model_copy(update={"limits": limits}) for name, card in cards["openai"].items()}
    built: dict[str, Provider] = {
        "openai": OpenAI(openai, api_key=simulator.key, base_url=simulator.base_url, clock=now),
        "gemini": Gemini(
            cards["gemini"], api_key=SecretStr(str(second.key)), base_url=second.base_url, clock=now
        ),
    }
    yield built
    for provider in built.values():
        provider.close()


@pytest.fixture
def both(tmp_path: Path, providers: dict[str, Provider]) -> Iterator[Context]:
    with make_context(tmp_path / "data", providers, policy=PLAIN) as context:
        yield context


@pytest.fixture
def ctx(tmp_path: Path, openai: OpenAI) -> Iterator[Context]:
    with make_context(tmp_path / "data", {"openai": openai}, policy=PLAIN) as context:
        yield context


def mugs(folder: Path, number: int) -> Path:
    return sheet(folder, [{"prompt": f"mug number {n}"} for n in range(number)])


def finish(ctx: Context, job: Job) -> Job:
    return run_to_end(ctx, job, rounds=900, real_pause=PAUSE)


def made_by(ctx: Context, job: Job) -> dict[str, int]:
    stored = [item.provider for item in ctx.queries.items(job.id, [ItemState.STORED])]
    return {name: stored.count(name) for name in ctx.providers}


def moved(ctx: Context, job: Job) -> list[str]:
    return [event.subject_id for event in ctx.queries.events(job.id) if event.event == "reroute"]


def rules(ctx: Context) -> list[str]:
    return sorted(incident.rule for incident in ctx.notices.incidents())


def paid(*simulators: OpenAISimulator | GeminiSimulator) -> list[str]:
    return sorted(billed.prompt for simulator in simulators for billed in simulator.ledger.billed)


@pytest.mark.parametrize("dial", ["auth", "quota", "error_rate"])
def test_live_pictures_not_yet_sent_go_to_the_next_provider(
    both: Context, simulator: OpenAISimulator, second: GeminiSimulator, tmp_path: Path, dial: str
) -> None:
    job = started(both, mugs(tmp_path, 60), lane=Lane.LIVE, **ROUTE)
    run_until(both, lambda: both.queries.counts(job.id).get(ItemState.STORED, 0) >= 6)
    simulator.faults.turn(dial, 1)
    job = finish(both, job)
    proof = audit(both, job)
    assert proof["holds"]
    assert proof["stored"] == 60
    assert paid(simulator, second) == sorted(f"mug number {n}" for n in range(60)), "each once"
    by = made_by(both, job)
    assert by["openai"] >= 6
    assert by["gemini"] == len(set(moved(both, job))) == 60 - by["openai"]
    assert rules(both) == ["provider-paused", "rerouted"], "told once each"


def test_a_batch_in_flight_stays_and_the_rest_goes_on(
    both: Context, simulator: OpenAISimulator, second: GeminiSimulator, tmp_path: Path
) -> None:
    simulator.faults.batch_seconds = 2
    job = started(both, mugs(tmp_path, 15), **ROUTE)
    run_until(both, lambda: both.queries.counts(job.id).get(ItemState.IN_FLIGHT) == 5)
    in_flight = {item.number for item in both.queries.items(job.id, [ItemState.IN_FLIGHT])}
    simulator.faults.auth = True
    run_until(both, lambda: both.queries.counts(job.id).get(ItemState.STORED, 0) == 10)
    assert {item.number for item in both.queries.items(job.id, [ItemState.IN_FLIGHT])} == in_flight
    assert made_by(both, job) == {"openai": 0, "gemini": 10}
    states = [sent.state for sent in both.queries.submissions(job.id) if sent.provider == "openai"]
    assert sorted(states) == [SubmissionState.OPEN, SubmissionState.WITHDRAWN, SubmissionState.WITHDRAWN]
    simulator.faults.auth = False
    both.clock.move(700)  # type: ignore[attr-defined]
    job = finish(both, job)
    assert made_by(both, job) == {"openai": 5, "gemini": 10}
    assert paid(simulator, second) == sorted(f"mug number {n}" for n in range(15))
    proof = audit(both, job)
    assert proof["holds"]
    assert not proof["open_attempts"]


def test_a_provider_that_cannot_be_reached_is_left_after_a_few_tries(
    both: Context, simulator: OpenAISimulator, second: GeminiSimulator, tmp_path: Path
) -> None:
    simulator.stop()
    job = finish(both, started(both, mugs(tmp_path, 4), **ROUTE))
    assert made_by(both, job) == {"openai": 0, "gemini": 4}
    (told, _) = both.notices.incidents()
    assert "it has not taken a submission 5 times in a row" in told.details[0]


def test_a_move_that_the_budget_does_not_bear_is_not_made(
    both: Context, simulator: OpenAISimulator, second: GeminiSimulator, tmp_path: Path
) -> None:
    cheap, dear = (
        next(card for card in both.providers[name].models.values() if not card.retired(now().date()))
        for name in ("gemini", "openai")
    )
    asked = Asked.of("mug number 0")
    here, there = (quote(card, Lane.BATCH, card.default_size, None, asked) for card in (cheap, dear))
    assert here is not None
    assert there is not None
    assert there.high > here.high
    second.faults.quota = True
    budget = 4 * here.high + 2 * (there.high - here.high)  # room for two moves of four
    path = mugs(tmp_path, 4)
    job = started(both, path, provider=None, route=("gemini", "openai"), budget_usd=budget)
    run_until(both, lambda: both.queries.counts(job.id).get(ItemState.STORED) == 2)
    (told,) = both.notices.incidents(job.id)
    assert told.details[-1] == "2 pictures wait: no other provider can make them within the budget."
    second.faults.quota = False
    both.clock.move(700)  # type: ignore[attr-defined]
    job = finish(both, job)
    assert made_by(both, job) == {"openai": 2, "gemini": 2}
    assert sum(item.quoted_high or 0 for item in both.queries.items(job.id)) == budget, "at list prices"


def test_a_job_without_a_route_waits_and_a_few_pictures_go_first(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.quota = True
    job = started(ctx, mugs(tmp_path, 30), lane=Lane.LIVE)
    run_until(ctx, lambda: "openai" in ctx.notices.pauses())
    for _ in range(20):
        one_round(ctx, ctx.clock())
        ctx.clock.move(5)  # type: ignore[attr-defined]
    assert not moved(ctx, job)
    asked = simulator.ledger.creates
    simulator.faults.latency = 0.3
    simulator.faults.quota = False
    ctx.clock.move(700)  # type: ignore[attr-defined]
    one_round(ctx, ctx.clock())
    calling = [s for s in ctx.queries.submissions(job.id) if s.id in ctx.sending]
    assert 0 < len(calling) <= 3, "half-open: a few, not all"
    one_round(ctx, ctx.clock())
    assert len(ctx.sending) <= 3
    run_until(ctx, lambda: not ctx.notices.pauses())
    simulator.faults.latency = 0
    job = finish(ctx, job)
    assert report(ctx, job, ctx.clock())["stored"] == 30
    assert len(simulator.billed) == 30
    assert asked == simulator.ledger.creates == 0
    (told,) = [incident for incident in ctx.notices.incidents() if incident.rule == "provider-paused"]
    assert told.closed_at is not None, "and it is said that it is over"


def test_a_probe_that_fails_begins_the_pause_anew_and_tells_nobody_again(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.error_rate = 1
    patient = replace(PLAIN, attempts=20)
    object.__setattr__(ctx, "policy", patient)
    job = started(ctx, mugs(tmp_path, 40), lane=Lane.LIVE)
    run_until(ctx, lambda: any(pause.kind == "outage" for pause in ctx.notices.pauses().values()))
    first = ctx.notices.pauses()["openai"]
    ctx.clock.move(700)  # type: ignore[attr-defined]
    sends = sum(item.sends for item in ctx.queries.items(job.id))
    run_until(ctx, lambda: ctx.notices.pauses()["openai"].until > ctx.clock())
    again = ctx.notices.pauses()["openai"]
    assert (again.since, again.kind) == (first.since, "outage")
    assert sum(item.sends for item in ctx.queries.items(job.id)) - sends <= 3
    simulator.faults.error_rate = 0
    ctx.clock.move(700)  # type: ignore[attr-defined]
    job = finish(ctx, job)
    assert report(ctx, job, ctx.clock())["stored"] == 40
    assert rules(ctx).count("provider-paused") == 1


def try_again(ctx: Context) -> None:
    """OpenAI had an outage, and the time it was left alone is over."""
    ctx.notices.pause("openai", "outage", "3 of its last 20 answers were pictures", ctx.clock(), ctx.clock())


def test_while_a_batch_is_tried_the_rest_of_a_routed_job_goes_on(
    both: Context, simulator: OpenAISimulator, second: GeminiSimulator, tmp_path: Path
) -> None:
    simulator.faults.validating_seconds = 600  # the probe says nothing for a long time
    job = planned(both, mugs(tmp_path, 12), **ROUTE)
    try_again(both)
    start(both, job, both.clock())
    run_until(both, lambda: both.queries.counts(job.id).get(ItemState.STORED, 0) == 9)
    assert made_by(both, job) == {"openai": 0, "gemini": 9}
    (probe,) = both.queries.submissions(job.id, [SubmissionState.OPEN])
    assert (probe.provider, probe.count) == ("openai", 3)
    assert "openai" in both.notices.pauses(), "taken is not yet made"
    simulator.faults.validating_seconds = 0.05
    job = finish(both, job)
    assert made_by(both, job) == {"openai": 3, "gemini": 9}
    assert paid(simulator, second) == sorted(f"mug number {n}" for n in range(12)), "each once"
    assert not both.notices.pauses()
    assert rules(both) == ["provider-paused", "rerouted"], "told once each"


def test_a_batch_that_is_tried_is_believed_before_it_ends(
    both: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.batch_seconds = 3
    job = planned(both, mugs(tmp_path, 8), provider="openai")
    try_again(both)
    start(both, job, both.clock())
    run_until(both, lambda: "openai" not in both.notices.pauses())
    states = {sent.count: sent.state for sent in both.queries.submissions(job.id)}
    assert states[3] is SubmissionState.OPEN, "it counts pictures and is not over"
    simulator.faults.batch_seconds = 0.2
    job = finish(both, job)
    assert made_by(both, job) == {"openai": 8, "gemini": 0}
    assert not moved(both, job), "a job without a route waits"


def test_a_live_call_is_tried_beside_a_batch_that_takes_long(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.validating_seconds = 600
    slow = planned(ctx, mugs(tmp_path, 4))
    try_again(ctx)
    start(ctx, slow, ctx.clock())
    run_until(ctx, lambda: bool(ctx.queries.submissions(slow.id, [SubmissionState.OPEN])))
    quick = finish(ctx, started(ctx, mugs(tmp_path, 5), lane=Lane.LIVE))
    assert made_by(ctx, quick) == {"openai": 5}
    assert not ctx.notices.pauses(), "its answer speaks for both lanes"
    simulator.faults.validating_seconds = 0.05
    assert made_by(ctx, finish(ctx, slow)) == {"openai": 4}
    assert len(simulator.billed) == 9


def test_an_off_peak_job_begins_in_the_night(
    ctx: Context, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    job = started(ctx, mugs(tmp_path, 3), off_peak=True)  # at nine in the morning
    for _ in range(3):
        one_round(ctx, ctx.clock())
        ctx.clock.move(3600)  # type: ignore[attr-defined]
    assert not ctx.queries.submissions(job.id)
    assert not ctx.notices.incidents(), "it is not late"
    ctx.clock.move(14 * 3600)  # type: ignore[attr-defined]  # two o'clock
    job = finish(ctx, job)
    first = ctx.queries.clock(job.id).first_sent
    assert first is not None
    assert 2 <= first.hour < 8
    assert report(ctx, job, ctx.clock())["stored"] == 3
