"""The xAI adapter's calls: what it sends, and what it makes of each scripted reply, over real HTTP."""

from __future__ import annotations

import email
import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from meddler import NOTHING, Answer, Asked, Meddler

from providers.base import (
    Answered,
    AskAgain,
    Billed,
    Failure,
    FailureKind,
    Gone,
    Handle,
    ImageRequest,
    Lane,
    Made,
    MaybeAccepted,
    NoLookup,
    Outgoing,
    Phase,
    ProviderError,
    Refused,
    Size,
    TellOperator,
)
from providers.catalogue import load
from providers.wire.client import Patience
from providers.xai import XAI

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)
MODELS = load()["xai"]
KEY = "xai-test-0123456789abcdef"
MODEL = "grok-imagine-image-2.0"
HANDLE = Handle("batch_1", {"model": MODEL, "count": "2"})
K = FailureKind


def reply(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {k.replace("_", "-"): v for k, v in headers.items()})


def error(status: int, words: str = "No.", code: str = "", **headers: str) -> Answer:
    return reply({"code": code, "error": words}, status, **headers)


@contextmanager
def vendor(
    spoil: Callable[[Asked], Answer], settling: timedelta = timedelta(seconds=60)
) -> Iterator[tuple[XAI, Meddler, list[datetime]]]:
    """The adapter, who answers it, and its clock: the one entry is now."""
    now = [NOW]
    with Meddler(spoil) as server:
        provider = XAI(
            MODELS,
            api_key=KEY,
            base_url=f"{server.url}/v1",
            clock=lambda: now[0],
            patience=Patience(read_seconds=5),
            settling=settling,
        )
        with closing(provider):
            yield provider, server, now


def sent(lane: Lane = Lane.BATCH, count: int = 2, **change: Any) -> Outgoing:
    wish = {"model": MODEL, "prompt": "a shy zebracorn", "size": Size(1024, 1024), **change}
    provider = XAI(MODELS, api_key=KEY, clock=lambda: NOW)
    lines = [provider.encode(ImageRequest(key=f"k{n}", **wish), lane) for n in range(count)]
    provider.close()
    payload = b"".join(line.line + b"\n" for line in lines)
    return Outgoing("tag-1", MODEL, lane, "images", count, len(payload), lambda: io.BytesIO(payload))


def shown(*counters: int, **more: Any) -> dict[str, Any]:
    names = ("num_requests", "num_pending", "num_success", "num_error", "num_cancelled")
    state = dict(zip(names, counters, strict=True))
    return {"batch_id": "batch_1", "name": "tag-1", "create_time": "2026-11-23", "state": state, **more}


def accepting(asked: Asked) -> Answer:
    return reply({"id": "file_1"}) if asked.path == "/v1/files" else reply(shown(0, 0, 0, 0, 0))


def test_a_batch_is_an_upload_and_a_create_under_our_tag() -> None:
    out = sent(count=3)
    with vendor(accepting) as (provider, server, _):
        handle = provider.submit(out)
    assert handle == Handle("batch_1", {"model": MODEL, "count": "3"})
    upload, create = server.requests
    head = f"content-type: {upload.headers['content-type']}\r\n\r\n".encode()
    form = email.message_from_bytes(head + upload.body)
    parts: Any = form.get_payload()
    names = [part.get_param("name", header="content-disposition") for part in parts]
    assert names == ["expires_after", "file"], "its life must come before the file"
    assert parts[0].get_payload() == "259200"
    assert parts[1].get_payload(decode=True) == out.open().read()
    assert parts[1].get_filename() == "tag-1.jsonl"
    assert create.path == "/v1/batches"
    assert json.loads(create.body) == {"name": "tag-1", "input_file_id": "file_1"}


@pytest.mark.parametrize(
    ("answer", "at_file", "at_create"),
    [
        (NOTHING, AskAgain, MaybeAccepted),
        (Answer(200, b"<html>"), AskAgain, MaybeAccepted),
        (reply({"id": 3, "batch_id": 3}), AskAgain, MaybeAccepted),
        (error(500), AskAgain, MaybeAccepted),
        (error(503), AskAgain, MaybeAccepted),
        (error(504), AskAgain, MaybeAccepted),
        (error(429), AskAgain, AskAgain),
        (error(429, "used all available credits"), TellOperator, TellOperator),
        (error(403, "reached its monthly spending limit"), TellOperator, TellOperator),
        (error(400, "Incorrect API key provided"), TellOperator, TellOperator),
        (error(401), TellOperator, TellOperator),
        (error(403), TellOperator, TellOperator),
        (error(400), Refused, Refused),
        (error(413), Refused, Refused),
        (error(422), Refused, Refused),
        (Answer(301, b"", {"location": "https://elsewhere.example/"}), TellOperator, TellOperator),
    ],
)
def test_each_step_of_a_submit_names_the_next_move(
    answer: Answer, at_file: type[ProviderError], at_create: type[ProviderError]
) -> None:
    with vendor(lambda _: answer) as (provider, server, _):
        with pytest.raises(ProviderError) as raised:
            provider.submit(sent())
        assert (type(raised.value), len(server.requests)) == (at_file, 1)
    with vendor(lambda asked: accepting(asked) if asked.path == "/v1/files" else answer) as (
        provider,
        server,
        _,
    ):
        with pytest.raises(ProviderError) as raised:
            provider.submit(sent())
        assert (type(raised.value), len(server.requests)) == (at_create, 2)


