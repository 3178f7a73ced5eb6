"""Whether a figure means something or is luck: the binomial tail, and distance from what is usual.

No library is worth it: sums of a few terms, and medians.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, log1p
from statistics import median

SPREADS = 1.4826
"""Times the median absolute deviation: the standard deviation, where the values are normally distributed."""


def luck(hits: int, of: int, share: float) -> float:
    """P(X >= hits) for X ~ Binomial(of, share): how often chance alone does so badly.

    sum over k >= hits of C(of, k) share^k (1 - share)^(of - k). To ask for it to be below alpha is to ask
    that the exact (Clopper-Pearson) one-sided interval of hits / of at level 1 - alpha lies above `share`.
    """
    if hits <= 0:
        return 1.0
    if hits > of or share <= 0:
        return 0.0
    if share >= 1:
        return 1.0
    if hits <= of * share:  # then it is no tail, and the sum would be long
        return 1.0
    term = exp(
        lgamma(of + 1)
        - lgamma(hits + 1)
        - lgamma(of - hits + 1)
        + hits * log(share)
        + (of - hits) * log1p(-share)
    )
    total, k = term, hits
    while k < of and term > total * 1e-12:
        term *= (of - k) / (k + 1) * share / (1 - share)
        total, k = total + term, k + 1
    return min(1.0, total)


@dataclass(frozen=True, slots=True)
class Usual:
    """What was usual."""

    middle: float
    """The median."""
    spread: float
    """The robust standard deviation: 1.4826 x median(|value - median|)."""
    samples: int


def usual(values: Sequence[float], least: int) -> Usual | None:
    """What is usual, from at least that many values; None with fewer."""
    if len(values) < max(1, least):
        return None
    middle = median(values)
    return Usual(middle, SPREADS * median([abs(value - middle) for value in values]), len(values))


def drift(value: float, known: Usual, share: float, spreads: float = 3.0) -> float | None:
    """How far the value is from usual, as a share of it (0.2: a fifth more); None when that is usual.

    Beyond `share` of the median and beyond `spreads` robust standard deviations, both.
    """
    if known.middle <= 0:
        return None
    off = value - known.middle
    # The addend undoes binary noise: 1.1 / 1.0 - 1 is 0.10000000000000009.
    if abs(off) <= share * known.middle + 1e-9 or abs(off) <= spreads * known.spread:
        return None
    return off / known.middle
