"""What the plan says a job costs, against what each vendor's stand-in bills: never more than the highest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image

from bot.intake.spec import JobSpec
from bot.pipeline.create import Wanted, create_job
from bot.pipeline.start import start
from bot.runtime import Context, now
from providers import catalogue, registry
from providers.base import Lane
from providers.catalogue import ModelCard
from providers.simulators import SIMULATORS
from providers.simulators.server import Simulator
from storage.records import Job
from storage.states import ItemState
from tests.parts import TestClock, make_context, run_to_end, sheet

PROMPTS = ("a mug", "a boot " * 90, "赤いマグカップ、白い背景、柔らかい光")

CARDS = catalogue.load()


def lanes() -> list[tuple[str, Lane]]:
    """Each provider with a stand-in, in each lane that a priced model of it has."""
    return [(name, lane) for name in sorted(SIMULATORS) for lane in Lane if priced(name, lane)]


def priced(provider: str, lane: Lane) -> list[ModelCard]:
    """Its models that work today, have that lane, and a price at their usual size."""
    today = now().date()
    return [
        card
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


def begun(ctx: Context, folder: Path, models: list[ModelCard], lane: Lane) -> Job:
    """Started on all these models; with a reference where they only change pictures."""
    prompts = PROMPTS if any(card.tokens for card in models) else PROMPTS[:1]
    rows = [{"prompt": prompt} for prompt in prompts]
    if models[0].edits_only:
        Image.new("RGB", (64, 64), "grey").save(folder / "before.png")
        rows = [{**row, "reference": "before.png"} for row in rows]
    path = sheet(folder, rows)
    names = ",".join(card.id for card in models)
    spec = JobSpec(template="{{ prompt }}", provider=models[0].provider, model=names, lane=lane)
    wanted = Wanted(path, path.name, spec, "tester", files=folder.joinpath)
    job, _ = create_job(ctx, wanted, ctx.clock())
    start(ctx, job, ctx.clock())
    return job


@pytest.mark.parametrize(("name", "lane"), lanes(), ids=str)
def test_no_clean_run_costs_more_than_its_highest_quote(tmp_path: Path, name: str, lane: Lane) -> None:
    models = priced(name, lane)
    groups = [[card for card in models if card.edits_only == edits] for edits in (False, True)]
    with vendor(tmp_path, name) as (ctx, simulator):
        jobs = [
            run_to_end(ctx, begun(ctx, tmp_path, group, lane), rounds=1500, real_pause=0.02)
            for group in groups
            if group
        ]
        items = [item for job in jobs for item in ctx.queries.items(job.id)]
        billed = simulator.billed
    assert {item.model for item in items} == {card.id for card in models}
    assert [item.reason for item in items if item.state is not ItemState.STORED] == []
    dearer = [
        f"{item.model}: quoted {item.quoted_low} to {item.quoted_high}, cost {item.cost}"
        for item in items
        if item.cost is None or item.quoted_high is None or item.cost > item.quoted_high
    ]
    assert not dearer
    most = sum((job.quoted_high or Decimal(0) for job in jobs), Decimal(0))
    assert 0 < sum((image.price for image in billed), Decimal(0)) <= most