def one_live(answer: Answer) -> Made | Failure:
    with vendor(lambda _: answer) as (provider, server, _):
        try:
            answered = provider.submit(sent(Lane.LIVE, count=1))
        finally:
            assert [asked.path for asked in server.requests] == ["/v1/images/generations"]
            assert "custom_id" not in json.loads(server.requests[0].body)
    assert isinstance(answered, Answered)
    assert answered.results[0].key == "k0"
    return answered.results[0].outcome


@pytest.mark.parametrize(
    ("answer", "kind", "billed"),
    [
        (
            reply(
                {
                    "code": "imagine:content-moderated",
                    "error": "Generated image rejected by content moderation.",
                    "usage": {"cost_in_usd_ticks": 600_000_000},
                },
                400,
            ),
            K.CONTENT_POLICY,
            Billed.YES,
        ),
        (reply({"data": [{"respect_moderation": False}]}), K.CONTENT_POLICY, Billed.YES),
        (error(400, "Argument not supported: size"), K.MALFORMED_REQUEST, Billed.NO),
        (error(404, "The model does not exist"), K.MALFORMED_REQUEST, Billed.NO),
        (error(500), K.SERVER_ERROR, Billed.UNKNOWN),
        (Answer(504, b"<html>"), K.TIMEOUT, Billed.UNKNOWN),
        (reply({"data": []}), K.UNKNOWN, Billed.YES),
        (Answer(200, b"<html>"), K.UNKNOWN, Billed.UNKNOWN),
        (Answer(200, b" " * (64 * 1024 * 1024 + 1)), K.UNKNOWN, Billed.YES),
    ],
    ids=["moderated", "held back", "argument", "no model", "500", "504", "no data", "page", "huge"],
)
def test_a_live_answer_that_is_no_picture_is_a_failure_of_the_item(
    answer: Answer, kind: FailureKind, billed: Billed
) -> None:
    outcome = one_live(answer)
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.billed) == (kind, billed)
    assert outcome.message


@pytest.mark.parametrize(
    ("answer", "expected", "kind"),
    [
        (error(429), AskAgain, K.RATE_LIMITED),
        (error(403, "You have run out of credits"), TellOperator, K.QUOTA),
        (error(400, "Incorrect API key provided"), TellOperator, K.AUTH),
        (Answer(308, b"", {"location": "https://elsewhere.example/"}), TellOperator, K.AUTH),
    ],
)
def test_what_stops_all_live_calls_is_raised(answer: Answer, expected: type[Any], kind: FailureKind) -> None:
    with pytest.raises(expected) as raised:
        one_live(answer)
    assert raised.value.kind is kind


def test_words_that_quote_the_key_or_the_prompt_are_not_passed_on() -> None:
    outcome = one_live(error(400, f"Key {KEY} may not ask for 'a shy zebracorn'.", code=f"x {KEY}"))
    assert isinstance(outcome, Failure)
    assert KEY not in f"{outcome}"
    assert "zebracorn" not in f"{outcome}"


def several(answer: Answer, number: int = 3) -> tuple[list[Made | Failure], Asked]:
    """What a call for several pictures of one prompt comes to, and the call."""
    with vendor(lambda _: answer) as (provider, server, _):
        answered = provider.submit(sent(Lane.LIVE, count=number))
    assert isinstance(answered, Answered)
    assert [result.key for result in answered.results] == [f"k{n}" for n in range(number)]
    (asked,) = server.requests
    return [result.outcome for result in answered.results], asked


def pictures(*shown: dict[str, Any], ticks: int | None = None) -> Answer:
    usage = {} if ticks is None else {"usage": {"cost_in_usd_ticks": ticks}}
    return reply({"data": list(shown), **usage})


LINK = {"url": "https://imgen.x.ai/a.jpeg"}
HELD = {"respect_moderation": False}


def test_several_pictures_are_one_call_that_says_how_many() -> None:
    outcomes, asked = several(pictures(LINK, LINK, LINK, ticks=1_800_000_000))
    assert json.loads(asked.body)["n"] == 3
    assert all(isinstance(outcome, Made) for outcome in outcomes)


