"""What every adapter must do, whatever its vendor: inherit, give a `subject`, and the suite runs.

The promises are those of `providers/base.py`. `ProviderContract` is for all; `NetworkContract` adds what can
only go wrong over a network and needs the vendor's simulator behind a meddling server.
"""

from __future__ import annotations

import io
import json
import logging
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from meddler import LOST, NOTHING, SILENT, SILENT_AFTER, Answer, Asked, Meddler

from providers.base import (
    Answered,
    AskAgain,
    Billed,
    Failure,
    FailureKind,
    Gone,
    Handle,
    ImageRequest,
    ItemResult,
    Lane,
    Made,
    MaybeAccepted,
    NoLookup,
    Outgoing,
    Phase,
    Provider,
    ProviderError,
    Reference,
    Refused,
    Size,
    TellOperator,
)
from providers.wire.client import Patience
from providers.wire.pictures import media_type

MARK = "zebracorn"
"""Stands in every prompt, so that a prompt in a log or an error is noticed."""

QUICK = Patience(connect_seconds=1, write_seconds=2, read_seconds=0.4, making_seconds=0.6, reply_seconds=2)
"""For adapters behind a server that hangs."""
SQUARE = Size(1024, 1024)
CALM = Patience(connect_seconds=5, write_seconds=10, read_seconds=15, making_seconds=15)


def clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Bill:
    """One picture the vendor made and charges for, as its simulator remembers."""

    prompt: str
    price: Decimal


@dataclass
class Subject:
    """An adapter on the test bench."""

    provider: Provider
    model: str
    secret: str = "no-secret-at-all"
    troubles: Mapping[FailureKind, str] = field(default_factory=dict)
    """Prompts that make the vendor fail an item in this way."""
    bills: Callable[[], Sequence[Bill]] = list
    make: Callable[[str, Patience], Provider] | None = None
    """Another adapter for the same vendor, at another address."""
    base_url: str = ""
    size: Size = SQUARE
    closing: list[Provider] = field(default_factory=list)

    def again(self, base_url: str = "", patience: Patience = CALM) -> Provider:
        assert self.make is not None
        made = self.make(base_url or self.base_url, patience)
        self.closing.append(made)
        return made


def outgoing(
    subject: Subject, prompts: Sequence[str], lane: Lane, tag: str = "sub-1", **extra: Any
) -> Outgoing:
    """A submission of these prompts under the keys item-0, item-1 and so on."""
    lines = [
        subject.provider.encode(
            ImageRequest(
                key=f"item-{n}", model=subject.model, prompt=f"{MARK} {prompt}", size=subject.size, **extra
            ),
            lane,
        )
        for n, prompt in enumerate(prompts)
    ]
    payload = b"".join(line.line + b"\n" for line in lines)
    return Outgoing(
        tag, subject.model, lane, lines[0].group, len(lines), len(payload), lambda: io.BytesIO(payload)
    )


