"""Whether a request can be put to a model at all, by its card, and how it is kept. Knows no vendor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from providers.base import Billed, Failure, FailureKind, ImageRequest, Lane, Outgoing, Refused
from providers.catalogue import ModelCard
from providers.wire import jsonl
from providers.wire.errors import redact
from providers.wire.shapes import Unreadable, parse_object, text

Checks = Sequence[tuple[bool, str]]
"""Whether something is wrong, and then the rest of a sentence that begins with the model."""


def unsayable(words: str, code: str = "") -> Refused:
    """The error for a request that cannot be put to a vendor."""
    return Refused(Failure(FailureKind.MALFORMED_REQUEST, code, redact(words), Billed.NO))


def kept_line(wish: Mapping[str, Any]) -> bytes:
    """One request as it is kept until it is sent. Raises Refused for text that is no Unicode."""
    try:
        return jsonl.encode(wish)
    except ValueError:
        raise unsayable("the prompt holds characters that are not Unicode text") from None


def only_line(
    outgoing: Outgoing, *, taker: str = "a live call", kept: str = "the kept request"
) -> Mapping[str, Any]:
    """The one line of a submission, read back. Raises Refused for another number of lines.

    `taker` and `kept` are what the sentence of a refusal calls them.
    """
    with outgoing.open() as payload:
        lines = list(jsonl.split([payload.read()]))
    if len(lines) != 1 or outgoing.count != 1:
        raise unsayable(f"{taker} takes one picture at a time, not {len(lines)}")
    try:
        return parse_object(lines[0].content)
    except Unreadable as problem:
        raise unsayable(f"{kept} is {problem}") from None


def same_lines(outgoing: Outgoing, most: int) -> tuple[Sequence[str], Mapping[str, Any]]:
    """The keys of a live submission, and the one request they share, read back.

    Raises Refused for more than `most` lines, and for lines that differ in more than their `custom_id`.
    """
    with outgoing.open() as payload:
        lines = list(jsonl.split([payload.read()]))
    if not 1 <= len(lines) <= most or outgoing.count != len(lines):
        raise unsayable(f"a live call asks for at most {most} of the same picture, not {len(lines)}")
    try:
        read = [dict(parse_object(line.content)) for line in lines]
    except Unreadable as problem:
        raise unsayable(f"the kept request is {problem}") from None
    keys = [text(line.pop("custom_id", None)) for line in read]
    if any(line != read[0] for line in read):
        raise unsayable("one live call makes pictures of one request, and these differ")
    return keys, read[0]


def card_for(
    title: str,
    request: ImageRequest,
    lane: Lane,
    models: Mapping[str, ModelCard],
    today: date,
    also: Checks = (),
) -> ModelCard:
    """The model's card, once nothing in the request goes against it. Raises Refused with a sentence.

    `also` is what the vendor excludes for all its models, where no card can say it.
    """
    card = models.get(request.model)
    if card is None:
        raise unsayable(f"{title} has no model “{request.model}”", "model_not_found")
    if card.retired(today):
        instead = f"; use {card.successor}" if card.successor else ""
        raise unsayable(f"{card.id} was shut down on {card.shutdown}{instead}", "model_not_found")
    problem = _problem(request, lane, card, also)
    if problem:
        raise unsayable(f"{card.id} {problem}")
    return card


def _problem(request: ImageRequest, lane: Lane, card: ModelCard, also: Checks) -> str | None:
    """What this model cannot be asked for, as the rest of a sentence; None when all is well."""
    size, references = request.size, len(request.references)
    checks = (
        (lane not in card.lanes, f"does not work in the {lane.value} lane"),
        (not request.prompt.strip(), "needs a prompt, and this one is empty"),
        (
            len(request.prompt) > card.prompt_limit,
            f"reads at most {card.prompt_limit:,} characters, the prompt has {len(request.prompt):,}",
        ),
        (
            size not in card.sizes and not (card.size_rule is not None and card.size_rule.allows(size)),
            f"cannot make {size} pictures",
        ),
        (
            request.quality is not None and request.quality not in card.qualities,
            f"has no quality “{request.quality}”, only {', '.join(card.qualities) or 'its own'}",
        ),
        *also,
        (
            request.background == "transparent" and not card.transparency,
            "cannot make a transparent background",
        ),
        (
            references > card.references,
            f"takes at most {card.references} reference pictures, not {references}",
        ),
    )
    return next((words for wrong, words in checks if wrong), None)