@pytest.mark.parametrize(
    ("answer", "kinds", "costs"),
    [
        # 0.2 / 3 = 0.066666666 and the rest of a billionth for the first.
        (pictures(LINK, LINK, LINK, ticks=2_000_000_000), ["", "", ""],
         ["0.066666668", "0.066666666", "0.066666666"]),
        # Held back is charged like the others.
        (pictures(LINK, HELD, LINK, ticks=1_800_000_000), ["", K.CONTENT_POLICY, ""], ["0.06"] * 3),
        # One did not come: the two that did cost what was told.
        (pictures(LINK, LINK, ticks=1_200_000_000), ["", "", K.UNKNOWN], ["0.06", "0.06", "0"]),
        (pictures(LINK), ["", K.UNKNOWN, K.UNKNOWN], [None] * 3),
        # None came and it was charged: the money is somebody's.
        (pictures(ticks=1_800_000_000), [K.UNKNOWN] * 3, ["0.06"] * 3),
        # More than were asked for: nobody's.
        (pictures(*[LINK] * 5, ticks=1_800_000_000), ["", "", ""], ["0.06"] * 3),
        # The refusal of the whole call tells what all of it cost.
        (reply({"code": "imagine:content-moderated", "error": "Rejected by content moderation.",
                "usage": {"cost_in_usd_ticks": 1_800_000_000}}, 400), [K.CONTENT_POLICY] * 3, ["0.06"] * 3),
        (error(500), [K.SERVER_ERROR] * 3, [None] * 3),
    ],
)  # fmt: skip
def test_each_picture_has_its_outcome_and_its_share_of_the_cost(
    answer: Answer, kinds: list[str], costs: list[str | None]
) -> None:
    outcomes, _ = several(answer)
    assert ["" if isinstance(outcome, Made) else outcome.kind for outcome in outcomes] == kinds
    assert [outcome.cost_usd for outcome in outcomes] == [c if c is None else Decimal(c) for c in costs]
    for outcome, cost in zip(outcomes, costs, strict=True):
        if isinstance(outcome, Failure) and cost is not None:
            assert outcome.billed is (Billed.YES if Decimal(cost) else Billed.NO)


@pytest.mark.parametrize(("count", "words"), [(11, "at most 10"), (0, "at most 10")])
def test_more_pictures_than_a_call_makes_are_refused_before_it_is_sent(count: int, words: str) -> None:
    with vendor(lambda _: NOTHING) as (provider, server, _):
        out = sent(Lane.LIVE, count=count or 1)
        with pytest.raises(Refused, match=words):
            provider.submit(out if count else replace(out, open=io.BytesIO))
        assert server.requests == []


def pages(*batches: dict[str, Any], size: int) -> Callable[[Asked], Answer]:
    def answer(asked: Asked) -> Answer:
        start = int(asked.path.partition("pagination_token=")[2] or 0)
        end = start + size
        token = str(end) if end < len(batches) else None
        return reply({"batches": list(batches[start:end]), "pagination_token": token})

    return answer


def test_a_batch_is_found_by_its_name_on_any_page() -> None:
    others = [shown(1, 0, 1, 0, 0) | {"batch_id": f"batch_{n}", "name": "other"} for n in range(5)]
    with vendor(pages(*others, shown(0, 0, 0, 0, 0), size=2)) as (provider, server, _):
        assert provider.find(sent(), SINCE) == HANDLE
        assert len(server.requests) == 3
        assert "limit=100" in server.requests[0].path


def test_a_batch_of_the_same_name_from_long_ago_is_another() -> None:
    old = shown(1, 0, 1, 0, 0) | {"create_time": "2026-11-20"}
    with vendor(pages(old, size=5)) as (provider, _, _):
        assert provider.find(sent(), SINCE) is None
        with pytest.raises(NoLookup):
            provider.find(sent(Lane.LIVE, count=1), SINCE)


@pytest.mark.parametrize(
    "page", [{}, {"batches": {}}, {"batches": [], "pagination_token": "again"}], ids=["none", "odd", "loop"]
)
def test_a_list_that_cannot_be_followed_never_means_it_did_not_arrive(page: dict[str, Any]) -> None:
    with vendor(lambda _: reply(page)) as (provider, _, _), pytest.raises(AskAgain):
        provider.find(sent(), SINCE)


