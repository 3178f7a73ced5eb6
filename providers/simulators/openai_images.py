"""What OpenAI's image models accept, refuse, cost and give back, in the simulator's rendering.

Facts are from the vendor's OpenAPI description (openai/openai-openapi @ f85dbe22, 2026-08-21), the types of
its Python package 3.54.0, and its image guide, read 2026-11-23. "Ours" marks a figure no public page gives.

**Words in a prompt that provoke something**, the same in both lanes:

- ``moderated``: refused by moderation before drawing; ``gore``: refused after it. Always.
- ``[flaky]``: a 500 server_error the first time this prompt is seen, then fine.
- ``[timeout]``: request_timeout the first time this prompt is seen, then fine.
- ``[down]``: a 500 server_error every time.
"""

from __future__ import annotations

import base64
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from providers.drawing import draw
from providers.simulators.ledger import Billed
from providers.simulators.openai_errors import Refused, invalid, unknown_parameter
from providers.simulators.server import Simulator

MAX_PROMPT_CHARACTERS = 32_000
MAX_IMAGES = 10
MAX_REFERENCES = 16
MIN_PIXELS, MAX_PIXELS, MAX_EDGE_PX = 655_360, 8_294_400, 3_840
"""The size rule of gpt-image-2 and later; both sides are multiples of 16 and the ratio at most 3 to 1."""
CLASSIC_SIZES = ("1024x1024", "1536x1024", "1024x1536")
BASIC_QUALITIES = ("low", "medium", "high")
FINE_QUALITIES = (*BASIC_QUALITIES, "xhigh", "max")

IMAGE_TOKENS: dict[str, tuple[int, int]] = {
    "low": (196, 158), "medium": (1_767, 1_372), "high": (7_033, 5_500), "xhigh": (10_550, 8_250),
    "max": (14_066, 11_000),
}  # fmt: skip
"""Output tokens of one 1024x1024 and one 1536x1024 picture: 196 is published, the others follow from the
price per picture of gpt-image-2; xhigh and max are ours. Other sizes go by area."""
REFERENCE_TOKENS = 400
"""Input tokens of one reference picture. Ours."""
CLASSIC_TOKENS: dict[str, tuple[int, int, int]] = {
    "low": (272, 408, 400), "medium": (1_056, 1_584, 1_568), "high": (4_160, 6_240, 6_208),
}  # fmt: skip
"""Of gpt-image-1.5, as published: square, upright and oblong."""
MINI_TOKENS: dict[str, tuple[int, int, int]] = {
    "low": (625, 750, 750), "medium": (1_375, 1_875, 1_875), "high": (4_500, 6_500, 6_500),
}  # fmt: skip
"""Of gpt-image-1-mini, from its prices per picture and per token. The tokens published for its elder sisters
would make it a quarter cheaper than the price page says (0.0084 for 0.011); nobody tells which is billed."""
PRICES: dict[str, tuple[Decimal, Decimal, Decimal]] = {
    "gpt-image-1.5": (Decimal(5), Decimal(8), Decimal(32)),
    "gpt-image-1-mini": (Decimal(2), Decimal("2.5"), Decimal(8)),
}
USUAL_PRICES = (Decimal(5), Decimal(8), Decimal(30))
"""USD per million tokens of words read, pictures read and pictures drawn; a batch costs half."""

Lane = Literal["batch", "live"]


@dataclass(frozen=True)
class Model:
    """One entry of the vendor's list of models."""

    created: int
    shutdown_date: str | None = None
    qualities: tuple[str, ...] = FINE_QUALITIES
    any_size: bool = True
    transparent: Literal["yes", "preview"] = "yes"


