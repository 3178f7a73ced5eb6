"""The xAI adapter against the simulated vendor on its bad days: each dial with a promise behind it."""

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
from providers.simulators.xai import XAISimulator
from providers.wire.pictures import media_type
from providers.xai import XAI

MODELS = load()["xai"]
MODEL = "grok-imagine-image-2.0"
K = FailureKind
FAST = (
    "batch_seconds=0.05",
    "validating_seconds=0.02",
    "cancelling_seconds=0.02",
    "picture_px=48",
    "creates_per_second=0",
)
Start = Callable[..., tuple[Bench, XAISimulator]]


def real_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def running(*faults: str) -> Iterator[tuple[Bench, XAISimulator]]:
    with XAISimulator(faults=(*FAST, *faults)) as simulator:
        provider = XAI(
            MODELS,
            api_key=simulator.key,
            base_url=simulator.base_url,
            clock=real_now,
            settling=timedelta(seconds=0.2),
        )
        with closing(provider):
            yield Bench(provider=provider, model=MODEL, secret=simulator.key), simulator


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda *faults: stack.enter_context(running(*faults))


@pytest.mark.parametrize("lane", list(Lane))
def test_reference_pictures_are_taken_in_both_lanes_and_priced(start: Start, lane: Lane) -> None:
    bench, simulator = start()
    first = content_of(bench, live(bench, "a shoe").outcome)
    reference = Reference(content=first, media_type=media_type(first))
    request = ImageRequest("k", MODEL, "the same in blue", Size(1024, 1024), references=(reference,) * 2)
    line = bench.provider.encode(request, lane)
    payload = line.line + b"\n"
    answer = bench.provider.submit(
        Outgoing("edit", MODEL, lane, line.group, 1, len(payload), lambda: io.BytesIO(payload))
    )
    if isinstance(answer, Handle):
        ended(bench.provider, answer)
        outcome = by_key(bench.provider.results(answer))["k"]
    else:
        outcome = answer.results[0].outcome
    assert isinstance(outcome, Made), outcome
    assert media_type(content_of(bench, outcome)) == "image/jpeg"
    assert outcome.cost_usd == simulator.billed[-1].price == Decimal("0.08")


def test_generations_and_edits_share_a_file(start: Start) -> None:
    bench, _ = start()
    reference = Reference(url="https://shop.example/shoe.png")
    requests = [
        ImageRequest("plain", MODEL, "a shoe", Size(1024, 1024)),
        ImageRequest("edit", MODEL, "in blue", Size(1024, 1024), references=(reference,)),
    ]
    lines = [bench.provider.encode(request, Lane.BATCH) for request in requests]
    assert len({line.group for line in lines}) == 1
    payload = b"".join(line.line + b"\n" for line in lines)
    handle = bench.provider.submit(
        Outgoing("both", MODEL, Lane.BATCH, lines[0].group, 2, len(payload), lambda: io.BytesIO(payload))
    )
    assert isinstance(handle, Handle)
    ended(bench.provider, handle)
    assert all(isinstance(made, Made) for made in by_key(bench.provider.results(handle)).values())


def submitted(bench: Bench, count: int) -> Handle:
    handle = bench.provider.submit(outgoing(bench, [f"p {n}" for n in range(count)], Lane.BATCH))
    assert isinstance(handle, Handle)
    return handle


@pytest.mark.parametrize("spelling", ["grpc_spelling=off", "grpc_spelling=on"])
def test_pages_pictures_and_refusals_in_both_spellings(start: Start, spelling: str) -> None:
    bench, simulator = start("page_most=3", spelling)
    answered = batch(bench, [*(f"p {n}" for n in range(6)), "moderated", "gore"])
    assert len(answered) == 8
    kinds = [o.kind for o in answered.values() if isinstance(o, Failure)]
    assert kinds == [K.CONTENT_POLICY] * 2
    assert {o.billed for o in answered.values() if isinstance(o, Failure)} == {Billed.YES}
    for outcome in answered.values():
        if isinstance(outcome, Made):
            assert outcome.pictures[0].content, "fetched while paging"
    assert len(simulator.billed) == 8


def test_a_dead_link_is_read_afresh(start: Start) -> None:
    bench, _ = start("dead_links=3")
    answered = batch(bench, [f"p {n}" for n in range(5)])
    assert all(isinstance(outcome, Made) for outcome in answered.values())


def test_a_picture_that_stays_gone_was_paid_for(start: Start) -> None:
    bench, _ = start("url_seconds=0")
    (outcome,) = batch(bench, ["p"]).values()
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.code, outcome.billed) == (K.EXPIRED, "picture_gone", Billed.YES)
    assert outcome.cost_usd == Decimal("0.06")


def test_reading_can_be_given_up_in_the_middle(start: Start) -> None:
    bench, _ = start()
    handle = submitted(bench, 20)
    ended(bench.provider, handle)
    results = bench.provider.results(handle)
    next(results)
    results.close()  # type: ignore[attr-defined]


