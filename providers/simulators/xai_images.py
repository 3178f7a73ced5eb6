"""What xAI's image models accept, refuse, cost and give back, in the simulator's rendering.

Facts are from docs.x.ai (generation, editing, pricing, the migration page of 2026-11-02) and the vendor's SDK
1.21.0, read 2026-11-23. "Ours" marks a figure or a word no public page gives.

**Words in a prompt that provoke something**, the same in both lanes:

- ``moderated``: drawn, refused by moderation and charged (400 with its cost); ``gore``: drawn and charged,
  the answer is a success whose picture is held back (`respect_moderation` false). Always.
- ``[flaky]``: a 500 the first time this prompt is seen, then fine.
- ``[timeout]``: a 504 the first time this prompt is seen, then fine.
- ``[down]``: a 500 every time.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO
from typing import Any, Literal

from PIL import Image, UnidentifiedImageError

from providers.drawing import draw
from providers.simulators.ledger import Billed
from providers.simulators.server import Simulator
from providers.simulators.xai_words import Refused, XAIFaults, rate_limited, server_error

TICKS_PER_USD = 10**10
MAX_PROMPT_CHARACTERS = 10_000
"""From a reseller; the vendor's own list of models tells `max_prompt_length`, unread by us."""
MAX_IMAGES = 10
MAX_REFERENCE_BYTES = 10 * 1024 * 1024

SHAPES: dict[str, tuple[int, int]] = {
    "1:1": (1024, 1024), "3:4": (896, 1280), "4:3": (1280, 896), "9:16": (768, 1408), "16:9": (1408, 768),
    "2:3": (864, 1296), "3:2": (1296, 864), "9:19.5": (576, 1248), "19.5:9": (1248, 576), "9:20": (576, 1280),
    "20:9": (1280, 576), "1:2": (704, 1408), "2:1": (1408, 704), "auto": (1024, 1024),
}  # fmt: skip
"""Pixels at 1k by a reseller's table; what "auto" chooses is ours."""
WIDE_SHAPES: dict[str, tuple[int, int]] = {"21:9": (1536, 672), "5:2": (1600, 640)}
"""Of 2.0 alone, named on the migration page; pixels are ours."""

Lane = Literal["batch", "live"]


@dataclass(frozen=True)
class Model:
    """One image model."""

    created: int
    cents: Mapping[tuple[str, str], Decimal]
    """US cents of a picture by quality and resolution."""
    source_cents: Decimal
    """US cents of one picture sent along."""
    aliases: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()
    default_quality: str = ""
    sources: int = 3
    shapes: Mapping[str, tuple[int, int]] = field(default_factory=lambda: SHAPES)


MODELS: dict[str, Model] = {
    "grok-imagine-image-2.0": Model(
        1_786_000_000,
        {
            ("low", "1k"): Decimal(4),
            ("low", "2k"): Decimal(6),
            ("medium", "1k"): Decimal(6),
            ("medium", "2k"): Decimal(8),
        },
        Decimal(1),
        aliases=("grok-imagine-image-quality", "grok-imagine-image-pro"),
        qualities=("low", "medium"),
        default_quality="medium",
        sources=5,
        shapes={**SHAPES, **WIDE_SHAPES},
    ),
    "grok-imagine-image": Model(
        1_769_600_000, {("", "1k"): Decimal(2), ("", "2k"): Decimal(2)}, Decimal("0.2")
    ),
}
"""Since 2026-11-02 the old names are answered by 2.0 at low quality. Dates of creation are ours."""

_FIELDS = frozenset(
    {"model", "prompt", "n", "aspect_ratio", "resolution", "quality", "response_format", "user"}
)


@dataclass(frozen=True)
class Ask:
    """One call for pictures, understood and found acceptable."""

    prompt: str
    model: str
    n: int
    width: int
    height: int
    resolution: str
    quality: str
    as_base64: bool
    sources: int

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def ticks_each(self) -> int:
        """Cost of one of the pictures; what is sent along is charged with each."""
        model = MODELS[self.model]
        cents = model.cents[self.quality, self.resolution] + self.sources * model.source_cents
        return int(cents * TICKS_PER_USD / 100)


