"""From OpenAI's answers to our words: why a call failed, what a line of results holds, what it cost. Pure.

Facts: developers.openai.com error codes, image guide and batch guide; the shapes of error lines from
openai/openai-openapi issue 302; read in 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from providers.base import Billed, Failure, FailureKind, ItemResult, Made, Picture
from providers.catalogue import ModelCard, TokenPrices
from providers.openai_requests import EDITS
from providers.wire import pictures
from providers.wire.errors import redact
from providers.wire.jsonl import LINE_LIMIT, Line
from providers.wire.shapes import Unreadable, count, mapping, parse_object, sequence, text

KINDS: Mapping[str, FailureKind] = {
    "moderation_blocked": FailureKind.CONTENT_POLICY,
    "content_policy_violation": FailureKind.CONTENT_POLICY,  # before GPT image models
    # Money comes before the status: these arrive as 429 and would be asked again for ever.
    "insufficient_quota": FailureKind.QUOTA,
    "credit_balance_exhausted": FailureKind.QUOTA,
    "organization_spend_limit_exceeded": FailureKind.QUOTA,
    "project_spend_limit_exceeded": FailureKind.QUOTA,
    "organization_usage_limit_exceeded": FailureKind.QUOTA,
    "billing_hard_limit_reached": FailureKind.QUOTA,
    "billing_not_active": FailureKind.QUOTA,
    "invalid_api_key": FailureKind.AUTH,
    "model_not_found": FailureKind.MALFORMED_REQUEST,
    "rate_limit_exceeded": FailureKind.RATE_LIMITED,
    "rate_limit_error": FailureKind.RATE_LIMITED,
    "slow_down": FailureKind.RATE_LIMITED,  # older documentation has it as a 503
    "token_limit_exceeded": FailureKind.RATE_LIMITED,  # too much waiting in the batch queue
    "server_error": FailureKind.SERVER_ERROR,
    "server_is_overloaded": FailureKind.SERVER_ERROR,
    "service_unavailable_error": FailureKind.SERVER_ERROR,
    "request_timeout": FailureKind.TIMEOUT,
    "batch_expired": FailureKind.EXPIRED,
    "batch_cancelled": FailureKind.CANCELLED,
    "invalid_request_error": FailureKind.MALFORMED_REQUEST,
    "image_generation_user_error": FailureKind.MALFORMED_REQUEST,
}
"""Their codes and types in our words. A code is asked before a type, and both before the status."""

_STATUSES: Mapping[int, FailureKind] = {
    401: FailureKind.AUTH,
    403: FailureKind.AUTH,
    408: FailureKind.TIMEOUT,
    409: FailureKind.SERVER_ERROR,  # a conflict on their side; their own SDK asks again
    429: FailureKind.RATE_LIMITED,
}

_BILLED: Mapping[FailureKind, Billed] = {
    FailureKind.MALFORMED_REQUEST: Billed.NO,
    FailureKind.RATE_LIMITED: Billed.NO,
    FailureKind.AUTH: Billed.NO,
    FailureKind.QUOTA: Billed.NO,
    FailureKind.EXPIRED: Billed.NO,  # "could not be executed before the completion window expired"
    FailureKind.CANCELLED: Billed.NO,
}
"""Whether a failure was charged. Not said anywhere for blocked prompts, server errors and timeouts."""

_WHOLE_BATCH_KINDS = (FailureKind.RATE_LIMITED, FailureKind.QUOTA, FailureKind.SERVER_ERROR)
"""What a batch refused as a whole can suffer from besides a wrong file."""

_CUSTOM_ID = re.compile(rb'"custom_id"\s*:\s*"([A-Za-z0-9_-]{1,64})"')


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line nobody can be told about; `why` goes to the log."""

    why: str


def failure(status: int | None, body: Mapping[str, Any], safe: Callable[[str], str] = redact) -> Failure:
    """What a body with an `error` says; `safe` takes out of their words what must not be passed on.

    Order: the code, a type that means money, the status where it is telling, the type, the rest of statuses.
    """
    error = mapping(body.get("error"))
    code, kind_of_error = text(error.get("code")), text(error.get("type"))
    kind = _kind(status, code, kind_of_error)
    words = text(error.get("message")) or text(body.get("error")) or f"no reason given (status {status})"
    blocked = [
        text(name)
        for name in sequence(mapping(error.get("moderation_details")).get("categories"))
        if text(name)
    ]
    if blocked:
        words = f"{safe(words)[:200]} (blocked for: {', '.join(blocked)})"
    return Failure(
        kind=kind,
        code=safe(code or kind_of_error or (str(status) if status else ""))[:64],
        message=safe(words),
        billed=_BILLED.get(kind, Billed.UNKNOWN),
    )


def _kind(status: int | None, code: str, kind_of_error: str) -> FailureKind:
    by_code = KINDS.get(code)
    if by_code is FailureKind.CONTENT_POLICY:
        return by_code
    if kind_of_error == "insufficient_quota":
        return FailureKind.QUOTA
    known = by_code or _STATUSES.get(status or 0) or KINDS.get(kind_of_error)
    if known:
        return known
    if status is not None and status >= 500:
        return FailureKind.SERVER_ERROR
    if status is not None and 400 <= status < 500:
        return FailureKind.MALFORMED_REQUEST
    return FailureKind.UNKNOWN