def test_a_payload_the_vendor_finds_wrong_is_rejected_with_its_line(start: Start) -> None:
    bench, simulator = start()
    good = outgoing(bench, ["a", "b"], Lane.BATCH).open().read()
    bad = good + b"{broken\n"
    out = Outgoing("bad", MODEL, Lane.BATCH, "images", 3, len(bad), lambda: io.BytesIO(bad))
    handle = bench.provider.submit(out)
    assert isinstance(handle, Handle)
    progress = ended(bench.provider, handle)
    assert progress.phase is Phase.REJECTED
    assert (progress.failure.kind, progress.failure.billed) == (K.MALFORMED_REQUEST, Billed.NO)
    assert "line 3: " in progress.failure.message
    assert simulator.billed == []


def test_what_a_cancel_could_not_stop_is_kept(start: Start) -> None:
    bench, simulator = start("cancel_reverts=on", "batch_seconds=5", "cancelling_seconds=0.05")
    handle = submitted(bench, 4)
    while bench.provider.poll(handle).phase is Phase.WAITING:
        pass
    bench.provider.cancel(handle)
    assert bench.provider.poll(handle).phase is Phase.RUNNING, "it may yet be taken back"
    end = ended(bench.provider, handle)
    assert (end.completed, end.unanswered) == (4, K.UNKNOWN)
    answered = by_key(bench.provider.results(handle))
    assert all(isinstance(outcome, Made) for outcome in answered.values())
    assert len(simulator.billed) == 4


def test_an_expired_batch_keeps_what_it_made_and_says_what_it_did_not(start: Start) -> None:
    bench, simulator = start("expire_after_fraction=0.5")
    handle = submitted(bench, 8)
    end = ended(bench.provider, handle)
    assert end.unanswered is K.EXPIRED
    answered = by_key(bench.provider.results(handle)).values()
    assert sum(isinstance(outcome, Made) for outcome in answered) == len(simulator.billed) == 4
    expired = [outcome for outcome in answered if isinstance(outcome, Failure)]
    assert {(outcome.kind, outcome.billed) for outcome in expired} == {(K.EXPIRED, Billed.NO)}


def test_rows_that_are_missing_twice_or_strange_spoil_nothing(start: Start) -> None:
    bench, _ = start("missing_lines=1", "duplicate_lines=2", "unknown_lines=2")
    answered = batch(bench, [f"m {n}" for n in range(6)])
    ours = {key for key in answered if not key.endswith("nobody-sent")}
    assert len(ours) == 5, "one is missing; who asked finds it unanswered"
    assert all(isinstance(answered[key], Made) for key in ours)


def test_a_batch_whose_create_reply_was_lost_is_found_and_not_sent_again(start: Start) -> None:
    bench, simulator = start("lost_reply_after_create=1", "page_most=1")
    submitted_before = outgoing(bench, ["lost a", "lost b"], Lane.BATCH, "sub-lost")
    with pytest.raises(MaybeAccepted):
        bench.provider.submit(submitted_before)
    bench.provider.submit(outgoing(bench, ["another"], Lane.BATCH, "sub-other"))
    handle = bench.provider.find(submitted_before, real_now() - timedelta(minutes=1))
    assert handle is not None
    ended(bench.provider, handle)
    assert len(by_key(bench.provider.results(handle))) == 2
    assert simulator.ledger.creates == 2


def test_a_live_picture_whose_reply_was_lost_was_paid_for(start: Start) -> None:
    bench, simulator = start("lost_reply_live=1")
    with pytest.raises(MaybeAccepted):
        live(bench, "lost")
    assert len(simulator.billed) == 1


def test_an_empty_account_and_a_revoked_key_stop_everything(start: Start) -> None:
    bench, simulator = start("quota=on")
    for ask in (lambda: live(bench, "a"), lambda: batch(bench, ["a"])):
        with pytest.raises(TellOperator) as told:
            ask()
        assert told.value.kind is K.QUOTA
    simulator.faults.turn("quota", "off")
    simulator.faults.turn("auth", "on")
    for ask in (lambda: live(bench, "a"), lambda: batch(bench, ["a"]), bench.provider.check):
        with pytest.raises(TellOperator) as told:
            ask()
        assert told.value.kind is K.AUTH


def test_too_many_batches_a_second_are_asked_again(start: Start) -> None:
    bench, _ = start("creates_per_second=1")
    submitted(bench, 1)
    with pytest.raises(AskAgain) as again:
        submitted(bench, 1)
    assert (again.value.kind, again.value.retry_after) == (K.RATE_LIMITED, timedelta(seconds=1))


def test_what_the_vendor_billed_is_what_we_were_told(start: Start) -> None:
    """Refusals cost as much as pictures; of those in a batch no sum is told, only that they are charged."""
    bench, simulator = start("refusal_rate=0.3", "seed=4")
    answered = batch(bench, [f"sum {n}" for n in range(20)])
    made = [o for o in answered.values() if isinstance(o, Made)]
    refused = [o for o in answered.values() if isinstance(o, Failure)]
    assert refused
    assert {(o.kind, o.billed) for o in refused} == {(K.CONTENT_POLICY, Billed.YES)}
    assert len(simulator.billed) == 20
    assert sum((o.cost_usd or Decimal(0) for o in made), Decimal(0)) == len(made) * Decimal("0.06")