def find_model(name: object) -> tuple[str, Model] | None:
    """The model behind a name or an alias."""
    for model_id, model in MODELS.items():
        if name == model_id or name in model.aliases:
            return model_id, model
    return None


def read_ask(body: Mapping[str, Any], *, edit: bool, file: Callable[[str], bytes] = lambda _: b"") -> Ask:
    """The call as understood; `file` reads a stored file. Raises Refused as the vendor would."""
    for name in body:
        if name not in _FIELDS and not (edit and name in ("image", "images")):
            raise Refused(400, f"Argument not supported: {name}")
    found = find_model(body.get("model"))
    if found is None:
        raise Refused(
            404,
            f"The model {body.get('model')} does not exist or your team team-sim does not have access to it.",
        )
    model_id, model = found
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        raise Refused(422, "Failed to deserialize the JSON body: missing field `prompt`")
    if not prompt.strip():
        raise Refused(400, "Prompt must not be empty.")
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise Refused(400, f"Prompt length is {len(prompt)}, which exceeds {MAX_PROMPT_CHARACTERS}.")
    n = body.get("n", 1)
    if isinstance(n, bool) or not isinstance(n, int):
        raise Refused(422, f"Failed to deserialize the JSON body: n: invalid type {n!r}")
    if not 1 <= n <= MAX_IMAGES:
        raise Refused(400, f"n must be between 1 and {MAX_IMAGES}, but is {n}.")
    shape = _one_of(body, "aspect_ratio", tuple(model.shapes), "auto")
    resolution = _one_of(body, "resolution", ("1k", "2k"), "1k")
    if "quality" in body and not model.qualities:
        raise Refused(400, "Argument not supported: quality")
    quality = _one_of(body, "quality", model.qualities, model.default_quality) if model.qualities else ""
    if body["model"] in model.aliases:
        quality = "low"
    sources = _sources(body, model, file) if edit else []
    width, height = model.shapes[shape]
    if len(sources) == 1:
        width, height = _like(sources[0])
    times = 2 if resolution == "2k" else 1
    return Ask(
        prompt=prompt,
        model=model_id,
        n=n,
        width=width * times,
        height=height * times,
        resolution=resolution,
        quality=quality,
        as_base64=_one_of(body, "response_format", ("url", "b64_json"), "url") == "b64_json",
        sources=len(sources),
    )


