"""What each model can do and what it costs, read from `catalogue.toml` and the operator's own file.

Facts about vendors are data with a source and a date; nothing here is guessed. A price that is not known
is None, never zero.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from providers.base import Lane, Size

CATALOGUE = Path(__file__).with_name("catalogue.toml")
"""The catalogue shipped with the program."""

BYTES_PER_TOKEN = 4

RETIRING_SOON = timedelta(days=30)
"""How long before its shutdown a model is warned about."""


def _size(value: Any) -> Any:
    return Size.parse(value) if isinstance(value, str) else value


ParsedSize = Annotated[Size, BeforeValidator(_size)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class SizeRule(_Frozen):
    """Any width and height within these bounds can be made."""

    multiple: int = 1
    max_side: int
    max_ratio: Decimal
    """Longest side divided by shortest."""
    min_pixels: int
    max_pixels: int

    def allows(self, size: Size) -> bool:
        longest, shortest = max(size.width, size.height), min(size.width, size.height)
        return (
            size.width % self.multiple == 0
            and size.height % self.multiple == 0
            and longest <= self.max_side
            and longest <= shortest * self.max_ratio
            and self.min_pixels <= size.pixels <= self.max_pixels
        )

    def smallest_covering(self, wanted: Size) -> Size | None:
        """The smallest size of the wanted shape that covers it, or None if the rule has none."""
        step = self.multiple
        width = -(-wanted.width // step) * step
        while width <= self.max_side:
            height = -(-max(wanted.height, round(width / wanted.ratio)) // step) * step
            candidate = Size(width, height)
            if candidate.pixels > self.max_pixels:
                return None
            if self.allows(candidate):
                return candidate
            width += step
        return None

    def largest_of_shape(self, wanted: Size) -> Size | None:
        """The largest size of the wanted shape, or None if the shape itself is not allowed."""
        step = self.multiple
        for width in range(self.max_side // step * step, 0, -step):
            candidate = Size(width, max(step, round(width / wanted.ratio / step) * step))
            if self.allows(candidate):
                return candidate
        return None


class PricePoint(_Frozen):
    """The list price of one picture in the live lane, in USD."""

    usd: Decimal
    quality: str | None = None
    """None: whatever the quality."""
    size: ParsedSize | None = None
    """None: whatever the size."""


class TokenPrices(_Frozen):
    """USD per million tokens in the live lane."""

    text_in: Decimal
    image_in: Decimal
    image_out: Decimal
    text_out: Decimal | None = None
    """Words in an answer, and what a model thinks before it draws; None: not sold, or not published."""


class Price(_Frozen):
    """What one picture will cost, in USD: `low` and `high` are equal where the price is listed."""

    low: Decimal
    high: Decimal


class Limits(_Frozen):
    """What the vendor takes at once. None: no limit known."""

    items_per_submission: int = 1
    bytes_per_submission: int | None = None
    output_bytes_per_submission: int | None = None
    """Expected bytes of one submission's results that can still be fetched reliably."""
    open_submissions: int | None = None
    enqueued_tokens: int | None = Field(default=None, ge=1)
    """Input tokens of one model that may be in batches at once; each account has a limit of its own."""
    submissions_per_hour: int | None = None
    requests_per_second: float | None = None
    requests_per_minute: float | None = None
    images_per_minute: float | None = None
    """All three of the live lane; the last counts pictures, not calls."""
    concurrency: int = 4
    """Live calls at once."""