def ended(provider: Provider, handle: Handle, seconds: float = 20) -> Any:
    """Progress at the end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        progress = provider.poll(handle)
        if progress.phase in (Phase.ENDED, Phase.REJECTED):
            return progress
        time.sleep(0.03)
    raise AssertionError(f"the submission did not end: {progress}")


def by_key(results: Iterator[ItemResult] | Sequence[ItemResult]) -> dict[str, Made | Failure]:
    found = list(results)
    twice = [key for key, times in Counter(r.key for r in found).items() if times > 1]
    assert not twice, f"answered more than once: {twice}"
    return {r.key: r.outcome for r in found}


def batch(subject: Subject, prompts: Sequence[str], tag: str = "sub-1") -> dict[str, Made | Failure]:
    handle = subject.provider.submit(outgoing(subject, prompts, Lane.BATCH, tag))
    assert isinstance(handle, Handle)
    ended(subject.provider, handle)
    return by_key(subject.provider.results(handle))


def live(subject: Subject, prompt: str, provider: Provider | None = None, tag: str = "live-1") -> ItemResult:
    answer = (provider or subject.provider).submit(outgoing(subject, [prompt], Lane.LIVE, tag))
    assert isinstance(answer, Answered)
    (result,) = answer.results
    return result


def content_of(subject: Subject, outcome: Made | Failure) -> bytes:
    assert isinstance(outcome, Made), outcome
    picture = outcome.pictures[0]
    if picture.content is not None:
        return picture.content
    assert picture.locator is not None
    return subject.provider.fetch(picture.locator)


def same(subject: Subject, number: int, lane: Lane = Lane.LIVE, prompt: str = "the same") -> Outgoing:
    """A submission of one request under several keys."""
    return outgoing(subject, [prompt] * number, lane)


class ProviderContract:
    """For every adapter. A subclass gives the fixture `subject`."""

    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _no_secret_gets_out(
        self, subject: Subject, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[None]:
        """Watches every error raised and line logged in every test, and closes what was made."""
        texts: list[str] = []
        for kind in (AskAgain, MaybeAccepted, Refused, TellOperator, Gone, NoLookup):
            made = kind.__init__

            def note(self: Any, *args: Any, _made: Any = made, **kwargs: Any) -> None:
                _made(self, *args, **kwargs)
                texts.append(repr(self))
                context = self.__cause__ or self.__context__
                texts.append("".join(traceback.format_exception(context)) if context else "")

            monkeypatch.setattr(kind, "__init__", note)
        caplog.set_level(logging.DEBUG)
        yield
        for provider in (subject.provider, *subject.closing):
            provider.close()
        told = "\n".join((*texts, caplog.text, repr(subject.provider), str(vars(subject.provider))))
        assert subject.secret not in told
        assert MARK not in "\n".join((*texts, caplog.text)), "a prompt got into an error or a log"

    def test_it_has_the_shape_of_a_provider_and_cards_of_its_own(self, subject: Subject) -> None:
        assert isinstance(subject.provider, Provider)
        assert {card.provider for card in subject.provider.models.values()} == {subject.provider.name}
        assert all(name == card.id for name, card in subject.provider.models.items())

    def test_the_key_is_checked_with_one_sentence(self, subject: Subject) -> None:
        said = subject.provider.check()
        assert said
        assert "\n" not in said

    def test_a_request_is_one_line_of_json_without_secrets(self, subject: Subject) -> None:
        prompt = 'a "fox"\nwith \u2028 and \u2029, \u0085, \x00 and 日本'
        line = subject.provider.encode(
            ImageRequest("k", subject.model, prompt, subject.size), Lane.BATCH
        ).line
        assert b"\n" not in line
        assert len(line.decode().splitlines()) == 1, "a reader that splits at U+2028 would cut it"
        json.loads(line)
        assert subject.secret.encode() not in line

    def test_the_same_request_is_the_same_line(self, subject: Subject) -> None:
        assert (
            outgoing(subject, ["a"], Lane.BATCH).open().read()
            == outgoing(subject, ["a"], Lane.BATCH).open().read()
        )

    @pytest.mark.parametrize(
        "change",
        [
            {"model": "no-such-model"},
            {"prompt": "far too long " * 20_000},
            {"prompt": "half a pair \ud83d"},
            {"size": Size(17, 13)},
            {"quality": "exquisite"},
            {"references": (Reference(content=b"x"),) * 99},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_what_cannot_be_said_is_refused_before_it_costs(
        self, subject: Subject, change: dict[str, Any]
    ) -> None:
        wish = {"key": "k", "model": subject.model, "prompt": f"{MARK} fox", "size": subject.size, **change}
        for lane in subject.provider.models[subject.model].lanes:
            with pytest.raises(Refused) as refused:
                subject.provider.encode(ImageRequest(**wish), lane)
            failure = refused.value.failure
            assert (failure.kind, failure.billed) == (FailureKind.MALFORMED_REQUEST, Billed.NO)
            assert failure.message

    def test_each_item_of_a_batch_is_answered_exactly_once(self, subject: Subject) -> None:
        prompts = [f"number {n}" for n in range(9)]
        answered = batch(subject, prompts)
        assert set(answered) == {f"item-{n}" for n in range(9)}
        for outcome in answered.values():
            assert media_type(content_of(subject, outcome)).startswith("image/")

    def test_a_live_call_is_answered_at_once(self, subject: Subject) -> None:
        result = live(subject, "one")
        assert result.key == "item-0"
        assert media_type(content_of(subject, result.outcome)).startswith("image/")

    def test_live_calls_may_come_from_many_threads(self, subject: Subject) -> None:
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda n: live(subject, f"thread {n}", tag=f"live-{n}"), range(8)))
        assert all(isinstance(r.outcome, Made) for r in results)

    def test_prompts_arrive_as_they_were_written(self, subject: Subject) -> None:
        prompts = [
            "line\u2028separator",
            "naïve café",
            "日本の靴",
            "חולצה כחולה",
            '👟 "quoted" \\ back\nslash\t',
        ]
        answered = batch(subject, prompts)
        assert all(isinstance(outcome, Made) for outcome in answered.values())
        live(subject, prompts[0])
        if bills := subject.bills():
            assert {bill.prompt for bill in bills} == {f"{MARK} {prompt}" for prompt in prompts}

    def test_some_items_fail_and_the_others_are_kept(self, subject: Subject) -> None:
        prompts = ["good one", *subject.troubles.values(), "another good one"]
        answered = batch(subject, prompts)
        kinds = [o.kind if isinstance(o, Failure) else None for _, o in sorted(answered.items())]
        assert kinds == [None, *subject.troubles, None]

    def test_a_live_item_that_fails_says_why(self, subject: Subject) -> None:
        for kind, prompt in subject.troubles.items():
            outcome = live(subject, prompt).outcome
            assert isinstance(outcome, Failure)
            assert outcome.kind is kind
            assert outcome.message
            assert len(outcome.message) <= 400

    def test_the_vendors_own_cost_is_told(self, subject: Subject) -> None:
        answered = batch(subject, ["cost a", "cost b"])
        answered["live"] = live(subject, "cost c").outcome
        told = [outcome.cost_usd for outcome in answered.values() if isinstance(outcome, Made)]
        assert len(told) == 3
        if bills := subject.bills():
            assert sorted(told) == sorted(bill.price for bill in bills)

    def test_a_submission_is_found_by_its_tag_alone(self, subject: Subject) -> None:
        since = clock() - timedelta(minutes=1)
        sent = outgoing(subject, ["a"], Lane.BATCH, "tag-sent")
        handle = subject.provider.submit(sent)
        subject.provider.submit(outgoing(subject, ["b"], Lane.BATCH, "tag-other"))
        assert subject.provider.find(sent, since) == handle
        assert subject.provider.find(outgoing(subject, ["a"], Lane.BATCH, "tag-unsent"), since) is None

    def test_live_calls_are_found_or_said_to_be_beyond_finding(self, subject: Subject) -> None:
        try:
            found = subject.provider.find(outgoing(subject, ["a"], Lane.LIVE, "live-unsent"), clock())
        except NoLookup:
            return
        assert found is None

    def test_the_end_stays_the_end(self, subject: Subject) -> None:
        handle = subject.provider.submit(outgoing(subject, ["a", "b"], Lane.BATCH))
        assert isinstance(handle, Handle)
        end = ended(subject.provider, handle)
        assert (end.phase, end.total, end.completed, end.failed) == (Phase.ENDED, 2, 2, 0)
        assert end.results_expire_at is None or end.results_expire_at > clock()
        subject.provider.cancel(handle)
        assert [subject.provider.poll(handle) for _ in range(3)] == [end] * 3

    def test_results_can_be_read_again(self, subject: Subject) -> None:
        handle = subject.provider.submit(outgoing(subject, ["a", "b", "c"], Lane.BATCH))
        assert isinstance(handle, Handle)
        ended(subject.provider, handle)
        half_read = subject.provider.results(handle)
        next(half_read)
        half_read.close()  # type: ignore[attr-defined]
        first, second = by_key(subject.provider.results(handle)), by_key(subject.provider.results(handle))
        assert first == second
        assert len(first) == 3

    def test_a_handle_survives_a_restart(self, subject: Subject) -> None:
        handle = subject.provider.submit(outgoing(subject, ["a"], Lane.BATCH))
        assert isinstance(handle, Handle)
        written = json.dumps({"id": handle.id, "data": dict(handle.data)})
        assert subject.secret not in written
        kept = json.loads(written)
        provider = subject.again() if subject.make else subject.provider
        restored = Handle(kept["id"], kept["data"])
        ended(provider, restored)
        assert set(by_key(provider.results(restored))) == {"item-0"}

    def test_stopping_twice_is_the_same_as_once(self, subject: Subject) -> None:
        handle = subject.provider.submit(outgoing(subject, [f"c {n}" for n in range(4)], Lane.BATCH))
        assert isinstance(handle, Handle)
        subject.provider.cancel(handle)
        subject.provider.cancel(handle)
        end = ended(subject.provider, handle)
        subject.provider.cancel(handle)
        answered = by_key(subject.provider.results(handle))
        missing = {f"item-{n}" for n in range(4)} - set(answered)
        assert not missing or end.unanswered is FailureKind.CANCELLED
        for outcome in answered.values():
            assert isinstance(outcome, Made) or outcome.kind is FailureKind.CANCELLED

    def test_a_submission_nobody_knows_is_gone(self, subject: Subject) -> None:
        stranger = Handle("batch_nobody_knows", {"model": subject.model})
        with pytest.raises(Gone):
            subject.provider.poll(stranger)
        with pytest.raises(Gone):
            list(subject.provider.results(stranger))


GARBAGE: Mapping[str, Answer] = {
    "a web page": Answer(200, b"<html>Welcome to the hotel's wifi</html>", {"content-type": "text/html"}),
    "nothing": Answer(200, b""),
    "half an object": Answer(200, b'{"id": "batch_1", "data": [{"b64'),
    "a list": Answer(200, b"[1, 2, 3]"),
    "null": Answer(200, b"null"),
    "a number": Answer(200, b"7"),
    "wrong types": Answer(
        200,
        json.dumps(
            {
                "id": 7,
                "status": [],
                "data": {"a": 1},
                "request_counts": "many",
                "output_file_id": {},
                "usage": 3,
            }
        ).encode(),
    ),
    "not text": Answer(200, b"\xff\xfe\x00\x01" * 50),
    "a deep nest": Answer(200, b"[" * 200_000),
    "too much": Answer(200, b'{"data": "' + b"x" * (9 * 1024 * 1024) + b'"}'),
    "no such thing": Answer(204, b""),
    "a teapot": Answer(418, b"I am a teapot"),
    "an error in a page": Answer(500, b"<html>500</html>"),
    "an error of wrong types": Answer(400, b'{"error": {"code": [], "type": 3, "message": {"a": 1}}}'),
    "an error as text": Answer(400, b'{"error": "no"}'),
    "cut in the body": Answer(200, b'{"id": "x"}' * 50, cut_at=100),
    "cut at once": NOTHING,
}


class NetworkContract(ProviderContract):
    """For adapters that call a vendor: the wire breaks at every step."""

    @contextmanager
    def behind(
        self, subject: Subject, spoil: Callable[[Asked], Answer | None], patience: Patience = CALM
    ) -> Iterator[tuple[Provider, Meddler]]:
        with Meddler(spoil, subject.base_url) as meddler:
            provider = subject.again(meddler.url, patience)
            yield provider, meddler
            provider.close()

    def calls(self, subject: Subject, provider: Provider) -> Mapping[str, Callable[[], Any]]:
        """Every question an adapter asks."""
        handle = Handle("batch_1", {"model": subject.model, "group": "g", "endpoint": "g"})
        sent = outgoing(subject, ["a"], Lane.BATCH)
        return {
            "check": provider.check,
            "find": lambda: provider.find(sent, clock() - timedelta(hours=1)),
            "poll": lambda: provider.poll(handle),
            "results": lambda: list(provider.results(handle)),
            "cancel": lambda: provider.cancel(handle),
        }

    @pytest.mark.parametrize(
        "trouble", [LOST, Answer(502, b"bad gateway", forward=True)], ids=["lost", "502"]
    )
    def test_nothing_is_paid_twice_whichever_reply_is_lost(self, subject: Subject, trouble: Answer) -> None:
        """The reply to the nth request of a submit is lost, for each n; the bot's rule brings it through."""
        for step in range(6):
            spoiled: list[int] = []
            sent = outgoing(subject, [f"lost {step}-{n}" for n in range(2)], Lane.BATCH, f"lost-{step}")

            def spoil(asked: Asked, step: int = step, spoiled: list[int] = spoiled) -> Answer | None:
                if asked.method != "GET" and asked.number == step and not spoiled:
                    spoiled.append(step)
                    return trouble
                return None

            with self.behind(subject, spoil) as (provider, _):
                handle = self.bring_through(provider, sent)
                if not spoiled:
                    break
                ended(provider, handle)
                answered = by_key(provider.results(handle))
            assert set(answered) == {"item-0", "item-1"}
            bills = Counter(bill.prompt for bill in subject.bills() if f"lost {step}-" in bill.prompt)
            assert set(bills.values()) <= {1}
        assert step > 0

    def bring_through(self, provider: Provider, sent: Outgoing) -> Handle:
        """Submit as the bot does after faults: ask again on AskAgain, look it up on MaybeAccepted."""
        since = clock() - timedelta(minutes=5)
        for _ in range(5):
            try:
                handle = provider.submit(sent)
            except AskAgain:
                continue
            except MaybeAccepted:
                found = provider.find(sent, since)
                if found is None:
                    continue
                return found
            assert isinstance(handle, Handle)
            return handle
        raise AssertionError("it does not get through")

    def test_a_lost_live_reply_may_have_cost_money(self, subject: Subject) -> None:
        for trouble, patience in ((LOST, CALM), (SILENT_AFTER, QUICK), (NOTHING, CALM)):
            with (
                self.behind(
                    subject, lambda asked, t=trouble: t if asked.method == "POST" else None, patience
                ) as (p, _),
                pytest.raises(MaybeAccepted),
            ):
                live(subject, "lost", p)

    def test_one_live_call_makes_as_many_pictures_as_the_card_says(self, subject: Subject) -> None:
        card = subject.provider.models[subject.model]
        most = card.images_per_call
        with pytest.raises(Refused) as refused:
            subject.provider.submit(same(subject, most + 1))
        assert refused.value.failure.billed is Billed.NO
        with pytest.raises(Refused):
            subject.provider.submit(outgoing(subject, ["one", "another"], Lane.LIVE))
        assert subject.bills() == []
        if most == 1:
            return
        answer = subject.provider.submit(same(subject, most))
        assert isinstance(answer, Answered)
        assert [result.key for result in answer.results] == [f"item-{n}" for n in range(most)], "in order"
        made = by_key(answer.results)
        pictures = {content_of(subject, outcome) for outcome in made.values()}
        assert len(pictures) == most, "each item has a picture of its own"
        told = [outcome.cost_usd for outcome in made.values() if outcome.cost_usd is not None]
        assert sum(told) == sum(bill.price for bill in subject.bills())
        assert len(subject.bills()) == most

    def test_a_call_that_makes_fewer_pictures_keeps_those_and_fails_the_rest(self, subject: Subject) -> None:
        most = subject.provider.models[subject.model].images_per_call
        if most == 1:
            return
        with Meddler(lambda _: None, subject.base_url) as meddler:

            def cut(asked: Asked) -> Answer:
                real = meddler._forward(asked)
                said = json.loads(real.body)
                return replace(real, body=json.dumps({**said, "data": said["data"][:-1]}).encode())

            meddler.spoil = cut
            answer = subject.again(meddler.url).submit(same(subject, most))
            assert len(meddler.requests) == 1
        assert isinstance(answer, Answered)
        outcomes = list(by_key(answer.results).values())
        assert [isinstance(outcome, Made) for outcome in outcomes] == [True] * (most - 1) + [False]
        told = [outcome.cost_usd for outcome in outcomes if outcome.cost_usd is not None]
        assert sum(told) == sum(bill.price for bill in subject.bills()), "all that was billed is somebody's"

    def test_a_live_call_is_sent_once(self, subject: Subject) -> None:
        with self.behind(subject, lambda _: Answer(500, b"{}")) as (provider, meddler):
            result = live(subject, "once", provider)
            assert isinstance(result.outcome, Failure)
            assert result.outcome.kind is FailureKind.SERVER_ERROR
            assert len(meddler.requests) == 1

    def test_nobody_listening_is_asked_again_in_both_lanes(self, subject: Subject) -> None:
        with Meddler(lambda _: None, subject.base_url) as gone:
            nowhere = gone.url
        provider = subject.again(nowhere)
        for lane in (Lane.BATCH, Lane.LIVE):
            with pytest.raises(AskAgain):
                provider.submit(outgoing(subject, ["a"], lane))
        for call in self.calls(subject, provider).values():
            with pytest.raises(AskAgain):
                call()

    def test_too_many_requests_says_how_long_to_wait(self, subject: Subject) -> None:
        too_many = Answer(429, b'{"error": {"message": "slow"}}', {"retry-after": "7"})
        with self.behind(subject, lambda _: too_many) as (provider, _):
            asks = dict(self.calls(subject, provider))
            asks["batch"] = lambda: provider.submit(outgoing(subject, ["a"], Lane.BATCH))
            asks["live"] = lambda: provider.submit(outgoing(subject, ["a"], Lane.LIVE))
            for call in asks.values():
                with pytest.raises(AskAgain) as again:
                    call()
                assert again.value.kind is FailureKind.RATE_LIMITED
                assert again.value.retry_after == timedelta(seconds=7)

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_server_error_is_asked_again_where_that_is_free(self, subject: Subject, status: int) -> None:
        with self.behind(subject, lambda _: Answer(status, b"oh no")) as (provider, _):
            for call in self.calls(subject, provider).values():
                with pytest.raises(AskAgain):
                    call()
            with pytest.raises((AskAgain, MaybeAccepted)):
                provider.submit(outgoing(subject, ["a"], Lane.BATCH))

    def test_a_wrong_key_is_the_operators_business(self, subject: Subject) -> None:
        words = json.dumps({"error": {"message": f"Incorrect API key provided: {subject.secret}."}}).encode()
        with self.behind(subject, lambda _: Answer(401, words)) as (provider, _):
            asks = dict(self.calls(subject, provider))
            asks["batch"] = lambda: provider.submit(outgoing(subject, ["a"], Lane.BATCH))
            asks["live"] = lambda: provider.submit(outgoing(subject, ["a"], Lane.LIVE))
            for call in asks.values():
                with pytest.raises(TellOperator) as told:
                    call()
                assert told.value.kind is FailureKind.AUTH

    def test_the_key_is_not_carried_to_another_address(self, subject: Subject) -> None:
        with Meddler(lambda _: Answer(200, b"{}")) as thief:
            moved = Answer(307, b"", {"location": f"{thief.url}/stolen"})
            with self.behind(subject, lambda _: moved) as (provider, _):
                asks = dict(self.calls(subject, provider))
                asks["batch"] = lambda: provider.submit(outgoing(subject, ["a"], Lane.BATCH))
                asks["live"] = lambda: provider.submit(outgoing(subject, ["a"], Lane.LIVE))
                for call in asks.values():
                    with pytest.raises(ProviderError):
                        call()
            assert thief.requests == []

    def test_silence_is_not_waited_for_for_ever(self, subject: Subject) -> None:
        with self.behind(subject, lambda _: SILENT, QUICK) as (provider, _), ThreadPoolExecutor(8) as pool:
            began = time.monotonic()
            asked = [pool.submit(call) for call in self.calls(subject, provider).values()]
            asked.append(pool.submit(provider.submit, outgoing(subject, ["a"], Lane.BATCH)))
            errors = [future.exception() for future in asked]
            assert {type(error) for error in errors} <= {AskAgain, MaybeAccepted}
            assert time.monotonic() - began < 10

    def test_a_cut_download_goes_on_where_it_broke(self, subject: Subject) -> None:
        handle = subject.provider.submit(outgoing(subject, [f"cut {n}" for n in range(4)], Lane.BATCH))
        assert isinstance(handle, Handle)
        ended(subject.provider, handle)
        cuts: list[int] = []
        with Meddler(lambda _: None, subject.base_url) as meddler:

            def spoil(asked: Asked) -> Answer | None:
                real = meddler._forward(asked)
                if len(real.body) > 2_000 and len(cuts) < 3:
                    cuts.append(asked.number)
                    size = {"content-length": str(len(real.body))}
                    return Answer(
                        real.status, real.body, {**real.headers, **size}, cut_at=len(real.body) // 2
                    )
                return real

            meddler.spoil = spoil
            answered = by_key(subject.again(meddler.url).results(handle))
        assert len(cuts) == 3
        assert answered == by_key(subject.provider.results(handle))

    @pytest.mark.parametrize("garbage", GARBAGE.values(), ids=list(GARBAGE))
    def test_nonsense_never_passes_for_an_answer(self, subject: Subject, garbage: Answer) -> None:
        with self.behind(subject, lambda _: garbage, QUICK) as (provider, _):
            for name, call in self.calls(subject, provider).items():
                try:
                    said = call()
                except ProviderError:
                    continue
                assert name in ("check", "cancel", "poll", "results"), f"{name} believed it: {said}"
                if name == "poll":
                    assert said.phase is Phase.RUNNING
                if name == "results":
                    assert all(isinstance(result.outcome, Failure) for result in said)
            with pytest.raises(ProviderError):
                provider.submit(outgoing(subject, ["a"], Lane.BATCH))
            try:
                outcome = live(subject, "a", provider).outcome
            except (MaybeAccepted, Refused, TellOperator, AskAgain):
                return
            assert isinstance(outcome, Failure)

    def test_a_client_that_was_closed_says_so(self, subject: Subject) -> None:
        provider = subject.again()
        provider.check()
        provider.close()
        provider.close()
        with pytest.raises(ProviderError):
            provider.check()
