"""Small pure functions that build Block Kit, safe for whatever people write.

Two ways to show a person's words, and no third: `plain` text, which Slack does not interpret, and
`escaped` text inside mrkdwn, where only the message's fallback text needs it.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.slack import limits

Block = dict[str, Any]
"""One block or element as Slack takes it."""

_JOINERS = "\u200d\ufe0e\ufe0f\u20e3"
"""Characters that belong to the emoji before (or, the first, between two)."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one message says: the sentence for notifications and screen readers, and its blocks."""

    text: str
    blocks: Sequence[Block] = field(default_factory=tuple)

    @property
    def digest(self) -> str:
        """Equal for equal content."""
        said = json.dumps([self.text, list(self.blocks)], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(said.encode(errors="replace")).hexdigest()[:24]


def message(text: str, blocks: Sequence[Block]) -> Message:
    """A message within Slack's limits. `text` is a whole sentence, escaped already where it quotes people.

    What is over the limit is left out from the end, but buttons stay: they are the way on.
    """
    return Message(text[: limits.FALLBACK_TEXT], fitted(blocks))


def fitted(blocks: Sequence[Block]) -> list[Block]:
    """The blocks that fit into one message: as many as allowed, and within the total of characters."""
    kept = list(blocks)
    while len(kept) > limits.MESSAGE_BLOCKS or characters(kept) > limits.MESSAGE_CHARACTERS:
        spare = [place for place, block in enumerate(kept) if block["type"] != "actions"]
        kept.pop(spare[-1] if spare else -1)
    return kept


def characters(value: Any) -> int:
    """All text in blocks, counted as Slack seems to: every string a person can read or hear."""
    return sum(len(text) for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if isinstance(inner, str) and name in ("text", "alt_text"):
                yield inner
            elif not isinstance(inner, str):
                yield from _texts(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _texts(inner)


# --- text ----------------------------------------------------------------------------------------------


def cut(text: str, most: int) -> str:
    """The text in at most `most` characters, with … when cut, and no half emoji at the end."""
    text = clean(text)
    if len(text) <= most:
        return text
    end = max(0, most - 1)
    while end and (_clings(text[end]) or text[end - 1] == "\u200d"):
        end -= 1
    return text[:end].rstrip() + "…"


def escaped(text: str, most: int = limits.SECTION_TEXT) -> str:
    """The text for mrkdwn, at most `most` characters long *after* escaping; never half an `&amp;`."""
    text = clean(text)
    shown, room = cut(text, most), most
    done = _escape(shown)
    while len(done) > most:
        room -= max(1, (len(done) - most) // 5)
        done = _escape(cut(text, room))
    return done


def clean(text: str) -> str:
    """Without control characters and lone surrogates, which Slack refuses or drops."""
    return "".join(
        c for c in text if c in "\n\t" or not (unicodedata.category(c) in ("Cc", "Cs") or c == "\ufeff")
    )


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clings(character: str) -> bool:
    """Belongs to the character before it: accents, variation selectors, skin tones, joiners."""
    return (
        character in _JOINERS or unicodedata.combining(character) > 0 or 0x1F3FB <= ord(character) <= 0x1F3FF
    )


def plain(text: str, most: int = limits.SECTION_TEXT) -> Block:
    """A text object Slack does not interpret: no mentions, no emoji codes, no formatting."""
    return {"type": "plain_text", "text": cut(text, most) or "–", "emoji": False}


def mrkdwn(text: str) -> Block:
    """A text object with formatting. Only for our own words; `escaped` for anything else in it."""
    return {"type": "mrkdwn", "text": text}


# --- blocks --------------------------------------------------------------------------------------------


def header(text: str) -> Block:
    return {"type": "header", "text": plain(text, limits.HEADER_TEXT)}


def section(text: str) -> Block:
    """Our own words, formatted."""
    return {"type": "section", "text": mrkdwn(text)}


def words(text: str) -> Block:
    """Anybody's words, as they are."""
    return {"type": "section", "text": plain(text)}


def fields(texts: Sequence[str]) -> Block:
    """Our own words in two columns."""
    return {"type": "section", "fields": [mrkdwn(text) for text in texts[: limits.SECTION_FIELDS]]}


def context(*texts: str) -> Block:
    """Our own words in small print."""
    return {"type": "context", "elements": [mrkdwn(text) for text in texts[: limits.CONTEXT_ELEMENTS]]}


def small(*texts: str) -> Block:
    """Anybody's words in small print."""
    return {"type": "context", "elements": [plain(text, 600) for text in texts[: limits.CONTEXT_ELEMENTS]]}


def alert(text: str, level: str = "warning") -> Block:
    """Anybody's words in a coloured frame: `info`, `warning`, `error` or `success`. For modals only."""
    return {"type": "alert", "level": level, "text": plain(text, limits.ALERT_TEXT)}


def divider() -> Block:
    return {"type": "divider"}


def actions(block_id: str, *elements: Block) -> Block:
    return {"type": "actions", "block_id": block_id[: limits.BLOCK_ID], "elements": list(elements)}


def button(
    text: str, action_id: str, value: str, *, style: str | None = None, confirm: Block | None = None
) -> Block:
    made: Block = {
        "type": "button",
        "text": plain(text, limits.BUTTON_TEXT),
        "action_id": action_id,
        "value": value[: limits.BUTTON_VALUE],
    }
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = confirm
    return made


def confirm(title: str, text: str, yes: str, no: str) -> Block:
    """The question behind a button that cannot be taken back."""
    return {
        "title": plain(title, limits.CONFIRM_TITLE),
        "text": plain(text, limits.CONFIRM_TEXT),
        "confirm": plain(yes, limits.CONFIRM_BUTTON),
        "deny": plain(no, limits.CONFIRM_BUTTON),
    }


def image(file_id: str, alt_text: str, title: str = "") -> Block:
    """A picture that was uploaded to Slack."""
    made: Block = {
        "type": "image",
        "slack_file": {"id": file_id},
        "alt_text": cut(alt_text, limits.ALT_TEXT) or "Picture",
    }
    if title:
        made["title"] = plain(title, limits.ALT_TEXT)
    return made


ERASED = "erased-"
"""Begins what stands for a person whose data was erased."""


def person(user_id: str) -> str:
    """A mention for mrkdwn; somebody who was erased is not mentioned."""
    return user_id if user_id.startswith(ERASED) else f"<@{user_id}>"


def bar(share: float, width: int = 20) -> str:
    """A progress bar out of characters; full only when all is done."""
    full = width if share >= 1 else min(width - 1, int(share * width))
    return "█" * full + "░" * (width - full)
