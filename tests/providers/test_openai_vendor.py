"""The OpenAI adapter against the simulated vendor on its bad days: each dial with a promise behind it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from provider_contract import Subject as Bench
from provider_contract import batch, by_key, content_of, ended, live, outgoing

from providers.base import (
    AskAgain,
    Billed,
    Failure,
    FailureKind,
    Handle,
    ImageRequest,
    Lane,
    Made,
    MaybeAccepted,
    Outgoing,
    Phase,
    Reference,
    Size,
    TellOperator,
)
from providers.catalogue import load
from providers.openai import OpenAI
from providers.simulators.openai import OpenAISimulator
from providers.wire.pictures import media_type

FAST = ("batch_seconds=0.05", "validating_seconds=0.02", "cancelling_seconds=0.02", "picture_px=48")
Start = Callable[..., tuple[Bench, OpenAISimulator]]


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def running(*faults: str) -> Iterator[tuple[Bench, OpenAISimulator]]:
    with OpenAISimulator(faults=(*FAST, *faults)) as vendor:
        provider = OpenAI(load()["openai"], api_key=vendor.key, base_url=vendor.base_url, clock=now)
        with closing(provider):
            yield Bench(provider=provider, model="gpt-image-2", secret=vendor.key), vendor


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda *faults: stack.enter_context(running(*faults))


@pytest.mark.parametrize("lane", list(Lane))
def test_reference_pictures_are_taken_in_both_lanes_and_priced(start: Start, lane: Lane) -> None:
    bench, vendor = start()
    first = content_of(bench, live(bench, "a shoe").outcome)
    request = ImageRequest(
        "k", "gpt-image-2", "the same in blue", Size(1024, 1024), references=(Reference(content=first),) * 2
    )
    line = bench.provider.encode(request, lane)
    payload = line.line + b"\n"
    sent = Outgoing("edit", "gpt-image-2", lane, line.group, 1, len(payload), lambda: io.BytesIO(payload))
    answer = bench.provider.submit(sent)
    if isinstance(answer, Handle):
        ended(bench.provider, answer)
        outcome = by_key(bench.provider.results(answer))["k"]
    else:
        outcome = answer.results[0].outcome
    assert isinstance(outcome, Made), outcome
    assert media_type(content_of(bench, outcome)) == "image/png"
    assert outcome.cost_usd == vendor.billed[-1].price


def test_a_payload_the_vendor_finds_wrong_is_rejected_with_its_lines(start: Start) -> None:
    bench, vendor = start()
    good = outgoing(bench, ["a", "b"], Lane.BATCH).open().read()
    bad = good + good.splitlines(keepends=True)[0] + b"{broken\n"
    sent = Outgoing(
        "bad", "gpt-image-2", Lane.BATCH, "/v1/images/generations", 4, len(bad), lambda: io.BytesIO(bad)
    )
    handle = bench.provider.submit(sent)
    assert isinstance(handle, Handle)
    progress = ended(bench.provider, handle)
    assert progress.phase is Phase.REJECTED
    assert progress.failure.kind is FailureKind.MALFORMED_REQUEST
    assert progress.failure.billed is Billed.NO
    assert "line 3: " in progress.failure.message
    assert "line 4: " in progress.failure.message
    assert vendor.billed == []
    assert bench.provider.poll(handle) == progress


def test_too_much_in_the_queue_is_a_rate_limit_not_a_wrong_file(start: Start) -> None:
    bench, _ = start("enqueued_token_limit=2")
    handle = bench.provider.submit(outgoing(bench, ["a long enough prompt"] * 1, Lane.BATCH))
    assert isinstance(handle, Handle)
    progress = ended(bench.provider, handle)
    assert (progress.phase, progress.failure.kind) == (Phase.REJECTED, FailureKind.RATE_LIMITED)
    assert progress.failure.code == "token_limit_exceeded"


def test_an_expired_batch_keeps_what_it_made_and_says_what_it_did_not(start: Start) -> None:
    bench, vendor = start("expire_after_fraction=0.5")
    handle = bench.provider.submit(outgoing(bench, [f"e {n}" for n in range(8)], Lane.BATCH))
    assert isinstance(handle, Handle)
    progress = ended(bench.provider, handle)
    assert progress.unanswered is FailureKind.EXPIRED
    answered = by_key(bench.provider.results(handle))
    made = [outcome for outcome in answered.values() if isinstance(outcome, Made)]
    expired = [outcome for outcome in answered.values() if isinstance(outcome, Failure)]
    assert len(made) == len(vendor.billed) == 4
    assert {outcome.kind for outcome in expired} == {FailureKind.EXPIRED}
    assert {outcome.billed for outcome in expired} == {Billed.NO}


def test_lines_that_are_missing_twice_or_strange_spoil_nothing(start: Start) -> None:
    bench, _ = start("missing_lines=1", "duplicate_lines=2", "unknown_lines=2")
    answered = batch(bench, [f"m {n}" for n in range(6)])
    ours = {key for key in answered if key.startswith("item-")}
    assert len(ours) == 5, "one is missing; who asked finds it unanswered"
    assert all(isinstance(answered[key], Made) for key in ours)


def test_cut_result_downloads_are_taken_up_again(start: Start) -> None:
    bench, _ = start("cut_connection=2")
    assert len(batch(bench, [f"cut {n}" for n in range(5)])) == 5


def test_a_batch_whose_create_reply_was_lost_is_found_and_not_sent_again(start: Start) -> None:
    bench, vendor = start("lost_reply_after_create=1")
    sent = outgoing(bench, ["lost a", "lost b"], Lane.BATCH, "sub-lost")
    with pytest.raises(MaybeAccepted):
        bench.provider.submit(sent)
    handle = bench.provider.find(sent, now() - timedelta(minutes=1))
    assert handle is not None
    ended(bench.provider, handle)
    assert len(by_key(bench.provider.results(handle))) == 2
    assert vendor.ledger.creates == 1
    assert len(vendor.billed) == 2


def test_a_live_picture_whose_reply_was_lost_was_paid_for(start: Start) -> None:
    bench, vendor = start("lost_reply_live=1")
    with pytest.raises(MaybeAccepted):
        live(bench, "lost")
    assert len(vendor.billed) == 1


def test_an_empty_account_and_a_revoked_key_stop_everything(start: Start) -> None:
    bench, vendor = start("quota=on")
    with pytest.raises(TellOperator) as told:
        live(bench, "a")
    assert told.value.kind is FailureKind.QUOTA
    vendor.faults.turn("quota", "off")
    vendor.faults.turn("auth", "on")
    for ask in (lambda: live(bench, "a"), lambda: batch(bench, ["a"]), bench.provider.check):
        with pytest.raises(TellOperator) as told:
            ask()
        assert told.value.kind is FailureKind.AUTH


def test_an_empty_account_fails_a_batch_for_want_of_money(start: Start) -> None:
    bench, _ = start("quota=on")
    handle = bench.provider.submit(outgoing(bench, ["a"], Lane.BATCH))
    assert isinstance(handle, Handle)
    progress = ended(bench.provider, handle)
    assert (progress.phase, progress.failure.kind) == (Phase.REJECTED, FailureKind.QUOTA)


def test_a_busy_vendor_says_when_to_come_back(start: Start) -> None:
    bench, _ = start("rate_limit_rate=1", "retry_after=3")
    with pytest.raises(AskAgain) as again:
        live(bench, "a")
    assert (again.value.kind, again.value.retry_after) == (FailureKind.RATE_LIMITED, timedelta(seconds=3))


def test_what_the_vendor_billed_is_what_we_were_told(start: Start) -> None:
    bench, vendor = start("refusal_rate=0.3", "seed=4")
    answered = batch(bench, [f"sum {n}" for n in range(20)])
    told = sum((o.cost_usd or Decimal(0) for o in answered.values()), Decimal(0))
    assert len(answered) == 20
    assert 0 < len(vendor.billed) < 20
    assert told == sum((image.price for image in vendor.billed), Decimal(0))


def test_a_model_without_published_prices_still_tells_its_cost(start: Start) -> None:
    bench, vendor = start()
    bench.model = "gpt-image-2.6-flare"
    outcome = live(bench, "a").outcome
    assert isinstance(outcome, Made)
    assert outcome.cost_usd == vendor.billed[0].price
