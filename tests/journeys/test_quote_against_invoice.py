"""What the plan says a job costs, against what each vendor's stand-in bills: never more than the highest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from bot.runtime import Context, now
from providers import catalogue, registry
from providers.base import Lane
from providers.simulators import SIMULATORS
from providers.simulators.server import Simulator
from storage.states import ItemState
from tests.parts import TestClock, make_context, run_to_end, sheet, started

PROMPTS = ("a mug", "a boot " * 90, "赤いマグカップ、白い背景、柔らかい光")

CARDS = catalogue.load()


def lanes() -> list[tuple[str, Lane]]:
    """Each provider with a stand-in, in each lane that a priced model of it has."""
    return [(name, lane) for name in sorted(SIMULATORS) for lane in Lane if priced(name, lane)]


def priced(provider: str, lane: Lane) -> list[str]:
    """Its models that work today, have that lane, and a price at their usual size."""
    today = now().date()
    return [
        card.id
        for card in CARDS.get(provider, {}).values()
        if not card.retired(today) and lane in card.lanes and card.price(lane, card.default_size, None)
    ]


@contextmanager
def vendor(tmp_path: Path, name: str) -> Iterator[tuple[Context, Simulator]]:
    """A Context with one provider, and the stand-in behind it."""
    entry = next(entry for entry in registry.ENTRIES if entry.name == name)
    assert entry.key_variable
    assert entry.base_url_variable
    with SIMULATORS[name]() as simulator:
        simulator.faults.update({"picture_px": 64, "batch_seconds": 0.1, "validating_seconds": 0.02})
        values = {entry.key_variable: simulator.key, entry.base_url_variable: simulator.base_url}
        built = registry.build(values, catalogue=CARDS, folder=tmp_path / "providers", clock=now)
        with make_context(tmp_path / "data", {name: built[name]}, clock=TestClock(now())) as ctx:
            yield ctx, simulator
        for provider in built.values():
            provider.close()


@pytest.mark.parametrize(("name", "lane"), lanes(), ids=str)
def test_no_clean_run_costs_more_than_its_highest_quote(tmp_path: Path, name: str, lane: Lane) -> None:
    models = priced(name, lane)
    by_token = any(CARDS[name][model].tokens for model in models)
    path = sheet(tmp_path, [{"prompt": prompt} for prompt in (PROMPTS if by_token else PROMPTS[:1])])
    with vendor(tmp_path, name) as (ctx, simulator):
        job = started(ctx, path, model=",".join(models), lane=lane)
        job = run_to_end(ctx, job, rounds=1500, real_pause=0.02)
        items = list(ctx.queries.items(job.id))
        billed = simulator.billed
    made = [item for item in items if item.state is ItemState.STORED]
    left = {item.reason for item in items if item.state is not ItemState.STORED}
    assert all("needs a reference picture" in (reason or "") for reason in left), left
    assert len(made) >= len(items) - len(PROMPTS)
    dearer = [
        f"{item.model}: quoted {item.quoted_low} to {item.quoted_high}, cost {item.cost}"
        for item in made
        if item.cost is None or item.quoted_high is None or item.cost > item.quoted_high
    ]
    assert not dearer
    assert job.quoted_high is not None
    assert 0 < sum((image.price for image in billed), Decimal(0)) <= job.quoted_high