class ModelCard(_Frozen):
    """One model of one provider: its abilities, limits and prices, each figure with its source."""

    id: str
    provider: str
    title: str = ""
    lanes: frozenset[Lane]
    source: str
    checked: date
    """The day the figures were last compared with the source."""

    prompt_limit: int
    """Longest prompt in characters; longer ones are refused by us, since vendors cut them silently."""
    sizes: tuple[ParsedSize, ...] = ()
    """The sizes the vendor lists, those with a price first."""
    size_rule: SizeRule | None = None
    default_size: ParsedSize = Size(1024, 1024)
    qualities: tuple[str, ...] = ()
    default_quality: str | None = None
    references: int = 0
    """How many reference pictures one request may carry."""
    edits_only: bool = False
    """Makes nothing of words alone: it needs a reference."""
    reference_tokens: int = 1_120
    """Input tokens of one reference picture; where a vendor does not say, the most that another says."""
    transparency: bool = False
    vector: bool = False
    images_per_call: int = Field(default=1, ge=1)
    """Pictures of one and the same request that one live call may ask for."""
    extra: Mapping[str, Any] = Field(default_factory=dict)
    """Fields of a server's own, sent with each request; an empty text takes a usual field out. Read by the
    adapter for OpenAI-compatible servers alone: what they want beside the usual, nobody knows beforehand."""
    output_bytes: int = 2_500_000
    """Typical bytes of one result on the wire at 1024x1024 (base64 included)."""

    limits: Limits = Limits()
    result_lifetime: timedelta = timedelta(days=30)
    """How long results can be fetched after the submission ended."""
    window: timedelta = timedelta(hours=24)
    """The promised batch window."""
    cancel_delivers: bool = True
    """Whether a batch that is cancelled hands out what it made until then. Where it may not, or nobody says,
    a batch is not called back to be made faster: what it made would be paid twice."""
    typical_batch: timedelta = timedelta(hours=2)
    """What a batch usually takes; for the estimate shown, never for a decision."""
    typical_call: timedelta = timedelta(seconds=20)
    """What a live call usually takes; for the estimate shown."""

    prices: tuple[PricePoint, ...] = ()
    tokens: TokenPrices | None = None
    thoughts: int = 0
    """Tokens it may think before a picture, sold as `TokenPrices.text_out` and not part of the list price."""
    batch_factor: Decimal = Decimal("0.5")
    """Batch price divided by live price."""

    shutdown: date | None = None
    successor: str | None = None

    def lane_for(self, wanted: Lane) -> Lane:
        """The lane wanted, or the one the model has."""
        return wanted if wanted in self.lanes else next(iter(self.lanes))

    def retired(self, today: date) -> bool:
        return self.shutdown is not None and today >= self.shutdown

    def retiring(self, today: date) -> bool:
        """Still works, but not for long."""
        return self.shutdown is not None and today < self.shutdown <= today + RETIRING_SOON

    def fit(self, wanted: Size) -> Size | None:
        """The cheapest size this model can make that covers `wanted` in its shape.

        Where prices are listed by size, a listed size of (nearly) the same shape wins, because its price is
        known; else the smallest the rule allows. Where nothing is large enough, the largest of that shape:
        pictures are then enlarged on delivery, and the plan warns. None: no size of that shape.
        """
        by_rule = self.size_rule.smallest_covering(wanted) if self.size_rule else None
        if by_rule and not any(point.size for point in self.prices):
            return by_rule
        same_shape = [s for s in self.sizes if abs(s.ratio / wanted.ratio - 1) < 0.01]
        covering = sorted((s for s in same_shape if s.covers(wanted)), key=lambda s: s.pixels)
        if covering or by_rule:
            return covering[0] if covering else by_rule
        if self.size_rule:
            return self.size_rule.largest_of_shape(wanted)
        if same_shape:
            return max(same_shape, key=lambda s: s.pixels)
        cropped = [s for s in self.sizes if s.covers(wanted)]
        if cropped:
            return min(cropped, key=lambda s: self._waste(s, wanted))
        return min(self.sizes, key=lambda s: abs(s.ratio - wanted.ratio), default=None)

    def _waste(self, size: Size, wanted: Size) -> tuple[float, ...]:
        """Price of a larger size of another shape, what cropping loses, its pixels; the smallest is best."""
        price = self.price(Lane.LIVE, size, None)
        cropped = max(size.ratio / wanted.ratio, wanted.ratio / size.ratio)
        return (float(price.high), cropped, size.pixels) if price else (0.0, size.pixels, cropped)

    def price(self, lane: Lane, size: Size, quality: str | None) -> Price | None:
        """List price of one picture, or None when nobody has published it.

        A size between two listed ones is bracketed by their prices; outside the listed range it is
        unknown. Formula: live price x `batch_factor` in the batch lane.
        """
        quality = quality or self.default_quality
        points = [p for p in self.prices if p.quality in (None, quality)]
        factor = self.batch_factor if lane is Lane.BATCH else Decimal(1)
        exact = [p.usd for p in points if p.size in (None, size)]
        if exact:
            return Price(low=exact[0] * factor, high=exact[0] * factor)
        smaller = [p for p in points if p.size and p.size.pixels <= size.pixels]
        larger = [p for p in points if p.size and p.size.pixels >= size.pixels]
        if not smaller or not larger:
            return None
        nearest_below = max(p.size.pixels for p in smaller if p.size)
        nearest_above = min(p.size.pixels for p in larger if p.size)
        bracket = [
            p.usd for p in (*smaller, *larger) if p.size and p.size.pixels in (nearest_below, nearest_above)
        ]
        return Price(low=min(bracket) * factor, high=max(bracket) * factor)

    def expected_output_bytes(self, size: Size) -> int:
        """Bytes one result of this size is expected to take on the wire (scaled by pixels)."""
        return max(1, round(self.output_bytes * size.pixels / (1024 * 1024)))

    def input_tokens(self, prompt: str, references: int) -> int:
        """About how many input tokens a request is, counted rather high: a token for every four bytes of its
        words, and `reference_tokens` for each picture.

        Vendors say "about four characters" of English (OpenAI's help centre, ai.google.dev tokens page); of
        other scripts a character is more bytes, and more of a token.
        """
        return (
            -(-len(prompt.encode(errors="replace")) // BYTES_PER_TOKEN) + references * self.reference_tokens
        )


Cards = Mapping[str, Mapping[str, ModelCard]]
"""Models by provider and id."""


class CatalogueError(ValueError):
    """A catalogue file is wrong; the message names the file, the entry and what to do."""


class _Changed(_Frozen):
    """Other limits for a model that an earlier file describes."""

    provider: str
    model: str | None = None
    """None: all of the provider's."""
    limits: Mapping[str, Any]


class _File(_Frozen):
    model: tuple[ModelCard, ...] = ()
    account: tuple[_Changed, ...] = ()
    """What the operator's own account is allowed, where it is not what the shipped catalogue says."""


def load(*files: Path) -> Cards:
    """Models by provider and id. Later files replace single entries of earlier ones, or limits of them.

    Raises CatalogueError naming the file and the field.
    """
    found: dict[str, dict[str, ModelCard]] = {}
    for file in (CATALOGUE, *files):
        told = _read(file)
        for card in told.model:
            found.setdefault(card.provider, {})[card.id] = card
        for changed in told.account:
            _change(found.get(changed.provider, {}), changed, file)
    return found


def _read(file: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as problem:
        raise CatalogueError(f"The catalogue {file} cannot be read: {problem}") from problem
    except ValidationError as problem:
        raise _wrong(file, problem) from problem


def _change(models: dict[str, ModelCard], changed: _Changed, file: Path) -> None:
    """Replace single limits of the models meant."""
    meant = [changed.model] if changed.model else list(models)
    if not meant or any(name not in models for name in meant):
        raise CatalogueError(
            f"The catalogue {file} changes limits of {changed.provider} {changed.model or ''}".rstrip()
            + ", which no catalogue knows; `imgbatch models` lists the names"
        )
    for name in meant:
        limits = {**models[name].limits.model_dump(), **changed.limits}
        try:
            models[name] = models[name].model_copy(update={"limits": Limits.model_validate(limits)})
        except ValidationError as problem:
            raise _wrong(file, problem) from problem


def _wrong(file: Path, problem: ValidationError) -> CatalogueError:
    first = problem.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return CatalogueError(f"The catalogue {file} is wrong at {where}: {first['msg']}")