def batch_failure(batch: Mapping[str, Any]) -> Failure:
    """Why a batch `failed` as a whole: the first code decides the kind, the lines go into the message."""
    problems = [mapping(p) for p in sequence(mapping(batch.get("errors")).get("data"))]
    code = next((text(p.get("code")) for p in problems if text(p.get("code"))), "")
    kind = KINDS.get(code, FailureKind.MALFORMED_REQUEST)
    if kind not in _WHOLE_BATCH_KINDS:
        kind = FailureKind.MALFORMED_REQUEST
    sentences = []
    for problem in problems[:5]:
        line = problem.get("line")
        where = f"line {line}: " if isinstance(line, int) else ""
        sentences.append(f"{where}{text(problem.get('message')) or text(problem.get('code'))}")
    if len(problems) > 5:
        sentences.append(f"and {len(problems) - 5} more")
    message = redact("; ".join(sentences) or "the batch failed without a reason")
    return Failure(kind, code=redact(code)[:64], message=message, billed=Billed.NO)


def outcome(
    body: Mapping[str, Any], tokens: TokenPrices | None, factor: Decimal, *, edit: bool
) -> Made | Failure:
    """What a successful answer holds. One without a picture is a failure that was paid for."""
    cost = cost_usd(mapping(body.get("usage")), tokens, factor, edit=edit)
    found: list[Picture] = []
    problem = "no picture in the answer"
    for entry in map(mapping, sequence(body.get("data"))):
        encoded, url = text(entry.get("b64_json")), text(entry.get("url"))
        if encoded:
            try:
                content = pictures.from_base64(encoded)
                found.append(Picture(content=content, media_type=pictures.media_type(content)))
            except pictures.NoPicture as fault:
                problem = f"the answer holds {fault}"
        elif url.startswith(("https://", "http://")):
            # Not from OpenAI itself (GPT image models always send base64) but from gateways that speak it.
            said = redact(text(body.get("output_format"))) or "png"
            found.append(Picture(locator=url, media_type=f"image/{said}"))
    if found:
        return Made(tuple(found), cost)
    return Failure(FailureKind.UNKNOWN, "no_picture", problem, Billed.YES, cost)


def cost_usd(
    usage: Mapping[str, Any], tokens: TokenPrices | None, factor: Decimal, *, edit: bool
) -> Decimal | None:
    """USD by the vendor's own token counts, or None where they do not suffice.

    `(text_in x price + image_in x price + image_out x price) / 1,000,000 x factor`. Cached input is not
    reported, so it counts in full; text tokens in the output have no price in the card and count as image.
    """
    if tokens is None or "output_tokens" not in usage or "input_tokens" not in usage:
        return None
    details = mapping(usage.get("input_tokens_details"))
    if details:
        text_in, image_in = count(details.get("text_tokens")), count(details.get("image_tokens"))
    elif edit:
        return None  # how many tokens were pictures is not said, and they cost more
    else:
        text_in, image_in = count(usage["input_tokens"]), 0
    dear = (
        text_in * tokens.text_in
        + image_in * tokens.image_in
        + count(usage["output_tokens"]) * tokens.image_out
    )
    return dear * factor / 1_000_000


def result(line: Line, card: ModelCard | None, endpoint: str) -> ItemResult | Skipped:
    """The answer in one line of an output or error file; both shapes of errors are read in either."""
    if line.too_long:
        owner = _CUSTOM_ID.search(line.content)
        if owner is None:
            return Skipped(f"line {line.number} is longer than {LINE_LIMIT // 1024**2} MiB")
        words = f"the answer is longer than {LINE_LIMIT // 1024**2} MiB and was not read"
        return ItemResult(owner[1].decode(), Failure(FailureKind.UNKNOWN, "too_long", words, Billed.UNKNOWN))
    try:
        answer = parse_object(line.content)
    except Unreadable as problem:
        cut = "" if line.ended else ", and the file ends inside it"
        return Skipped(f"line {line.number} is {problem}{cut}")
    key = text(answer.get("custom_id"))
    if not key:
        return Skipped(f"line {line.number} does not say whose it is")
    return ItemResult(key, _outcome_of(answer, card, endpoint))


def _outcome_of(answer: Mapping[str, Any], card: ModelCard | None, endpoint: str) -> Made | Failure:
    response = mapping(answer.get("response"))
    body = mapping(response.get("body"))
    status = response.get("status_code")
    status = status if isinstance(status, int) else None
    factor = card.batch_factor if card else Decimal(1)
    tokens, edit = card.tokens if card else None, endpoint == EDITS
    if body.get("error"):
        return charged(failure(status, body), cost_usd(mapping(body.get("usage")), tokens, factor, edit=edit))
    if answer.get("error"):
        return failure(None, answer)
    if status is not None and not 200 <= status < 300:
        return failure(status, body)
    if not response:
        return Failure(FailureKind.UNKNOWN, "no_response", "neither an answer nor an error", Billed.UNKNOWN)
    return outcome(body, tokens, factor, edit=edit)


def charged(failed: Failure, cost: Decimal | None) -> Failure:
    """The failure, marked as paid for where the vendor reported usage with it."""
    return replace(failed, billed=Billed.YES, cost_usd=cost) if cost else failed
