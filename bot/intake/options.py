"""Options and a template out of typed text: `size=1024x1024 lane=live A photo of {{ name }}`.

Used for what follows `/imgbatch run` and for the message beside a dropped sheet. Text that is not an option
is the template. What phones and Slack do to typed text is undone first.
"""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from bot.imaging.presets import find as find_delivery
from bot.imaging.quality import Checks
from bot.intake.deadline import check_deadline
from bot.intake.records import quoted
from bot.intake.rows import BACKGROUNDS, check_size, check_variants
from bot.intake.spec import CHEAPEST, JobSpec
from providers.base import Lane, Size

__all__ = ["Changes", "CommandError", "parse_options", "typed"]

MAX_TEXT_CHARACTERS = 40_000
"""As long as Slack lets a message be."""

MAX_BUDGET_USD = Decimal(1_000_000)
"""A budget above this is a slip of the finger."""

MAX_PILOT = 1_000
"""A larger sample is a job of its own."""

MAX_TITLE_CHARACTERS = 120
"""As long as a title stays on one line in Slack."""

MAX_BRAND_CHARACTERS = 400
"""Of the words put around every prompt: a style fits, a second template does not."""


class CommandError(ValueError):
    """The text cannot be followed; one sentence that says what is wrong and what to write."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The options that were given; None where the text was silent."""

    provider: str | None = None
    model: str | None = None
    size: Size | None = None
    quality: str | None = None
    background: str | None = None
    variants: int | None = None
    lane: Lane | None = None
    budget_usd: Decimal | None = None
    deadline: str | None = None
    rush: bool | None = None
    pilot: int | None = None
    title: str | None = None
    route: tuple[str, ...] | None = None
    """Several providers behind `provider=`, in the order wanted."""
    off_peak: bool | None = None
    chunk: int | None = None
    prefix: str | None = None
    suffix: str | None = None
    delivery: str | None = None
    quality_gate: bool | None = None
    ground: str | None = None
    quorum: int | None = None
    review_by: str | None = None
    reuse: Literal["approved"] | None = None
    preset: str | None = None
    """Name of the saved options that fill what is not said; looked up by `bot.slack.presets`."""

    def given(self) -> dict[str, Any]:
        """The options that were given, by name."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}

    def apply(self, spec: JobSpec, template: str | None = None) -> JobSpec:
        """The spec with these options, and with the template if there is one."""
        given = self.given()
        given.pop("preset", None)
        if template is not None:
            given["template"] = template
        return replace(spec, **given)


def _lane(text: str) -> Lane:
    try:
        return Lane(text.lower())
    except ValueError:
        raise ValueError(
            f"{quoted(text)} is not a lane; write batch (cheaper, within hours) or live (now)"
        ) from None


def _budget(text: str) -> Decimal:
    match = re.fullmatch(r"(?:US)?\$?\s*([0-9]{1,9}(?:\.[0-9]{1,4})?)\s*(?:\$|usd)?", text, re.IGNORECASE)
    if not match or not 0 < (amount := Decimal(match[1])) <= MAX_BUDGET_USD:
        raise ValueError(f"{quoted(text)} is not a budget; write US dollars, like 25 or 12.50")
    return amount


def check_pilot(text: str) -> int:
    """How many pictures are made first, as a sample. Raises ValueError with a sentence."""
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= (number := int(text)) <= MAX_PILOT:
        raise ValueError(f"{quoted(text)} is not the size of a sample; write a number from 1 to {MAX_PILOT}")
    return number


def _background(text: str) -> str:
    if text.lower() not in BACKGROUNDS:
        raise ValueError(f"{quoted(text)} is not a background; write {', '.join(sorted(BACKGROUNDS))}")
    return text.lower()


def _word(text: str) -> str:
    if not re.fullmatch(r"[\w./:-]{1,100}", text):
        raise ValueError(f"{quoted(text)} is not the name of a provider, model or quality; write one word")
    return text


def _models(text: str) -> str:
    """One model, or several with commas between them: the same rows on each."""
    return ",".join(_word(name.strip()) for name in text.split(",") if name.strip()) or _word(text)


def _lower_word(text: str) -> str:
    return _word(text.lower())


def is_route(text: str) -> bool:
    """Whether what stands for a provider names several, or leaves the choice to the price."""
    return "," in text or text.strip().lower() == CHEAPEST


def read_route(text: str) -> tuple[str, ...]:
    """Providers in the order wanted, each once. Raises ValueError with a sentence."""
    names = [_lower_word(name.strip()) for name in text.split(",") if name.strip()]
    return tuple(dict.fromkeys(names))


def check_chunk(text: str) -> int:
    """Read how many pictures may go in one submission. Raises ValueError with a sentence."""
    if not re.fullmatch(r"[0-9]{1,6}", text) or not (number := int(text)):
        raise ValueError(f"{quoted(text)} is not a number of pictures; write one from 1 on, like 500")
    return number


def _yes_or_no(text: str) -> bool:
    word = text.lower()
    if word not in ("true", "yes", "on", "1", "false", "no", "off", "0"):
        raise ValueError(f"{quoted(text)} is neither yes nor no; write true or false")
    return word in ("true", "yes", "on", "1")


def _title(text: str) -> str:
    flat = " ".join(text.split())
    if not flat or len(flat) > MAX_TITLE_CHARACTERS:
        raise ValueError(f"A title has 1 to {MAX_TITLE_CHARACTERS} characters and this has {len(flat)}")
    return flat


def check_brand(text: str) -> str:
    """Words to put around every prompt. Raises ValueError with a sentence."""
    flat = " ".join(text.split())
    if len(flat) > MAX_BRAND_CHARACTERS:
        raise ValueError(
            f"The words around a prompt may have {MAX_BRAND_CHARACTERS} characters and these have {len(flat)}"
        )
    return flat


def check_ground(text: str) -> str:
    """The colour a picture's border must have. Raises ValueError with a sentence."""
    try:
        Checks(background=text.lower())
    except ValueError:
        raise ValueError(f"{quoted(text)} is not a colour; write one like white or #f4f4f4") from None
    return text.lower()


