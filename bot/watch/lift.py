"""Which value of which column is refused more often than chance and the rest of the sheet explain. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.watch.chances import luck
from bot.watch.facts import Lift

LEAST = 3
"""Refused rows of a value before it is named."""

TIMES = 2.0
"""A value that lifts is refused at least this many times as often as the rest."""

ALPHA = 0.001
"""How likely chance may name a value where none lifts, over all values looked at."""

Counted = Sequence[tuple[str, int, int]]
"""Value, settled, refused."""


def lifting(columns: Mapping[str, Counted], settled: int, refused: int) -> Lift | None:
    """The value that chance explains least; None where chance explains all.

    For each value: luck(its refused, its settled, rate of the rest) x values looked at < ALPHA. The rest's
    rate is at least that of one refusal in it, so that a value is not named against a rest of a few rows.
    Columns whose values hardly repeat say nothing and name nobody. Of equals the larger value is named.
    """
    looked_at = sum(len(values) for values in columns.values()) or 1
    best: tuple[float, int, Lift] | None = None
    for column, values in columns.items():
        for value, of, hits in values:
            rest_of, rest_hits = settled - of, refused - hits
            if hits < LEAST or rest_of < LEAST:
                continue
            rest = max(rest_hits, 1) / rest_of
            if hits / of < TIMES * rest:
                continue
            chance = luck(hits, of, rest) * looked_at
            if chance < ALPHA and (best is None or (chance, -of) < best[:2]):
                best = (chance, -of, Lift(column, value, hits, of, rest_hits, rest_of))
    return best[2] if best else None
