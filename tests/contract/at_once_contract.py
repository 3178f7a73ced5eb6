"""The contract for adapters of APIs that answer at once: no batch lane, no handle, nothing to ask later.

Each promise of the suite is kept in its live form; what there is no batch for turns into the promise that the
adapter says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from meddler import SILENT, Answer, Meddler
from provider_contract import (
    GARBAGE,
    MARK,
    QUICK,
    NetworkContract,
    ProviderContract,
    Subject,
    by_key,
    clock,
    content_of,
    live,
    outgoing,
)

from providers.base import (
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
    Provider,
    ProviderError,
    Refused,
    TellOperator,
)
from providers.wire.pictures import media_type


def one_by_one(subject: Subject, prompts: list[str]) -> dict[str, Made | Failure]:
    """What a live job of these prompts ends with."""
    answers = [live(subject, prompt, tag=f"live-{place}") for place, prompt in enumerate(prompts)]
    return by_key([ItemResult(f"item-{place}", one.outcome) for place, one in enumerate(answers)])


class AtOnceBasics(ProviderContract):
    """What needs no trouble on the wire. Tests named as in the suite replace them there."""

    def test_every_card_says_that_there_is_the_live_lane_alone(self, subject: Subject) -> None:
        assert {card.lanes for card in subject.provider.models.values()} == {frozenset({Lane.LIVE})}

    def test_a_request_is_one_line_of_json_without_secrets(self, subject: Subject) -> None:
        prompt = 'a "fox"\nwith \u2028 and \u2029, \u0085, \x00 and 日本'
        request = ImageRequest("k", subject.model, prompt, subject.size)
        line = subject.provider.encode(request, Lane.LIVE).line
        assert b"\n" not in line
        assert len(line.decode().splitlines()) == 1, "a reader that splits at U+2028 would cut it"
        json.loads(line)
        assert subject.secret.encode() not in line

    def test_the_same_request_is_the_same_line(self, subject: Subject) -> None:
        first, second = (outgoing(subject, ["a"], Lane.LIVE).open().read() for _ in range(2))
        assert first == second

    def test_a_batch_is_refused_before_anything_is_sent(self, subject: Subject) -> None:
        with pytest.raises(Refused):
            outgoing(subject, ["a"], Lane.BATCH)
        sent = outgoing(subject, ["a"], Lane.LIVE)
        for wrong in (replace(sent, lane=Lane.BATCH), replace(sent, count=2)):
            with pytest.raises(Refused) as refused:
                subject.provider.submit(wrong)
            assert refused.value.failure.billed is Billed.NO
        assert subject.bills() == []

    def test_each_item_of_a_batch_is_answered_exactly_once(self, subject: Subject) -> None:
        answered = one_by_one(subject, [f"number {n}" for n in range(9)])
        assert set(answered) == {f"item-{n}" for n in range(9)}
        for outcome in answered.values():
            assert media_type(content_of(subject, outcome)).startswith("image/")

    def test_prompts_arrive_as_they_were_written(self, subject: Subject) -> None:
        prompts = [
            "line\u2028separator",
            "naïve café",
            "日本の靴",
            "חולצה כחולה",
            '👟 "quoted" \\ back\nslash\t',
        ]
        assert all(isinstance(outcome, Made) for outcome in one_by_one(subject, prompts).values())
        assert {bill.prompt for bill in subject.bills()} == {f"{MARK} {prompt}" for prompt in prompts}

    def test_some_items_fail_and_the_others_are_kept(self, subject: Subject) -> None:
        answered = one_by_one(subject, ["good one", *subject.troubles.values(), "another good one"])
        kinds = [o.kind if isinstance(o, Failure) else None for _, o in sorted(answered.items())]
        assert kinds == [None, *subject.troubles, None]

    def test_the_vendors_own_cost_is_told(self, subject: Subject) -> None:
        answered = one_by_one(subject, ["cost a", "cost b"])
        told = [outcome.cost_usd for outcome in answered.values() if isinstance(outcome, Made)]
        assert told == [bill.price for bill in subject.bills()]

    def test_a_submission_is_found_by_its_tag_alone(self, subject: Subject) -> None:
        """It is not, and the adapter says so: whether it arrived, nobody can tell."""
        sent = outgoing(subject, ["a"], Lane.LIVE, "tag-sent")
        subject.provider.submit(sent)
        with pytest.raises(NoLookup):
            subject.provider.find(sent, clock() - timedelta(minutes=1))

    def test_the_end_stays_the_end(self, subject: Subject) -> None:
        """Once answered there is nothing more to be had, and stopping changes nothing."""
        self.test_a_submission_nobody_knows_is_gone(subject)

    def test_results_can_be_read_again(self, subject: Subject) -> None:
        """They are in the answer: reading it twice gives the same."""
        outcome = live(subject, "again").outcome
        assert content_of(subject, outcome) == content_of(subject, outcome)

    def test_a_handle_survives_a_restart(self, subject: Subject) -> None:
        """There is none; what survives is the kept line, which another process sends just as well."""
        sent = outgoing(subject, ["after a restart"], Lane.LIVE)
        assert subject.again().submit(sent).results[0].key == "item-0"  # type: ignore[union-attr]

    def test_stopping_twice_is_the_same_as_once(self, subject: Subject) -> None:
        handle = Handle("whatever")
        subject.provider.cancel(handle)
        subject.provider.cancel(handle)

    def test_a_submission_nobody_knows_is_gone(self, subject: Subject) -> None:
        for _ in range(2):
            stranger = Handle("nobody-knows", {"model": subject.model})
            with pytest.raises(Gone):
                subject.provider.poll(stranger)
            with pytest.raises(Gone):
                list(subject.provider.results(stranger))
            subject.provider.cancel(stranger)


class AtOnceContract(AtOnceBasics, NetworkContract):
    """The whole of it. A subclass gives the fixture `subject`."""

    def calls(self, subject: Subject, provider: Provider) -> Mapping[str, Callable[[], Any]]:
        """Every question an adapter asks; the others are answered without the network."""
        return {"check": provider.check}

    @pytest.mark.parametrize(
        "trouble", [Answer(cut_at=-1, forward=True), Answer(502, b"bad gateway", forward=True)]
    )
    def test_nothing_is_paid_twice_whichever_reply_is_lost(self, subject: Subject, trouble: Answer) -> None:
        """One call was made and one picture billed; the adapter never says that it was free."""
        with self.behind(subject, lambda asked: trouble if asked.method == "POST" else None) as (p, meddler):
            try:
                outcome = live(subject, "lost", p).outcome
            except MaybeAccepted:
                pass
            else:
                assert isinstance(outcome, Failure)
                assert outcome.billed is Billed.UNKNOWN
            assert len(meddler.requests) == 1
        assert len(subject.bills()) == 1

    def test_nobody_listening_is_asked_again_in_both_lanes(self, subject: Subject) -> None:
        with Meddler(lambda _: None, subject.base_url) as gone:
            nowhere = gone.url
        provider = subject.again(nowhere)
        for call in (lambda: live(subject, "a", provider), provider.check):
            with pytest.raises(AskAgain):
                call()

    def test_too_many_requests_says_how_long_to_wait(self, subject: Subject) -> None:
        too_many = Answer(429, b'{"error": {"message": "slow"}}', {"retry-after": "7"})
        with self.behind(subject, lambda _: too_many) as (provider, _):
            for call in (lambda: live(subject, "a", provider), provider.check):
                with pytest.raises(AskAgain) as again:
                    call()
                assert again.value.kind is FailureKind.RATE_LIMITED
                assert again.value.retry_after == timedelta(seconds=7)

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_server_error_is_asked_again_where_that_is_free(self, subject: Subject, status: int) -> None:
        with self.behind(subject, lambda _: Answer(status, b"oh no")) as (provider, _):
            with pytest.raises(AskAgain):
                provider.check()
            outcome = live(subject, "a", provider).outcome
            assert isinstance(outcome, Failure)
            assert outcome.kind is FailureKind.SERVER_ERROR

    def test_a_wrong_key_is_the_operators_business(self, subject: Subject) -> None:
        words = json.dumps({"error": {"message": f"Incorrect API key provided: {subject.secret}."}}).encode()
        with self.behind(subject, lambda _: Answer(401, words)) as (provider, _):
            for call in (lambda: live(subject, "a", provider), provider.check):
                with pytest.raises(TellOperator) as told:
                    call()
                assert told.value.kind is FailureKind.AUTH

    def test_the_key_is_not_carried_to_another_address(self, subject: Subject) -> None:
        with Meddler(lambda _: Answer(200, b"{}")) as thief:
            moved = Answer(307, b"", {"location": f"{thief.url}/stolen"})
            with self.behind(subject, lambda _: moved) as (provider, _):
                for call in (lambda: live(subject, "a", provider), provider.check):
                    with pytest.raises(ProviderError):
                        call()
            assert thief.requests == []

    def test_silence_is_not_waited_for_for_ever(self, subject: Subject) -> None:
        with self.behind(subject, lambda _: SILENT, QUICK) as (provider, _), ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(provider.check), pool.submit(live, subject, "a", provider)]
            errors = [type(future.exception(timeout=10)) for future in asked]
            assert errors == [AskAgain, MaybeAccepted]

    def test_a_cut_download_goes_on_where_it_broke(self, subject: Subject) -> None:
        """The answer is the picture: cut, it is a lost reply, and the picture may have been paid for."""
        cut = Answer(
            200, b'{"data": [{"b64_json": "' + b"x" * 5_000, {"content-length": "9000"}, cut_at=4_000
        )
        with (
            self.behind(subject, lambda asked: cut if asked.method == "POST" else None) as (provider, _),
            pytest.raises(MaybeAccepted),
        ):
            live(subject, "cut", provider)

    @pytest.mark.parametrize("garbage", GARBAGE.values(), ids=list(GARBAGE))
    def test_nonsense_never_passes_for_an_answer(self, subject: Subject, garbage: Answer) -> None:
        with self.behind(subject, lambda _: garbage, QUICK) as (provider, _):
            try:
                said = provider.check()
            except ProviderError:
                said = "an error"
            assert "\n" not in said
            try:
                outcome = live(subject, "a", provider).outcome
            except ProviderError:
                return
            assert isinstance(outcome, Failure)