def check_quorum(text: str) -> int:
    """How many people must approve a picture. Raises ValueError with a sentence."""
    if not re.fullmatch(r"[1-9]", text):
        raise ValueError(f"{quoted(text)} is not a number of approvals; write one from 1 to 9")
    return int(text)


def _reuse(text: str) -> Literal["approved"]:
    if text.lower() not in ("approved", "yes", "true", "on"):
        raise ValueError(
            f"{quoted(text)} cannot be reused; write reuse=approved, or leave it out to make all"
        )
    return "approved"


def check_name(text: str) -> str:
    """The name of a preset, in lower case. Raises ValueError with a sentence."""
    if not re.fullmatch(r"[\w-]{1,30}", text):
        raise ValueError(f"{quoted(text)} is not a name; write one word of up to 30 letters, like packshots")
    return text.lower()


_READ: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "provider": _lower_word,
        "route": read_route,
        "model": _models,
        "size": check_size,
        "quality": _lower_word,
        "background": _background,
        "variants": check_variants,
        "lane": _lane,
        "budget_usd": _budget,
        "deadline": check_deadline,
        "rush": _yes_or_no,
        "pilot": check_pilot,
        "title": _title,
        "off_peak": _yes_or_no,
        "chunk": check_chunk,
        "prefix": check_brand,
        "suffix": check_brand,
        "delivery": lambda text: find_delivery(text).name,
        "quality_gate": _yes_or_no,
        "ground": check_ground,
        "quorum": check_quorum,
        "review_by": check_deadline,
        "reuse": _reuse,
        "preset": check_name,
        "template": str,
    }
)

_NAMES = {**{name: name for name in _READ}, "n": "variants", "budget": "budget_usd", "prompt": "template"}
"""What people write -> the option."""

_SHOWN = [name for name in _NAMES if name not in ("budget_usd", "n", "prompt")]

# --- what Slack and phones do to text ------------------------------------------------------------------

_SPECIAL = re.compile(r"<(@|#|!|https?://|mailto:)([^<>|]*)(?:\|([^<>]*))?>")
_SPACES = re.compile("[\xa0\u2000-\u200a\u202f\u205f\u3000]")
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff]")
_LEADING_MENTIONS = re.compile(r"^(?:\s*(?:<@[A-Z0-9]+(?:\|[^<>]*)?>|@imgbatch\b)[\s,:]*)+", re.IGNORECASE)


def typed(text: str) -> str:
    """What the person typed: without the mention, Slack's escapes, links' dress and invisible spaces."""
    text = _LEADING_MENTIONS.sub("", text)
    text = _SPECIAL.sub(_plain, text)
    # Only these three: a person may write &copy; and mean it
    text = re.sub(r"&(?:amp|lt|gt);", lambda found: html.unescape(found[0]), text)
    return _INVISIBLE.sub("", _SPACES.sub(" ", text)).strip()


def _plain(found: re.Match[str]) -> str:
    kind, target, label = found[1], found[2], found[3]
    match kind:
        case "@" | "!":
            return ""
        case "#":
            return f"#{label or target}"
        case "mailto:":
            return label or target
        case _:
            # `<http://a.de|a.de>`: Slack made the link, the person typed the label
            return label if label and label in target else kind + target


# --- options -------------------------------------------------------------------------------------------