MODELS: dict[str, Model] = {
    "gpt-image-2.6-sunburst": Model(1_793_000_000),
    "gpt-image-2.6-flare": Model(1_793_000_000),
    "gpt-image-2.5-sunburst": Model(1_788_800_000),
    "gpt-image-2.5-sunburst-2026-09-08": Model(1_788_800_000),
    "gpt-image-2.5-flare": Model(1_788_800_000),
    "gpt-image-2.5-flare-2026-09-08": Model(1_788_800_000),
    "gpt-image-2": Model(1_776_700_000, None, BASIC_QUALITIES, transparent="preview"),
    "gpt-image-2-2026-04-21": Model(1_776_700_000, None, BASIC_QUALITIES, transparent="preview"),
    "gpt-image-1.5": Model(1_765_000_000, "2026-12-01", BASIC_QUALITIES, any_size=False),
    "gpt-image-1-mini": Model(1_759_000_000, "2026-12-01", BASIC_QUALITIES, any_size=False),
    "chatgpt-image-latest": Model(1_765_000_000, "2026-12-01", BASIC_QUALITIES, any_size=False),
}
"""gpt-image-1 (2026-10-23) and dall-e-2 and -3 (2026-05-12) are gone. The last three go on their shutdown
date, by the simulator's clock. Dates of creation are ours."""

DEFAULT_MODEL = "gpt-image-2"
"""What a call without a model gets; the real default has changed over time, so nobody should rely on it."""

FIELDS = frozenset(
    {
        "prompt", "model", "n", "size", "quality", "background", "output_format", "output_compression",
        "moderation", "user", "safety_identifier", "stream", "partial_images", "complexity",
    }
)  # fmt: skip
EDIT_FIELDS = FIELDS | {"images", "mask", "input_fidelity"}


def available(model: str, now: float) -> Model | None:
    """The model, unless it does not exist or was shut down by now."""
    found = MODELS.get(model)
    if found and found.shutdown_date:
        gone = datetime.fromisoformat(found.shutdown_date).replace(tzinfo=UTC).timestamp()
        if now >= gone:
            return None
    return found


@dataclass(frozen=True)
class Ask:
    """One call for pictures, understood and found acceptable."""

    prompt: str
    model: str
    n: int
    width: int
    height: int
    quality: str
    transparent: bool
    output_format: str
    compression: int
    references: int

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def usage(self) -> dict[str, Any]:
        """Tokens, in the vendor's words."""
        text, pictures = text_tokens(self.prompt), REFERENCE_TOKENS * self.references
        made = self.n * picture_tokens(self.model, self.width, self.height, self.quality)
        return {
            "input_tokens": text + pictures,
            "input_tokens_details": {"text_tokens": text, "image_tokens": pictures},
            "output_tokens": made,
            "output_tokens_details": {"image_tokens": made, "text_tokens": 0},
            "total_tokens": text + pictures + made,
        }

    def price(self, lane: Lane) -> Decimal:
        """USD of the whole call, half in a batch; of a usual model
        `(text * 5 + image_in * 8 + image_out * 30) / 1e6`.
        """
        usage = self.usage
        a_word, a_picture, drawn = PRICES.get(self.model, USUAL_PRICES)
        whole: Decimal = (
            usage["input_tokens_details"]["text_tokens"] * a_word
            + usage["input_tokens_details"]["image_tokens"] * a_picture
            + usage["output_tokens"] * drawn
        ) / 1_000_000
        return whole / 2 if lane == "batch" else whole


