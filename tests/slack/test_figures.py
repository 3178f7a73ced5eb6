"""`cost` and `stats`: what was spent and how it went, for those who may know it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bot.intake.figures import MONTHS
from bot.policy import MonthlyBudgets, Roles
from bot.runtime import now
from bot.slack.inbox import work_inbox
from bot.workspace.server import ADMIN, Workspace
from providers.base import Billed, Failure, FailureKind
from storage.states import ReviewEvent
from storage.voting import Pick
from tests.parts import QUICK
from tests.priced import PaidSketch
from tests.slack.house import PRODUCTS, House, house, words
from tests.slack.test_home import opened
from tests.slack.test_summary import made, summaries


@pytest.fixture
def shop(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    """Every picture costs $0.10 by the price table; the channel has $5 a month. Ana is the admin."""
    budgets = MonthlyBudgets(channel=Decimal(5))
    policy = replace(QUICK, roles=Roles(admins=(ADMIN,)), budgets=budgets)
    provider = PaidSketch(tmp_path, now, "0.10")
    with house(tmp_path / "house", slack, providers={"sketch": provider}, policy=policy) as home:
        yield home


def said(home: House, text: str, person: str = "ana", room: str = "") -> str:
    """The answer, which the inbox gives: figures of a large month take time."""
    who = getattr(home, person)
    who.command(room or home.room, "/imgbatch", text)
    home.arrived()
    work_inbox(home.ctx, home.app.client, home.clock())
    return words([m for m in who.messages(room or home.room) if m.get("is_ephemeral")][-1])


def test_a_channels_month_by_model_and_per_approved_picture(shop: House) -> None:
    job = made(shop)
    shop.ctx.reviews.decide(job.id, Pick([(1, 2)]), ReviewEvent.APPROVE, shop.ben.user_id, shop.clock())
    told = said(shop, "cost", "ben")
    assert f"Cost in {shop.clock():%B}" in told
    # Four pictures, of which one is a copy and costs nothing.
    assert (
        "$0.30 for 4 pictures in 1 job: $0.075 each, $0.15 for each of the 2 approved (2 not reviewed" in told
    )
    assert "sketch/sketch" in told
    assert "Budget: " in told
    assert "$4.70 of $5.00 left" in told
    assert "$0.30 for 4 pictures" in said(shop, "cost channel")
    assert "$0.30 for 4 pictures" in said(shop, "cost me")
    assert "nothing was sent in" in said(shop, "cost me", "ben")
    assert f"nothing was sent in {MONTHS[shop.clock().month - 2].title()}" in said(shop, "cost last month")


def test_in_a_thread_it_is_asked_by_mention(shop: House) -> None:
    job = made(shop)
    thread = shop.ctx.mail.thread(job.id)
    assert thread is not None
    shop.ana.say(shop.room, "@imgbatch cost", thread=str(thread.ts))
    shop.arrived()
    shop.tick()
    seen = [m for m in shop.ana.thread(shop.channel, str(thread.ts)) if m.get("is_ephemeral")]
    assert "$0.30 for 4 pictures" in words(seen[-1])


def test_what_others_spend_is_told_to_members_and_admins_alone(shop: House, slack: Workspace) -> None:
    made(shop)
    secret = slack.add_channel(f"secret-{shop.channel.lower()}", members=(ADMIN,))
    assert "Only its members and admins" in said(shop, f"cost <#{secret}|secret>", "ben")
    assert "nothing was sent" in said(shop, f"cost <#{secret}|secret>")
    assert "Only admins see everybody's batches" in said(shop, "cost month", "ben")
    assert "$0.30 for 4 pictures" in said(shop, "cost month")
    assert "Only admins see everybody's batches" in said(shop, "stats all", "ben")
    assert "$0.30" in said(shop, f"cost <#{shop.channel}|x>", "ben", "#general")


def test_unknown_costs_are_said_to_be_unknown(shop: House) -> None:
    provider = shop.ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    lost = Failure(FailureKind.SERVER_ERROR, "busy", "try again", billed=Billed.UNKNOWN)
    provider.failures.append(lost)
    made(shop)
    told = said(shop, "cost")
    assert "At least $0.30 for 4 pictures" in told
    assert "What 1 answer cost is not known ($0.10 at list price)." in told


def test_stats_say_success_refusals_retries_time_and_money(shop: House) -> None:
    provider = shop.ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    provider.failures.append(Failure(FailureKind.CONTENT_POLICY, "rules", "no", billed=Billed.NO))
    made(shop)
    told = said(shop, "stats 7")
    assert "The last 7 days" in told
    assert "refused" in told
    assert "of the promised time, none longer." in told
    assert "a picture" in told
    assert "no batch ran in the last 7 days" in said(shop, "stats 7 me", "ben")


def test_stats_say_what_a_price_is_lately_though_nobody_needs_to_be_told(shop: House) -> None:
    provider = shop.ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    for number, says in enumerate(("0.10", "0.10", "0.10", "0.12")):
        provider.says = Decimal(says)
        made(shop, sheet=PRODUCTS.replace("Mug", f"Mug {number}").replace("Bag", f"Bag {number}"))
    assert "Lately, in the live lane: $0.11 a picture, 5% more than listed." in said(shop, "stats")


def test_the_card_says_what_an_approved_picture_cost_and_the_summary_stays(shop: House) -> None:
    job = made(shop)
    before = words(summaries(shop, job))
    thread = shop.ctx.mail.thread(job.id)
    assert thread is not None
    shop.ana.say(shop.room, "@imgbatch approve 1-3", thread=str(thread.ts))
    shop.hear()
    shop.tick(seconds=15, times=2)
    assert "3 approved, 0 rejected, 1 to review" in words(shop.card())
    assert "for each approved" not in words(shop.card())
    shop.ana.say(shop.room, "@imgbatch reject 4: wrong colour", thread=str(thread.ts))
    shop.hear()
    shop.tick(seconds=15, times=2)
    assert "3 approved, 1 rejected, 0 to review, $0.10 for each approved." in words(shop.card())
    assert words(summaries(shop, job)) == before


def test_in_a_direct_message_it_is_about_ones_own(shop: House) -> None:
    made(shop)
    shop.ana.command("@imgbatch", "/imgbatch", "cost")
    shop.arrived()
    work_inbox(shop.ctx, shop.app.client, shop.clock())
    told = words(shop.ana.messages("@imgbatch")[-1])
    assert "You" in told
    assert "$0.30 for 4 pictures" in told


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Honolulu"])
def test_home_and_cost_say_the_same_at_the_turn_of_the_month(shop: House, zone: str) -> None:
    """Sent in the last minute, UTC, by somebody whose own calendar is a day ahead or still behind."""
    shop.workspace._site.state.users[ADMIN].tz = zone
    try:
        shop.clock.at = datetime(2027, 1, 31, 23, 40, tzinfo=UTC)
        made(shop)
        shop.clock.at = datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)
        for month, usd in (("January", "$0.30"), ("February", "$0.00")):
            opened(shop, f"Spent in {month} (UTC)", f"*You*\n{usd}")
            told = said(shop, "cost me")
            assert f"{month} (UTC)" in told
            assert (f"{usd} for 4 pictures" in told) is (month == "January")
            shop.clock.move(2)
    finally:
        shop.workspace._site.state.users[ADMIN].tz = "Europe/Lisbon"