_BRACES = r"\{\{[^{}]*\}\}|\{[^{}]*\}"
_VALUE = (
    rf"[\"“”„](?P<double>(?>{_BRACES}|\\[\"\\]|[^\"“”„])*+)[\"“”]"
    rf"|['‘’](?P<single>(?>{_BRACES}|[^'‘’])*+)['‘’](?!\w)"
    r"|`(?P<code>[^`]*)`"
    r"|(?P<plain>[^\s=]\S*)"
)
_OPTION = re.compile(
    rf"(?P<braces>{_BRACES})"
    r"|(?<![^\s,;(])(?:(?:--|[—–])(?P<flag>[A-Za-z][\w-]*)(?:[ \t]*=[ \t]*|[ \t]+)"
    r"|(?P<key>[A-Za-z_]+)[ \t]*=(?!=)[ \t]*)"
    rf"(?:{_VALUE})",
    re.DOTALL,
)
_LONE_FLAG = re.compile(r"(?<!\S)--([A-Za-z][\w-]*)")
_FENCE = re.compile(r"```(?:(?:jinja2?|text|txt)?[ \t]*\n)?(.*?)```", re.DOTALL)
_OPENERS = "\"“”„'‘’`"
_RUN = re.compile(r"^run\b[ \t]*(?=$|[\n\"“`]|--|\w+[ \t]*=)", re.IGNORECASE)


def parse_options(text: str) -> tuple[Changes, str | None]:
    """The options in a message, and the rest of it as the template (None when nothing is left).

    A code fence or `template="..."` says where the template is; what is left over then is conversation.
    Raises CommandError with one sentence.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise CommandError(
            f"The text has {len(text):,} characters; {MAX_TEXT_CHARACTERS:,} are read at most."
        )
    text = _RUN.sub("", typed(text))
    given: dict[str, tuple[str, Any]] = {}
    fence = _FENCE.search(text)
    if fence:
        text = f"{text[: fence.start()]}\n{text[fence.end() :]}"
    rest, at, position = [], 0, 0
    while found := _OPTION.search(text, position):
        read = _read(found)
        if read is None:
            # What only looks like an option may have one behind its first word
            position = found.end() if found["braces"] else max(found.end("key"), found.end("flag"))
            continue
        name, value, end = read
        if name == "template" and found["plain"] is not None:
            # Without quotes it only says where the template begins
            rest.append(_piece(text[at : found.start()], at))
            at = position = found.start("plain")
            continue
        if name in given and given[name][1] != value:
            raise CommandError(f"{quoted(given[name][0])} is given twice; leave one of them out.")
        given[name] = (found["key"] or found["flag"], value)
        rest.append(_piece(text[at : found.start()], at))
        at = position = end
    rest.append(text[at:].lstrip(",;") if at else text)
    left = "".join(rest)
    if flag := _LONE_FLAG.search(re.sub(_BRACES, "", left, flags=re.DOTALL)):
        raise CommandError(_unknown(f"--{flag[1]}", flag[1]))
    template = given.pop("template", ("", None))[1]
    if fence:
        if template is not None:
            raise CommandError(
                "There are two templates; keep the one in the code block or the one in template=."
            )
        template = fence[1]
    elif template is None:
        template = _unwrapped(re.sub(r"(?<![ \t])[ \t]+\n|\n{3,}", "\n", left).strip())
    return Changes(**{name: value for name, (_, value) in given.items()}), template.strip() or None


def _piece(text: str, at: int) -> str:
    """Text in front of an option, without the punctuation that kept it apart."""
    return (text.lstrip(",;") if at else text).rstrip(" \t,;")


def _read(found: re.Match[str]) -> tuple[str, Any, int] | None:
    """The option's name, its value, and where it ends; None for what only looks like one."""
    word = found["key"] or found["flag"]
    if found["braces"] is not None:
        return None
    name = _NAMES.get(word.lower().replace("-", "_"))
    if name is None:
        close = difflib.get_close_matches(word.lower(), _NAMES, 1, 0.75)
        if found["key"] and close:
            raise CommandError(_unknown(f"{word}=", word))
        return None  # prose such as “ratio=3”, or a dash that is a dash; `--word` is told of later
    value, end = (
        next(v for v in (found["double"], found["single"], found["code"], found["plain"]) if v is not None),
        found.end(),
    )
    if found["plain"] is not None:
        if value[0] in _OPENERS:
            raise CommandError(f'The quote behind {word}= is never closed; write {word}="…".')
        # A comma or bracket behind a plain value belongs to the sentence
        trimmed = value.rstrip(",;)")
        value, end = trimmed or value, end - (len(value) - len(trimmed) if trimmed else 0)
    elif found["double"] is not None:
        value = re.sub(r"\\([\"\\])", r"\1", value)
    if name == "provider" and is_route(value):
        name = "route"
    try:
        return name, _READ[name](value), end
    except ValueError as problem:
        raise CommandError(f"{word}: {str(problem).rstrip('.')}.") from None


def _unknown(shown: str, word: str) -> str:
    close = difflib.get_close_matches(word.lower(), _SHOWN, 1, 0.5)
    hint = f"did you mean {close[0]}=?" if close else f"the options are {', '.join(_SHOWN)}."
    return f"{quoted(shown)} is not an option; {hint}"


def _unwrapped(text: str) -> str:
    """Without the quotes or backticks that are around the whole of it."""
    for opening, closing in (("`", "`"), ('"', '"'), ("“", "”"), ("„", "“")):
        inner = text[1:-1]
        if (
            len(text) > 1
            and text[0] == opening
            and text[-1] == closing
            and not {opening, closing} & set(inner)
        ):
            return inner.strip()
    return text