def text_tokens(prompt: str) -> int:
    """About four characters to a token. Ours."""
    return max(1, -(-len(prompt) // 4))


def picture_tokens(model: str, width: int, height: int, quality: str) -> int:
    if model in PRICES and quality in CLASSIC_TOKENS:
        known = MINI_TOKENS if model == "gpt-image-1-mini" else CLASSIC_TOKENS
        return known[quality][(width != height) + (width > height)]
    square, oblong = IMAGE_TOKENS[quality]
    if width == height:
        return round(square * width * height / 1024**2)
    return round(oblong * width * height / (1536 * 1024))


def read_ask(body: dict[str, Any], now: float, *, edit: bool, preview: bool) -> Ask:
    """The call as understood. Raises Refused as the vendor would."""
    for name in body:
        if name not in (EDIT_FIELDS if edit else FIELDS):
            raise unknown_parameter(name)
    body = {name: value for name, value in body.items() if value is not None}
    name = body.get("model", DEFAULT_MODEL)
    model = available(name, now) if isinstance(name, str) else None
    if model is None:
        raise Refused(
            404, f"The model '{name}' does not exist or you do not have access to it.", "model_not_found"
        )
    if "input_fidelity" in body and model.any_size:
        raise unknown_parameter("input_fidelity")
    if body.get("stream"):
        raise invalid("stream", "This simulator does not stream partial images.")
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise Refused(
            400, "Missing required parameter: 'prompt'.", "missing_required_parameter", param="prompt"
        )
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise Refused(
            400,
            f"Invalid 'prompt': string too long. Expected a string with maximum length "
            f"{MAX_PROMPT_CHARACTERS}, but got a string with length {len(prompt)} instead.",
            "string_above_max_length",
            param="prompt",
        )
    width, height = _size(body.get("size", "auto"), model)
    quality = _one_of(body, "quality", ("auto", *model.qualities), "auto")
    output_format = _one_of(body, "output_format", ("png", "jpeg", "webp"), "png")
    _one_of(body, "moderation", ("auto", "low"), "auto")
    return Ask(
        prompt=prompt,
        model=name,
        n=_whole(body, "n", 1, MAX_IMAGES, 1),
        width=width,
        height=height,
        quality="medium" if quality == "auto" else quality,  # which one auto means is ours
        transparent=_transparent(body, name, model, output_format, preview=preview),
        output_format=output_format,
        compression=_compression(body, output_format),
        references=len(body.get("images", ())),
    )


def _one_of(body: dict[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = body.get(name, default)
    if value not in allowed:
        choices = ", ".join(f"'{choice}'" for choice in allowed)
        raise invalid(name, f"Invalid value: '{value}'. Supported values are: {choices}.")
    return str(value)


def _whole(body: dict[str, Any], name: str, low: int, high: int, default: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused(
            400,
            f"Invalid type for '{name}': expected an integer, but got {value!r}.",
            "invalid_type",
            param=name,
        )
    if not low <= value <= high:
        raise invalid(
            name, f"Invalid '{name}': expected a value between {low} and {high}, but got {value} instead."
        )
    return value


def _size(size: object, model: Model) -> tuple[int, int]:
    if size == "auto":
        return 1024, 1024
    found = re.fullmatch(r"([1-9]\d{1,4})x([1-9]\d{1,4})", size) if isinstance(size, str) else None
    if not found or (not model.any_size and size not in CLASSIC_SIZES):
        choices = ", ".join(f"'{choice}'" for choice in (*CLASSIC_SIZES, "auto"))
        raise invalid("size", f"Invalid value: '{size}'. Supported values are: {choices}.")
    width, height = int(found[1]), int(found[2])
    problem = None
    if width % 16 or height % 16:
        problem = "width and height must be multiples of 16"
    elif max(width, height) > MAX_EDGE_PX:
        problem = f"the longest edge must not exceed {MAX_EDGE_PX} pixels"
    elif max(width, height) > 3 * min(width, height):
        problem = "the aspect ratio must be between 1:3 and 3:1"
    elif not MIN_PIXELS <= width * height <= MAX_PIXELS:
        problem = f"the total number of pixels must be between {MIN_PIXELS} and {MAX_PIXELS}"
    if problem:
        raise invalid("size", f"Invalid size '{size}': {problem}.")
    return width, height


def _transparent(body: dict[str, Any], name: str, model: Model, output_format: str, *, preview: bool) -> bool:
    if _one_of(body, "background", ("auto", "opaque", "transparent"), "auto") != "transparent":
        return False
    if model.transparent == "preview" and not preview:
        raise invalid("background", f"Transparent background is not supported for model '{name}'.")
    if output_format == "jpeg":
        raise invalid("background", "Transparent background is not supported for output format 'jpeg'.")
    return True


def _compression(body: dict[str, Any], output_format: str) -> int:
    value = _whole(body, "output_compression", 0, 100, 100)
    if output_format == "png" and value < 100:
        raise invalid(
            "output_compression", "Compression less than 100 is not supported for PNG output format."
        )
    return value


class Studio:
    """Draws what was asked, refuses what it should, and bills what it drew."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._drawn: Counter[int] = Counter()

    def execute(
        self, ask: Ask, lane: Lane, custom_id: str | None = None, batch_id: str | None = None
    ) -> dict[str, Any]:
        """The vendor's answer to one call, billed. Raises Refused; then nothing is billed."""
        self._judge(ask)
        self._stumble(ask, lane)
        pictures = [self._picture(ask) for _ in range(ask.n)]
        now = self._simulator.clock()
        for _ in pictures:
            self._simulator.ledger.bill(
                Billed(
                    lane,
                    custom_id,
                    batch_id,
                    ask.prompt,
                    ask.model,
                    ask.size,
                    ask.quality,
                    ask.price(lane) / ask.n,
                    now,
                )
            )
        return {
            "created": int(now),
            "background": "transparent" if ask.transparent else "opaque",
            "data": [{"b64_json": base64.b64encode(picture).decode()} for picture in pictures],
            "output_format": ask.output_format,
            "quality": ask.quality,
            "size": ask.size,
            "usage": ask.usage,
        }

    def _judge(self, ask: Ask) -> None:
        """Moderation: what a word or the dice condemn stays condemned."""
        word = re.search(r"\b(moderated|gore)\b", ask.prompt, re.IGNORECASE)
        by_dice = self._simulator.dice.share("refusal", ask.prompt) < self._simulator.faults.refusal_rate
        if not word and not by_dice:
            return
        late = bool(word) and word[1].lower() == "gore" if word else False
        raise Refused(
            400,
            "Your request was rejected by the safety system. If you believe this is an error, contact us at "
            "help.openai.com and include the request ID.",
            "moderation_blocked",
            type="image_generation_user_error",
            moderation_details={
                "moderation_stage": "output" if late else "input",
                "categories": ["violence"] if late else ["illicit"],
            },
        )

    def _stumble(self, ask: Ask, lane: Lane) -> None:
        """Passing trouble: words that work once, and the dice."""
        prompt = ask.prompt.lower()
        if "[down]" in prompt or ("[flaky]" in prompt and self._first_sight(ask.prompt)):
            raise server_error()
        if "[timeout]" in prompt and self._first_sight(ask.prompt):
            raise Refused(408, "The request timed out.", "request_timeout", type="server_error")
        faults, dice = self._simulator.faults, self._simulator.dice
        throw = dice.again("error", lane, ask.prompt)
        if throw < faults.error_rate:
            kinds: tuple[Callable[[], Refused], ...] = (
                server_error,
                overloaded,
                lambda: rate_limited(faults.retry_after),
            )
            raise kinds[int(throw / faults.error_rate * 3)]()

    def _first_sight(self, prompt: str) -> bool:
        with self._lock:
            new = prompt not in self._seen
            self._seen.add(prompt)
        return new

    def _picture(self, ask: Ask) -> bytes:
        """A different picture each time the same is asked, the same ones in every run."""
        key = hash((ask.prompt, ask.size))
        with self._lock:
            self._drawn[key] += 1
            time = self._drawn[key]
        side = self._simulator.faults.picture_px
        return draw(
            ask.prompt,
            side or ask.width,
            side or ask.height,
            seed=time + self._simulator.faults.seed,
            media_type=f"image/{ask.output_format}",
            label=f"{ask.model} (simulated)",
            quality=max(1, ask.compression),
            transparent=ask.transparent,
        )


def server_error() -> Refused:
    return Refused(
        500,
        "The server had an error while processing your request. Sorry about that!",
        "server_error",
        type="server_error",
    )


def overloaded() -> Refused:
    return Refused(
        503,
        "Our servers are currently overloaded. Please try again later.",
        "server_is_overloaded",
        type="service_unavailable_error",
    )


def rate_limited(wait_seconds: float) -> Refused:
    return Refused(
        429,
        f"Rate limit reached for images per min (IPM). Please try again in {wait_seconds:g}s.",
        "rate_limit_exceeded",
        type="requests",
        headers={
            "retry-after": str(max(1, round(wait_seconds))),
            "retry-after-ms": str(round(wait_seconds * 1000)),
        },
    )
