"""Plans: what is generated, what is copied, what it costs, and what is refused before it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.intake.spec import JobSpec, Wish
from bot.pipeline.plan import BudgetError, Chunk, PlanError
from bot.pipeline.planner import Planner
from bot.policy import Policy
from bot.runtime import Context
from providers import catalogue
from providers.base import Lane, Size
from providers.catalogue import Limits
from tests.parts import START, make_context, planned, sheet

CARDS = {name: models for name, models in catalogue.load().items() if name in ("openai", "sketch")}


def planner(spec: JobSpec | None = None, policy: Policy | None = None) -> Planner:
    return Planner("j", spec or JobSpec(provider="openai"), CARDS, policy or Policy(), START)


def wish(prompt: str, row: int = 1, **changes: Any) -> Wish:
    return replace(Wish(row=row, key=f"S{row}", variant=1, prompt=prompt), **changes)


def test_the_same_picture_is_made_once_and_copied() -> None:
    plan = planner()
    (first,) = plan.add([wish("a red mug", 1)])
    (copy,) = plan.add([wish("a red mug", 2)])
    (other,) = plan.add([wish("a red mug", 3, quality="high")])
    assert (first.duplicate_of, copy.duplicate_of, other.duplicate_of) == (None, 1, None)
    assert copy.quoted_high == 0
    whole = plan.plan(3, 0)
    assert (whole.items, whole.duplicates, whole.to_generate) == (3, 1, 2)


def test_variants_of_one_prompt_are_different_pictures_and_match_those_of_another_row() -> None:
    plan = planner()
    one = plan.add([wish("a mug", 1, variant=n) for n in (1, 2)])
    two = plan.add([wish("a mug", 2, variant=n) for n in (1, 2)])
    assert [item.duplicate_of for item in (*one, *two)] == [None, None, 1, 2]


def test_the_delivered_size_alone_does_not_make_another_picture() -> None:
    plan = planner()
    plan.add([wish("a mug", 1, size=Size(800, 800))])
    (copy,) = plan.add([wish("a mug", 2, size=Size(400, 400))])
    assert (copy.made_size, copy.duplicate_of, copy.size) == ("1024x1024", 1, "400x400")


@pytest.mark.parametrize(
    ("wanted", "made"),
    [
        ("800x800", "1024x1024"),  # the smallest listed square
        ("1500x1000", "1536x1024"),  # 3:2 is listed
        ("1080x1350", "1088x1360"),  # 4:5 is not: the next multiples of 16
        ("2048x2048", "2048x2048"),
    ],
)
def test_no_more_is_generated_than_delivery_needs(wanted: str, made: str) -> None:
    (item,) = planner().add([wish("a mug", size=Size.parse(wanted))])
    assert item.made_size == made


def test_batch_and_live_are_priced_side_by_side() -> None:
    plan = planner()
    plan.add([wish("a"), wish("b")])
    quotes = plan.plan(1, 0).quotes
    # Pictures: 2 x 0.053. Words: 2 x 1 / 4 tokens at least, 2 x (1 / 2 + 32) at most, at $5 a million.
    assert quotes[Lane.LIVE].low == Decimal("0.106") + Decimal("0.0000025")
    assert quotes[Lane.LIVE].high == Decimal("0.106") + Decimal("0.000325")
    assert quotes[Lane.BATCH].high == quotes[Lane.LIVE].high / 2


def test_a_size_between_two_listed_ones_is_priced_as_a_range() -> None:
    plan = planner(JobSpec(provider="openai", size=Size(2048, 2048)))
    plan.add([wish("a mug")])
    quote = plan.plan(1, 0).quote
    assert quote.low < quote.high


def test_an_unknown_price_is_unknown_and_never_zero() -> None:
    plan = planner(JobSpec(provider="openai", model="gpt-image-2.6-flare"))
    (item,) = plan.add([wish("a mug")])
    quote = plan.plan(1, 0).quote
    assert item.quoted_high is None
    assert (quote.unpriced, quote.high) == (1, 0)


def test_a_budget_refuses_with_the_numbers() -> None:
    plan = planner(JobSpec(provider="openai", budget_usd=Decimal("0.04")))
    plan.add([wish("a"), wish("b")])
    # Batch: 2 x 0.053 x 0.5 = 0.053
    with pytest.raises(BudgetError, match=r"2 pictures may cost \$0\.05, \$0\.01 over the budget of \$0\.04"):
        plan.plan(1, 0)


def test_a_budget_cannot_be_kept_with_an_unknown_price() -> None:
    plan = planner(JobSpec(provider="openai", model="gpt-image-2.6-flare", budget_usd=Decimal(5)))
    plan.add([wish("a")])
    with pytest.raises(BudgetError, match="unknown"):
        plan.plan(1, 0)


def test_the_operators_budget_binds_too() -> None:
    plan = planner(policy=Policy(budget_usd=Decimal("0.01")))
    plan.add([wish("a")])
    with pytest.raises(BudgetError):
        plan.plan(1, 0)


def test_a_retired_model_is_refused_and_names_its_successor() -> None:
    with pytest.raises(PlanError, match=r"shut down on 2026-10-23; use gpt-image-2"):
        planner(JobSpec(model="gpt-image-1"))


def test_a_retiring_model_warns() -> None:
    plan = planner(JobSpec(model="gpt-image-1.5"))
    plan.add([wish("a")])
    assert any("will be shut down on 2026-12-01" in warning for warning in plan.plan(1, 0).warnings)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (JobSpec(provider="openay"), "There is no provider"),
        (JobSpec(model="gpt-image-22"), "did you mean gpt-image-2"),
        (JobSpec(provider="sketch", model="gpt-image-2"), "at sketch"),
    ],
)
def test_a_wrong_name_says_what_there_is(spec: JobSpec, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        planner(spec)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quality": "best"}, "no quality"),
        ({"background": "transparent"}, "transparent"),
        ({"size": Size(4000, 100)}, "cannot make a picture of the shape"),
        ({"references": tuple(f"https://x.example/{n}.png" for n in range(17))}, "16 reference"),
        ({"prompt": "x" * 32001}, "32,?000"),
        ({"prompt": "  "}, "empty"),
    ],
)
def test_a_row_that_cannot_be_said_is_a_bad_row(changes: dict[str, Any], words: str) -> None:
    plan = planner()
    with pytest.raises(PlanError, match=words):
        plan.add([replace(wish("a mug"), **changes)])
    assert plan.plan(1, 1).items == 0, "nothing of it is counted"


def test_a_chunk_is_full_by_rows_by_bytes_and_by_expected_results() -> None:
    card = CARDS["openai"]["gpt-image-2"]
    limits = Limits(items_per_submission=3, bytes_per_submission=100, output_bytes_per_submission=1000)
    small = card.model_copy(update={"limits": limits})
    by_rows = Chunk(small, Lane.BATCH, Policy())
    assert [by_rows.add(1, 1) for _ in range(4)] == [True, True, True, False]
    by_bytes = Chunk(small, Lane.BATCH, Policy())
    assert [by_bytes.add(60, 1), by_bytes.add(60, 1)] == [True, False]
    by_results = Chunk(small, Lane.BATCH, Policy())
    assert [by_results.add(1, 600), by_results.add(1, 600)] == [True, False]
    assert Chunk(small, Lane.BATCH, Policy()).add(1000, 9999), "what is too large alone still travels alone"
    operators = Chunk(small, Lane.BATCH, Policy(chunk_items=1))
    assert operators.add(1, 1)
    assert operators.full


def test_a_chunk_holds_no_more_tokens_than_may_wait_at_the_vendor() -> None:
    card = CARDS["openai"]["gpt-image-2"].model_copy(
        update={"limits": Limits(items_per_submission=9, enqueued_tokens=10)}
    )
    chunk = Chunk(card, Lane.BATCH, Policy())
    assert [chunk.add(1, 1, 6), chunk.add(1, 1, 4), chunk.add(1, 1, 1)] == [True, True, False]
    assert chunk.tokens == 10


@pytest.mark.parametrize(("operator", "asked", "most"), [(None, 2, 2), (3, 2, 2), (2, 3, 2), (2, None, 2)])
def test_the_smaller_of_what_the_operator_and_the_job_want_counts(
    operator: int | None, asked: int | None, most: int
) -> None:
    chunk = Chunk(CARDS["openai"]["gpt-image-2"], Lane.BATCH, Policy(chunk_items=operator), asked)
    assert [chunk.add(1, 1) for _ in range(most + 1)] == [True] * most + [False]


def test_a_chunk_above_the_vendors_limit_is_told_with_the_limit() -> None:
    with pytest.raises(PlanError, match=r"at most 50,000 pictures a submission; write chunk=50000 or less"):
        planner(JobSpec(provider="openai", chunk=50_001))
    assert planner(JobSpec(provider="openai", chunk=50_001, lane=Lane.LIVE)), (
        "a live call is one picture anyway"
    )
    plan = planner(JobSpec(provider="openai", chunk=10))
    for n in range(25):
        plan.add([wish(f"mug {n}", n)])
    assert plan.plan(25, 0).submissions == 3


def test_variants_of_a_row_are_counted_in_calls() -> None:
    plan = Planner("j", JobSpec(provider="xai", lane=Lane.LIVE), catalogue.load(), Policy(), START)
    for row in (1, 2):
        red, blue = (replace(wish(f"{c} mug {row}", row), row=row) for c in ("red", "blue"))
        plan.add([red, blue, *[red] * 11, blue])
    # 12 red ones are two calls, two blue ones another; rows share none.
    assert plan.plan(2, 0).submissions == 6


def test_the_plan_says_how_many_submissions_there_will_be() -> None:
    plan = planner(policy=Policy(chunk_items=10))
    for n in range(25):
        plan.add([wish(f"mug {n}", n)])
    assert plan.plan(25, 0).submissions == 3


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Context]:
    with make_context(tmp_path / "data") as context:
        yield context


def test_a_planned_job_has_its_rows_items_and_bad_rows_with_their_lines(ctx: Context, tmp_path: Path) -> None:
    rows = [{"sku": "A", "prompt": "a mug"}, {"sku": "B", "prompt": ""}, {"sku": "C", "prompt": "a hat"}]
    job = planned(ctx, sheet(tmp_path, rows), template=None)
    assert (job.rows, job.bad_rows, job.items) == (3, 1, 2)
    (bad,) = ctx.queries.rows(job.id, bad_only=True)
    assert bad.line == 3
    assert bad.problem
    assert bad.cells["sku"] == "B"


def test_a_live_job_is_late_after_four_times_its_usual_time() -> None:
    plan = planner(JobSpec(provider="openai", lane=Lane.LIVE))
    for n in range(2000):
        plan.add([wish(f"mug {n}", n)])
    usual = 2000 / 20 * 25  # calls / calls at once x seconds a call
    assert plan.plan(2000, 0).window_seconds == 4 * usual
    assert timedelta(seconds=4 * usual) > timedelta(minutes=10)


def test_several_models_side_by_side_are_a_comparison() -> None:
    plan = planner(JobSpec(model="gpt-image-2, sketch"))
    items = [item for n in (1, 2) for item in plan.add([wish(f"mug {n}", n)])]
    assert [(item.row, item.model) for item in items] == [
        (1, "gpt-image-2"), (1, "sketch"), (2, "gpt-image-2"), (2, "sketch"),
    ]  # fmt: skip
    whole = plan.plan(2, 0)
    assert whole.compares
    assert whole.submissions == 2
    assert whole.models == {"openai/gpt-image-2": 2, "sketch/sketch": 2}


def test_a_model_named_twice_is_asked_once_and_a_wrong_one_is_named() -> None:
    plan = planner(JobSpec(model="sketch,sketch"))
    assert len(plan.add([wish("a mug")])) == 1
    with pytest.raises(PlanError, match="sketsh"):
        planner(JobSpec(model="sketch,sketsh"))


def test_a_model_of_a_provider_that_is_not_set_up_says_so_and_a_retired_one_names_its_successor() -> None:
    only = {"sketch": CARDS["sketch"]}
    with pytest.raises(PlanError, match="gpt-image-2 is a model of openai, which is not set up here"):
        Planner("j", JobSpec(model="gpt-image-2"), only, Policy(), START)
    with pytest.raises(PlanError, match="use gpt-image-2 instead"):
        Planner("j", JobSpec(model="gpt-image-1"), only, Policy(), START)


def test_a_model_without_the_lane_asked_for_goes_by_its_own_and_the_plan_says_so() -> None:
    every = catalogue.load()
    live_only = next(card for card in every["recraft"].values() if card.lanes == {Lane.LIVE})
    both = {"openai": every["openai"], "recraft": every["recraft"]}
    plan = Planner("j", JobSpec(model=f"gpt-image-2,{live_only.id}"), both, Policy(), START)
    items = plan.add([wish("a mug")])
    assert [item.lane for item in items] == ["batch", "live"]
    whole = plan.plan(1, 0)
    assert whole.lane is Lane.BATCH
    assert any("has no batch lane: its pictures go live" in warning for warning in whole.warnings)
    alone = Planner("j", JobSpec(model=live_only.id), both, Policy(), START)
    alone.add([wish("a mug")])
    assert alone.plan(1, 0).lane is Lane.LIVE