def test_a_cancel_is_believed_only_after_the_counters_stand_still() -> None:
    stopped = {"cancel_time": "2026-11-23"}
    script = [
        shown(2, 0, 0, 0, 2, **stopped),
        shown(2, 0, 0, 0, 2, **stopped),
        shown(2, 0, 1, 0, 1, **stopped),  # one landed after all
        shown(2, 0, 1, 0, 1, **stopped),
        shown(2, 0, 1, 0, 1, **stopped),
        shown(2, 0, 1, 0, 1, **stopped),
    ]
    seen = []
    with vendor(lambda asked: reply(script[asked.number])) as (provider, _, now):
        for _ in script:
            seen.append(provider.poll(HANDLE).phase)
            now[0] += timedelta(seconds=40)
        # Two looks at 40 seconds each are not a minute of standing still; three are.
    assert seen == [Phase.RUNNING] * 4 + [Phase.ENDED] * 2


def test_a_batch_with_fewer_items_than_were_sent_is_given_time() -> None:
    with vendor(lambda _: reply(shown(1, 0, 1, 0, 0))) as (provider, _, now):
        assert provider.poll(HANDLE).phase is Phase.RUNNING, "the file may still be read"
        assert provider.poll(Handle("batch_2", {})).phase is Phase.ENDED, "how many were sent is not known"
        now[0] += timedelta(seconds=60)
        assert provider.poll(HANDLE).phase is Phase.ENDED


def test_what_is_remembered_of_batches_is_bounded() -> None:
    with vendor(lambda _: reply(shown(0, 0, 0, 0, 0, cancel_time="2026-11-23"))) as (provider, _, _):
        for number in range(1_010):
            provider._unsettled[f"batch_{number}"] = ((1,), NOW)
            while len(provider._unsettled) > 1_000:
                provider._unsettled.pop(next(iter(provider._unsettled)))
        provider.poll(HANDLE)
        assert len(provider._unsettled) == 1_000
        assert HANDLE.id in provider._unsettled


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"batch_id": "batch_1"}', b'{"state": {}}'])
def test_a_batch_that_cannot_be_read_is_asked_again(body: bytes) -> None:
    with vendor(lambda _: Answer(200, body)) as (provider, _, _), pytest.raises(AskAgain):
        provider.poll(HANDLE)


def test_results_that_lead_nowhere_are_asked_again() -> None:
    def answer(asked: Asked) -> Answer:
        if "/results" not in asked.path:
            return reply(shown(2, 0, 2, 0, 0))
        return reply({"results": [], "pagination_token": "again"})

    with vendor(answer) as (provider, _, _), pytest.raises(AskAgain):
        list(provider.results(HANDLE))


@pytest.mark.parametrize("trouble", [error(500), Answer(200, b"<html>"), Answer(200, b"x" * 50, cut_at=9)])
def test_a_picture_that_cannot_be_had_now_comes_as_its_link(
    trouble: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    address: list[str] = []

    def answer(asked: Asked) -> Answer:
        if asked.path.startswith("/picture"):
            return trouble
        if "/results" not in asked.path:
            return reply(shown(1, 0, 1, 0, 0))
        made = {"data": [{"url": f"{address[0]}/picture?Signature=abcdef0123"}]}
        row = {"batch_request_id": "k0", "batch_result": {"response": {"image_generation": made}}}
        return reply({"results": [row], "pagination_token": ""})

    with vendor(answer) as (provider, server, _):
        address.append(server.url)
        (result,) = provider.results(HANDLE)
    assert isinstance(result.outcome, Made)
    assert result.outcome.pictures[0].content is None
    assert result.outcome.pictures[0].locator == f"{address[0]}/picture?Signature=abcdef0123"
    assert "left for later" in caplog.text
    assert "abcdef0123" not in caplog.text


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply(shown(1, 0, 0, 0, 1)), None),
        (error(412, "The batch is completed"), None),
        (error(409, "Already cancelled"), None),
        (error(400, "Incorrect API key provided"), TellOperator),
        (error(404), Gone),
        (error(429), AskAgain),
    ],
)
def test_cancelling_what_is_over_is_fine(answer: Answer, expected: type[ProviderError] | None) -> None:
    with vendor(lambda _: answer) as (provider, server, _):
        if expected is None:
            provider.cancel(HANDLE)
        else:
            with pytest.raises(expected):
                provider.cancel(HANDLE)
        assert server.requests[0].path == "/v1/batches/batch_1:cancel"


def test_the_check_reads_names_and_other_names_in_both_spellings() -> None:
    models = [{"id": MODEL, "aliases": ["grok-imagine-image-quality"]}, {"name": "grok-imagine-image"}]
    for word in ("models", "data"):
        with vendor(lambda _, word=word: reply({word: models})) as (provider, server, _):
            said = provider.check()
            assert server.requests[0].path == "/v1/image-generation-models"
        assert said == f"xAI answers: 2 of the known models can be used ({MODEL}, grok-imagine-image)"
