"""Who makes a picture: the first of the route that can."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from bot.intake.options import parse_options
from bot.intake.spec import JobSpec, Wish
from bot.pipeline.plan import PlanError
from bot.pipeline.planner import Planner
from bot.pipeline.routing import Behind, Need, choose, explained, objections
from bot.policy import Policy
from providers.base import Lane, Size
from providers.catalogue import Limits, ModelCard, PricePoint
from tests.parts import START

TODAY = date(2026, 11, 23)


def card(provider: str, name: str, **abilities: object) -> ModelCard:
    plain: dict[str, object] = {
        "lanes": {Lane.BATCH, Lane.LIVE},
        "prompt_limit": 1000,
        "sizes": ("1024x1024",),
        "prices": (PricePoint(usd=Decimal("0.04")),),
        "limits": Limits(items_per_submission=100),
        "source": "here",
        "checked": TODAY,
    }
    return ModelCard.model_validate({"id": name, "provider": provider, **plain, **abilities})


CARDS = {
    "north": {
        "n-plain": card("north", "n-plain", prompt_limit=100),
        "n-rich": card(
            "north", "n-rich", references=2, transparency=True, lanes={Lane.LIVE}, qualities=("low", "high"),
            default_quality="low", prompt_limit=100,
        ),
    },
    "south": {
        "s-old": card("south", "s-old", shutdown=date(2026, 1, 1)),
        "s-lines": card("south", "s-lines", vector=True),
        "s-one": card("south", "s-one", references=8, prices=(PricePoint(usd=Decimal("0.06")),)),
    },
    "east": {"e-one": card("east", "e-one", transparency=True)},
}  # fmt: skip
ROUTE = ["north", "south", "east"]
PLAIN = Need("a mug", Lane.BATCH)


@pytest.mark.parametrize(
    ("need", "without", "model"),
    [
        (PLAIN, (), "n-plain"),
        (PLAIN, ("north",), "s-one"),  # not the retired one, not the one for vector pictures
        (PLAIN, ("north", "south"), "e-one"),
        (PLAIN, ("north", "south", "east"), None),
        (replace(PLAIN, prompt="x" * 101), (), "s-one"),  # too long for north
        (replace(PLAIN, references=2), (), "s-one"),  # north can, but live alone
        (replace(PLAIN, references=2, lane=Lane.LIVE), (), "n-rich"),
        (replace(PLAIN, references=3, lane=Lane.LIVE), (), "s-one"),
        (replace(PLAIN, references=9), (), None),
        (replace(PLAIN, background="transparent"), (), "e-one"),
        (replace(PLAIN, background="opaque"), (), "n-plain"),
        (replace(PLAIN, vector=True), (), "s-lines"),
        (replace(PLAIN, model="s-lines"), ("north",), "s-lines"),  # asked for by name
        (replace(PLAIN, model="s-one"), (), "n-plain"),  # elsewhere the provider's own
    ],
)
def test_the_first_that_can(need: Need, without: tuple[str, ...], model: str | None) -> None:
    choice = choose(ROUTE, CARDS, need, TODAY, without)
    assert (choice.card.id if choice else None) == model


def test_a_quality_nobody_there_knows_becomes_the_models_own() -> None:
    need = replace(PLAIN, lane=Lane.LIVE, references=1, quality="ultra")
    choice = choose(["north"], CARDS, need, TODAY)
    assert choice is not None
    assert choice.quality == "low"
    known = choose(["north"], CARDS, replace(need, quality="high"), TODAY)
    assert known is not None
    assert known.quality == "high"
    without = choose(["east"], CARDS, replace(PLAIN, quality="high"), TODAY)
    assert without is not None
    assert without.quality is None, "a model without qualities is told none"


def test_why_nobody_can_is_said_for_each() -> None:
    said = list(objections(["north", "west"], CARDS, replace(PLAIN, references=9), TODAY))
    assert said == ["n-plain takes 0 reference pictures, not 9", "west has no model for it"]


def planner(resting: tuple[str, ...] = (), **options: object) -> Planner:
    behind = {name: Behind(2, "it is paused") for name in resting}
    spec = replace(JobSpec(route=("north", "south")), **options)  # type: ignore[arg-type]
    return Planner("j", spec, CARDS, Policy(), START, behind)


def wish(prompt: str, row: int = 1, **changes: object) -> Wish:
    return replace(Wish(row=row, key=f"S{row}", variant=1, prompt=prompt), **changes)  # type: ignore[arg-type]


def test_a_plan_gives_each_picture_to_the_first_that_can() -> None:
    plan = planner()
    items = (
        plan.add([wish("a mug")]) + plan.add([wish("x" * 101, 2)]) + plan.add([wish("z", 3, provider="east")])
    )
    assert [item.provider for item in items] == ["north", "south", "east"]
    whole = plan.plan(3, 0)
    # 0.04 x 0.5 + 0.06 x 0.5 + 0.04 x 0.5
    assert whole.quote.high == Decimal("0.07")
    assert any("the cost may differ from this quote" in warning for warning in whole.warnings)


def test_a_plan_comes_to_a_provider_that_is_left_alone_last() -> None:
    (item,) = planner(("north",)).add([wish("a mug")])
    assert item.provider == "south"
    with_north = planner(("north", "south")).add([wish("a mug")])
    assert with_north[0].provider == "north", "if all rest, the order is the person's"


def test_a_row_that_nobody_can_make_says_why() -> None:
    with pytest.raises(PlanError, match="n-plain takes 0 reference pictures, not 9; s-one takes 8"):
        planner().add([wish("a mug", references=tuple("abcdefghi"))])


def test_a_model_that_only_changes_pictures_gets_none_without_a_reference() -> None:
    editor = card("north", "n-edit", references=2, edits_only=True)
    cards = {**CARDS, "north": {"n-edit": editor, **CARDS["north"]}}
    changed = choose(["north"], cards, replace(PLAIN, references=1), TODAY)
    made = choose(["north"], cards, PLAIN, TODAY)
    assert changed is not None
    assert made is not None
    assert (changed.card.id, made.card.id) == ("n-edit", "n-plain")
    for spec in (
        JobSpec(provider="north", model="n-edit"),
        JobSpec(route=("north", "west-of-it"), model="n-edit"),
    ):
        plan = Planner("j", spec, {**cards, "west-of-it": {}}, Policy(), START)
        (item,) = plan.add([wish("a mug", references=("https://x.example/1.png",))])
        assert item.model == "n-edit"
        with pytest.raises(PlanError, match="n-edit only changes pictures; give each row a “reference”"):
            plan.add([wish("a mug", 2)])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"route": ("north", "west")}, "no provider “west”"),
        ({"model": "e-one"}, "None of north, south has a model “e-one”"),
        ({"background": "transparent", "route": ("south",)}, "cannot make transparent"),
    ],
)
def test_a_route_that_cannot_work_is_refused_as_a_whole(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(PlanError, match=sentence):
        planner(**options)


def test_the_size_is_that_of_the_model_it_goes_to() -> None:
    (item,) = planner(size=Size(512, 512)).add([wish("a mug")])
    assert (item.size, item.made_size) == ("512x512", "1024x1024")


PRICED = {
    "dear": {"d": card("dear", "d", prices=(PricePoint(usd=Decimal("0.08")),))},
    "fair": {"f": card("fair", "f", prices=(PricePoint(usd=Decimal("0.02")),), prompt_limit=50)},
    "middle": {"m": card("middle", "m", lanes={Lane.LIVE}, prices=(PricePoint(usd=Decimal("0.01")),))},
    "silent": {"s": card("silent", "s", prices=())},
    "stand-in": {"i": card("stand-in", "i", prices=(PricePoint(usd=Decimal(0)),))},
}
POOR = Behind(1, "20 of its last 40 answers were pictures")
PAUSED = Behind(2, "it is paused")


@pytest.mark.parametrize(
    ("route", "need", "behind", "model"),
    [
        (["cheapest"], PLAIN, {}, "f"),  # the batch lane: middle has none
        (["cheapest"], replace(PLAIN, lane=Lane.LIVE), {}, "m"),
        (["cheapest"], replace(PLAIN, prompt="x" * 51), {}, "d"),  # too long for the cheapest
        (["cheapest", "dear", "silent"], PLAIN, {}, "d"),  # of these alone; an unknown price is last
        (["cheapest", "silent", "stand-in"], PLAIN, {}, "s"),
        (["cheapest"], PLAIN, {"fair": POOR}, "d"),
        (["cheapest"], PLAIN, {"fair": POOR, "dear": PAUSED, "silent": PAUSED, "stand-in": PAUSED}, "f"),
        (["dear", "fair"], PLAIN, {}, "d"),  # without the word the order is the person's
        (["dear", "fair"], PLAIN, {"dear": POOR}, "f"),
        (["dear", "fair"], PLAIN, {"dear": POOR, "fair": PAUSED}, "d"),
        (["dear", "fair"], PLAIN, {"dear": POOR, "fair": POOR}, "d"),
    ],
)
def test_by_price_and_by_health(route: list[str], need: Need, behind: dict[str, Behind], model: str) -> None:
    choice = choose(route, PRICED, need, TODAY, behind=behind)
    assert choice is not None
    assert choice.card.id == model


def test_the_plan_says_who_was_chosen_and_what_each_would_cost() -> None:
    said = explained(["cheapest"], PRICED, PLAIN, TODAY, {"dear": POOR})
    assert said == [
        "Pictures go to fair, the cheapest that can and does well. One costs at most: "
        "dear (d) $0.04; fair (f) $0.01; m has no batch lane; silent (s) unknown; stand-in (i) $0.00.",
        "dear comes later: 20 of its last 40 answers were pictures.",
    ]
    assert not explained(["dear"], PRICED, PLAIN, TODAY), "there is nothing to choose"
    plan = Planner("j", JobSpec(route=("cheapest", "dear", "fair")), PRICED, Policy(), START)
    (item,) = plan.add([wish("a mug")])
    assert (item.provider, item.quoted_high) == ("fair", Decimal("0.01"))
    warnings = plan.plan(1, 0).warnings
    assert any(said.startswith("Pictures go to fair, the cheapest that can.") for said in warnings)
    assert any(said.startswith("If fair stops working") for said in warnings)


def test_the_word_is_understood_where_a_provider_is_named() -> None:
    assert parse_options("provider=cheapest A mug")[0].route == ("cheapest",)
    assert parse_options("provider=Cheapest,north A mug")[0].route == ("cheapest", "north")
    assert parse_options("provider=north A mug")[0].route is None