def _one_of(body: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = body.get(name)
    if value is None:
        return default
    if value not in allowed:
        expected = ", ".join(f"`{choice}`" for choice in allowed)
        raise Refused(
            422,
            f"Failed to deserialize the JSON body: {name}: unknown variant `{value}`, expected {expected}",
        )
    return str(value)


def _sources(body: Mapping[str, Any], model: Model, file: Callable[[str], bytes]) -> list[tuple[int, int]]:
    """The sizes of the pictures sent along; 1x1 for one that lies elsewhere."""
    if ("image" in body) == ("images" in body):
        raise Refused(400, "Exactly one of image and images must be set.")
    given = body["images"] if "images" in body else [body["image"]]
    if not isinstance(given, list) or not 1 <= len(given) <= model.sources:
        raise Refused(400, f"Between 1 and {model.sources} images must be given.")
    return [_source(image, file) for image in given]


def _source(image: object, file: Callable[[str], bytes]) -> tuple[int, int]:
    """An https address is taken on trust: nothing here leaves the machine."""
    if not isinstance(image, dict) or image.keys() - {"url", "file_id", "type", "detail"}:
        raise Refused(422, "Failed to deserialize the JSON body: an image has a url or a file_id")
    url, file_id = image.get("url"), image.get("file_id")
    if isinstance(file_id, str) and url is None:
        return _measured(file(file_id))
    if not isinstance(url, str):
        raise Refused(422, "Failed to deserialize the JSON body: an image has a url or a file_id")
    if url.startswith("data:image/"):
        try:
            return _measured(base64.b64decode(url.partition(",")[2], validate=True))
        except binascii.Error:
            raise Refused(400, "Failed to decode the provided image: invalid base64.") from None
    if not re.match(r"https://[\w-]+(?:\.[\w-]+)+", url):
        raise Refused(400, "Failed to download the provided image: the address cannot be reached.")
    return 1, 1


def _measured(content: bytes) -> tuple[int, int]:
    if len(content) > MAX_REFERENCE_BYTES:
        raise Refused(400, f"The provided image exceeds {MAX_REFERENCE_BYTES} bytes.")
    try:
        picture = Image.open(BytesIO(content))
        picture.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise Refused(400, "Failed to decode the provided image: invalid image.") from None
    if picture.format not in ("PNG", "JPEG", "WEBP"):
        raise Refused(400, f"Invalid image: unsupported format {picture.format}.")
    return picture.size


def _like(source: tuple[int, int]) -> tuple[int, int]:
    """About a megapixel in the shape of the source."""
    scale = (1024 * 1024 / (source[0] * source[1])) ** 0.5
    width, height = (min(2048, max(16, round(side * scale / 16) * 16)) for side in source)
    return width, height


@dataclass(frozen=True)
class Painted:
    """What an executed call made: pictures, or None for each that moderation held back."""

    model: str
    pictures: tuple[bytes | None, ...]
    ticks: int


class Studio:
    """Draws what was asked, refuses what it should, and bills what it drew, refused or not."""

    def __init__(self, simulator: Simulator, dials: Callable[[], XAIFaults]) -> None:
        self._simulator, self._dials = simulator, dials
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._drawn: Counter[int] = Counter()

    def execute(
        self, ask: Ask, lane: Lane, custom_id: str | None = None, batch_id: str | None = None
    ) -> Painted:
        """The pictures, billed. Raises Refused: for moderation it is billed, for anything else it is not."""
        self._stumble(ask, lane)
        ticks_each = int(ask.ticks_each * self._dials().price_factor)
        now, price = self._simulator.clock(), Decimal(ticks_each) / TICKS_PER_USD
        verdict = self._verdict(ask)
        faults = self._simulator.faults
        number = ask.n - (ask.n > 1 and faults.take("short_answers"))
        pictures = [None if verdict else self._picture(ask) for _ in range(number)]
        if number > 1 and faults.take("held_back"):
            pictures[number // 2] = None
        for _ in pictures:
            self._simulator.ledger.bill(
                Billed(lane, custom_id, batch_id, ask.prompt, ask.model, ask.size, ask.quality, price, now)
            )
        ticks = ticks_each * number
        if verdict == "refused":
            raise Refused(
                400,
                "Generated image rejected by content moderation.",
                "imagine:content-moderated",
                ticks=ticks,
            )
        return Painted(ask.model, tuple(pictures), ticks)

    def _verdict(self, ask: Ask) -> Literal["", "refused", "held back"]:
        """Moderation: what a word or the dice condemn stays condemned."""
        word = re.search(r"\b(moderated|gore)\b", ask.prompt, re.IGNORECASE)
        if word:
            return "refused" if word[1].lower() == "moderated" else "held back"
        by_dice = self._simulator.dice.share("refusal", ask.prompt) < self._simulator.faults.refusal_rate
        return "refused" if by_dice else ""

    def _stumble(self, ask: Ask, lane: Lane) -> None:
        """Passing trouble: words that work once, and the dice."""
        prompt = ask.prompt.lower()
        if "[down]" in prompt or ("[flaky]" in prompt and self._first_sight(ask.prompt)):
            raise server_error()
        if "[timeout]" in prompt and self._first_sight(ask.prompt):
            raise Refused(504, "Deadline expired before operation could complete.")
        faults, dice = self._simulator.faults, self._simulator.dice
        throw = dice.again("error", lane, ask.prompt)
        if throw < faults.error_rate:
            kinds: tuple[Callable[[], Refused], ...] = (
                server_error,
                lambda: Refused(503, "The service is currently unavailable."),
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
            media_type="image/jpeg",
            label=f"{ask.model} (simulated)",
        )
