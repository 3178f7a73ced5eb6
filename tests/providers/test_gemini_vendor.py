"""The Gemini adapter against the simulated vendor on its bad days: each dial with a promise behind it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from PIL import Image
from provider_contract import Subject as Bench
from provider_contract import batch, by_key, content_of, ended, live, outgoing

from providers import gemini_requests as requests
from providers import gemini_upload
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
    Phase,
    Reference,
    TellOperator,
)
from providers.catalogue import load
from providers.gemini import Gemini
from providers.simulators.gemini import GeminiSimulator
from providers.simulators.gemini_models import read_ask

FAST = ("batch_seconds=0.05", "validating_seconds=0.02", "cancelling_seconds=0.02", "picture_px=48")
MODELS = load()["gemini"]
TODAY = date(2026, 11, 23)
Start = Callable[..., tuple[Bench, GeminiSimulator]]


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def running(*faults: str) -> Iterator[tuple[Bench, GeminiSimulator]]:
    with GeminiSimulator(faults=(*FAST, *faults)) as vendor:
        provider = Gemini(MODELS, api_key=vendor.key, base_url=vendor.base_url, clock=now)
        with closing(provider):
            yield Bench(provider=provider, model="gemini-nano-banana-2.1", secret=vendor.key), vendor


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda *faults: stack.enter_context(running(*faults))


@pytest.mark.parametrize("model", [card.id for card in MODELS.values() if not card.retired(TODAY)])
def test_every_size_of_a_card_is_the_size_the_vendor_draws(model: str) -> None:
    """The two tables were written apart."""
    for size in MODELS[model].sizes:
        line = requests.encode(ImageRequest("k", model, "a mug", size), Lane.LIVE, MODELS, TODAY).line
        asked = read_ask(json.loads(line)["request"], model, now().timestamp(), lambda _: None)
        assert asked.pixels == (size.width, size.height)


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize("model", ["gemini-nano-banana-2.1", "gemini-3-pro-image"])
def test_reference_pictures_are_taken_in_both_lanes_and_priced(start: Start, lane: Lane, model: str) -> None:
    bench, vendor = start("thought_pictures=on")
    bench.model = model
    out = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(out, "WEBP")
    picture = Reference(content=out.getvalue(), media_type="image/webp")
    elsewhere = Reference(url="https://shop.example/shoe.png")
    sent = outgoing(bench, ["same, in winter"], lane, references=(picture, elsewhere))
    answer = bench.provider.submit(sent)
    if isinstance(answer, Handle):
        ended(bench.provider, answer)
        results = by_key(bench.provider.results(answer))
    else:
        results = by_key(answer.results)
    made = results["item-0"]
    assert isinstance(made, Made)
    assert made.cost_usd == vendor.billed[0].price > Decimal("0.01")


def test_the_real_picture_is_told_from_the_thought_and_from_its_name(start: Start) -> None:
    bench, _ = start("thought_pictures=on", "jpeg=on")
    made = live(bench, "a mug").outcome
    assert isinstance(made, Made)
    assert [p.media_type for p in made.pictures] == ["image/jpeg"]
    with Image.open(io.BytesIO(content_of(bench, made))) as opened:
        assert opened.size == (48, 48)


def test_blocked_and_worded_answers_are_failures_though_the_vendor_counts_successes(start: Start) -> None:
    bench, vendor = start()
    handle = bench.provider.submit(outgoing(bench, ["moderated", "gore", "[words]", "[nothing]"], Lane.BATCH))
    assert isinstance(handle, Handle)
    end = ended(bench.provider, handle)
    assert (end.completed, end.failed) == (4, 0), "their count, not ours"
    failures = [outcome for _, outcome in sorted(by_key(bench.provider.results(handle)).items())]
    assert all(isinstance(failure, Failure) for failure in failures)
    told = [(f.kind, f.code) for f in failures if isinstance(f, Failure)]
    assert told == [
        (FailureKind.CONTENT_POLICY, "PROHIBITED_CONTENT"),
        (FailureKind.CONTENT_POLICY, "IMAGE_SAFETY"),
        (FailureKind.UNKNOWN, "NO_IMAGE"),
        (FailureKind.UNKNOWN, "no_picture"),
    ]
    assert {f.billed for f in failures if isinstance(f, Failure)} == {Billed.YES}
    assert vendor.billed == []


@pytest.mark.parametrize("dials", [("shuffled=on",), ("keyless_errors=on",), ("duplicate_lines=2",)])
def test_every_item_gets_its_own_answer_whatever_the_file_looks_like(
    start: Start, dials: tuple[str, ...]
) -> None:
    bench, vendor = start(*dials)
    prompts = [f"{'[bad] ' if n % 4 == 3 else ''}number {n}" for n in range(12)]
    answered = batch(bench, prompts)
    assert set(answered) == {f"item-{n}" for n in range(12)}
    bad = {key for key, outcome in answered.items() if isinstance(outcome, Failure)}
    assert bad == {"item-3", "item-7", "item-11"}
    assert len(vendor.billed) == 9


def test_missing_lines_are_missing_and_strays_are_told_as_they_came(start: Start) -> None:
    bench, _ = start("missing_lines=2", "unknown_lines=1")
    answered = batch(bench, [f"number {n}" for n in range(6)])
    ours = {key for key in answered if key.startswith("item-")}
    assert len(ours) == 4
    assert len(answered) == 5


def test_an_expired_batch_has_nothing_and_says_expired(start: Start) -> None:
    bench, vendor = start("expire_after_fraction=0.5")
    handle = bench.provider.submit(outgoing(bench, [f"number {n}" for n in range(4)], Lane.BATCH))
    assert isinstance(handle, Handle)
    end = ended(bench.provider, handle)
    assert (end.phase, end.unanswered, end.results_expire_at) == (Phase.ENDED, FailureKind.EXPIRED, None)
    assert list(bench.provider.results(handle)) == []
    assert len(vendor.billed) == 2


def test_a_batch_that_failed_is_rejected_with_the_vendors_reason(start: Start) -> None:
    bench, vendor = start("failed_batches=1", "job_states=on")
    handle = bench.provider.submit(outgoing(bench, ["a"], Lane.BATCH))
    assert isinstance(handle, Handle)
    end = ended(bench.provider, handle)
    assert end.phase is Phase.REJECTED
    assert end.failure is not None
    assert (end.failure.kind, end.failure.code) == (FailureKind.SERVER_ERROR, "INTERNAL")
    assert vendor.billed == []


def test_what_a_cancelled_batch_delivers_is_kept(start: Start) -> None:
    bench, _ = start("cancelled_delivers=on", "batch_seconds=4", "cancelling_seconds=0.5")
    handle = bench.provider.submit(outgoing(bench, [f"number {n}" for n in range(4)], Lane.BATCH))
    assert isinstance(handle, Handle)
    for _ in range(1_000):
        if bench.provider.poll(handle).completed:
            break
    bench.provider.cancel(handle)
    end = ended(bench.provider, handle)
    answered = by_key(bench.provider.results(handle))
    assert end.unanswered is FailureKind.CANCELLED
    assert 1 <= len(answered) < 4
    assert all(isinstance(outcome, Made) for outcome in answered.values())


def test_a_lost_create_is_found_again_among_many(start: Start) -> None:
    bench, vendor = start()
    since = now() - timedelta(minutes=1)
    for n in range(12):
        bench.provider.submit(outgoing(bench, [f"other {n}"], Lane.BATCH, f"other-{n}"))
    vendor.dials.lost_reply_after_create = 1
    sent = outgoing(bench, ["a", "b"], Lane.BATCH, "lost-1")
    with pytest.raises(MaybeAccepted):
        bench.provider.submit(sent)
    handle = bench.provider.find(sent, since)
    assert handle is not None
    ended(bench.provider, handle)
    assert set(by_key(bench.provider.results(handle))) == {"item-0", "item-1"}
    assert vendor.ledger.creates == 13


@pytest.mark.parametrize("dial", ["half_uploads=1", "lost_reply_upload=1", "half_uploads=3"])
def test_an_upload_that_breaks_is_taken_up(start: Start, dial: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemini_upload, "PIECE", 512 * 1024)
    bench, vendor = start(dial)
    picture = io.BytesIO()
    Image.effect_noise((512, 512), 90).convert("RGB").save(picture, "PNG")
    reference = Reference(content=picture.getvalue())
    sent = outgoing(bench, [f"number {n}" for n in range(4)], Lane.BATCH, references=(reference,))
    assert sent.byte_size > 1024 * 1024
    handle = bench.provider.submit(sent)
    assert isinstance(handle, Handle)
    ended(bench.provider, handle)
    assert len(by_key(bench.provider.results(handle))) == 4
    starts = [seen for seen in vendor.requests if seen.path.startswith("/upload")]
    assert len(starts) > 1 + -(-sent.byte_size // (512 * 1024)), "asked how far it was"


@pytest.mark.parametrize(
    ("dial", "raised", "kind"),
    [
        ("rate_limit_rate=1", AskAgain, FailureKind.RATE_LIMITED),
        ("quota=on", TellOperator, FailureKind.QUOTA),
        ("no_credit=on", TellOperator, FailureKind.QUOTA),
        ("auth=on", TellOperator, FailureKind.AUTH),
    ],
)
def test_the_accounts_bad_days_are_told_apart(
    start: Start, dial: str, raised: type[AskAgain | TellOperator], kind: FailureKind
) -> None:
    bench, vendor = start("retry_after=7", dial)
    with pytest.raises(raised) as problem:
        live(bench, "a mug")
    assert problem.value.kind is kind
    if isinstance(problem.value, AskAgain):
        assert problem.value.retry_after == timedelta(seconds=7)
    assert vendor.billed == []


def test_a_file_that_is_not_ready_is_tried_again(start: Start) -> None:
    bench, vendor = start("processing_seconds=60")
    sent = outgoing(bench, ["a"], Lane.BATCH, "early-1")
    with pytest.raises(AskAgain):
        bench.provider.submit(sent)
    vendor.dials.processing_seconds = 0
    assert isinstance(bench.provider.submit(sent), Handle)
