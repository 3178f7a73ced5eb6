"""Fault dials: what a simulated vendor should do wrong, as ``name=value``, and the dice that decide when.

Dials may be turned while the simulator runs, by attribute or by ``POST /_sim/faults``.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields

RATES = frozenset({"refusal_rate", "error_rate", "rate_limit_rate"})
"""Dials that are a chance between 0 and 1."""


@dataclass
class Faults:
    """Every dial with its resting value. All of them off means a vendor on a good day.

    *Rate or count*: a value below 1 is a chance for each line or batch; 1 and above is a number of them.
    """

    seed: int = 0
    """Which throw of the dice: the same seed gives the same faults for the same prompts."""
    refusal_rate: float = 0.0
    """Chance that moderation refuses a prompt; a refused prompt stays refused."""
    error_rate: float = 0.0
    """Chance of a passing 500, 503 or 429, for each call and each batch line; asking again may go well."""
    rate_limit_rate: float = 0.0
    """Chance of a 429 for each live call."""
    retry_after: float = 1.0
    """Seconds a 429 asks the caller to wait."""
    requests_per_minute: int = 0
    """Live calls allowed in a minute before real 429s begin; 0 allows any number."""
    concurrent_calls: int = 0
    """Live calls answered at once, where the vendor counts them; one more is a 429. 0 allows any number."""
    latency: float = 0.0
    """Seconds a live call takes."""
    latency_jitter: float = 0.0
    """Up to this many seconds more, by the dice."""
    batch_seconds: float = 3.0
    """Seconds a batch works, however many lines it has (drawing them may take longer)."""
    validating_seconds: float = 0.3
    """Seconds a new batch is checked before it fails or starts."""
    cancelling_seconds: float = 0.3
    """Seconds between asking to cancel and its being so."""
    stuck_batch: float = 0.0
    """This batch (counted from 1), or this share of batches, stops half way until its window closes."""
    expire_after_fraction: float = 0.0
    """Batches stop at this share of their lines and expire with what they have; 0 is off."""
    enqueued_token_limit: int = 0
    """Prompt tokens that may wait in batches at once; a batch above it fails; 0 allows any number."""
    lost_reply_after_create: int = 0
    """This many creates succeed at the vendor, and the connection is cut before the reply."""
    short_answers: int = 0
    """This many calls for several pictures make, and charge for, one less (where a call may ask for several
    pictures of one prompt: xAI, Recraft)."""
    lost_reply_live: int = 0
    """This many live calls are executed and billed, and the connection is cut before the reply."""
    cut_connection: int = 0
    """This many result downloads are cut half way."""
    largest_results: int = 0
    """Results of more lines than this cannot be had: they answer 404 (OpenAI); 0 allows any number."""
    longest_download: int = 0
    """Downloads of results of more lines than this break before their first byte (OpenAI); 0 breaks none."""
    missing_lines: float = 0.0
    """Rate or count of result lines (of each batch) that are billed and never written."""
    duplicate_lines: float = 0.0
    """Rate or count of result lines (of each batch) that are written twice."""
    unknown_lines: float = 0.0
    """Rate or count of extra result lines (of each batch) under names nobody sent."""
    quota: bool = False
    """The account has run dry: calls that cost money answer 429 insufficient_quota, new batches fail."""
    auth: bool = False
    """The key was revoked: every call answers 401."""
    transparent_preview: bool = False
    """The account may ask models for a transparent background where that is in preview."""
    picture_px: int = 0
    """Draw every picture with this side, whatever was asked, for big runs; 0 draws what was asked."""

    @classmethod
    def parse(cls, settings: Iterable[str]) -> Faults:
        """Dials from ``name=value`` strings. Raises ValueError saying what would do instead."""
        faults = cls()
        for setting in settings:
            name, equals, value = setting.partition("=")
            if not equals:
                raise ValueError(f"{setting!r} is not a fault: write name=value, for instance error_rate=0.1")
            faults.turn(name.strip(), value.strip())
        return faults

    def turn(self, name: str, value: object) -> None:
        """Set one dial from text or JSON. Raises ValueError, and leaves the dial, when it will not do."""
        dials = {field.name: str(field.type) for field in fields(self)}
        if name not in dials:
            raise ValueError(f"there is no fault dial {name!r}; there are: {', '.join(sorted(dials))}")
        setattr(self, name, _read(name, dials[name], value))

    def update(self, settings: Mapping[str, object]) -> None:
        """Turn several dials, or none of them when one value will not do."""
        trial = type(self)(**asdict(self))
        for name, value in settings.items():
            trial.turn(name, value)
        for name in settings:
            setattr(self, name, getattr(trial, name))

    def take(self, name: str) -> bool:
        """Whether a counted fault is due now; counts it down."""
        with _TAKING:
            left = int(getattr(self, name))
            if left > 0:
                setattr(self, name, left - 1)
        return left > 0


_TAKING = threading.Lock()


def _read(name: str, kind: str, value: object) -> bool | int | float:
    text = str(value).strip().lower()
    if kind == "bool":
        if text in ("1", "true", "on", "yes"):
            return True
        if text in ("0", "false", "off", "no"):
            return False
        raise ValueError(f"{name}={value} will not do: say on or off")
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{name}={value} will not do: it takes a number") from None
    if not math.isfinite(number) or (number < 0 and name != "seed"):
        raise ValueError(f"{name}={value} will not do: it takes a number from 0 up")
    if name in RATES and number > 1:
        raise ValueError(f"{name}={value} will not do: it is a chance between 0 and 1")
    if name == "expire_after_fraction" and number >= 1:
        raise ValueError(f"{name}={value} will not do: it is a share below 1, and 0 is off")
    if kind == "int":
        if number != int(number):
            raise ValueError(f"{name}={value} will not do: it takes a whole number")
        return int(number)
    return number


class Dice:
    """Chance that depends on what is asked about, not on which thread asks first."""

    def __init__(self, faults: Callable[[], Faults]) -> None:
        self._faults = faults
        self._thrown: Counter[int] = Counter()
        self._lock = threading.Lock()

    def share(self, *about: object) -> float:
        """A number in [0, 1), always the same for the same things and seed."""
        text = "\x1f".join(str(part) for part in (self._faults().seed, *about))
        return (
            int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).digest())
            / 2**48
        )

    def again(self, *about: object) -> float:
        """As `share`, but each time it is asked about the same things it is a new throw."""
        key = hash(about)
        with self._lock:
            self._thrown[key] += 1
            time = self._thrown[key]
        return self.share(time, *about)

    def chosen(self, name: str, number: int, batch: str) -> frozenset[int]:
        """Which of `number` lines a *rate or count* dial picks."""
        amount = float(getattr(self._faults(), name))
        if amount <= 0:
            return frozenset()
        if amount < 1:
            return frozenset(line for line in range(number) if self.share(name, batch, line) < amount)
        order = sorted(range(number), key=lambda line: self.share(name, batch, line))
        return frozenset(order[: int(amount)])
