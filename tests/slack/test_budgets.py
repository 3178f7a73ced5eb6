"""Budgets in Slack: what is left, who may change it, and what people are told who would pass one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.intake.budgeting import Budgets, Change, read_budgets
from bot.intake.options import CommandError
from bot.policy import MonthlyBudgets, Roles
from bot.slack.budgets import NO_ADMINS
from bot.workspace.server import ADMIN, Workspace
from storage.states import JobState
from tests.parts import QUICK
from tests.priced import models_at
from tests.slack.house import House, house, words
from tests.slack.test_journeys import drop


@pytest.fixture
def frugal(tmp_path: Path, slack: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Ana is the admin; every picture costs $0.10, and a channel has $0.25 a month: two of three."""
    budgets = MonthlyBudgets(channel=Decimal("0.25"))
    policy = replace(QUICK, roles=Roles(admins=(ADMIN,)), budgets=budgets)
    with house(tmp_path, slack, policy=policy) as home:
        monkeypatch.setattr(home.ctx.providers["sketch"], "models", models_at("0.10"))
        yield home


def said(home: House, text: str, person: str = "ana") -> str:
    who = getattr(home, person)
    who.command(home.room, "/imgbatch", text)
    return words([m for m in who.messages(home.room) if m.get("is_ephemeral")][-1])


def test_a_start_that_would_pass_the_budget_is_refused_and_an_admin_raises_it(frugal: House) -> None:
    home = frugal
    drop(home)
    card = home.card()
    home.ben.press(card, "job_start")
    home.quiet()
    assert home.job().state is JobState.PLANNED
    asked = card | {"ts": card["thread_ts"]}
    told = words(
        home.ben.wait_for_reply(asked, "That may cost $0.30, and the channel has $0.25 left of its budget")
    )
    assert "an admin may raise it with “/imgbatch budget channel USD” there" in told
    assert "Only ana may" in said(home, "budget channel 100", "ben")
    assert "$100.00 of $100.00 left" in said(home, "budget channel 100")
    home.ben.press(home.card(), "job_start")
    home.quiet()
    assert home.job().state is JobState.FINISHED
    # What this provider says of its pictures is that they cost nothing: that is what is settled.
    assert "$100.00 of $100.00 left; spent $0.00, reserved $0.00" in said(home, "budget", "ben")
    proof = said(home, f"audit {home.job().id}")
    assert "Every row is accounted for" in proof
    assert "quoted: $0.3000" in proof
    assert "saved: $0.1000 by 1 duplicate" in proof
    assert f"<@{home.ben.user_id}> started it" in proof


def test_budgets_are_set_shown_and_given_back_to_the_setting(frugal: House) -> None:
    home = frugal
    assert "$2,000.00 of $2,000.00 left" in said(home, "budget month 2,000")
    assert "$100.00 of $100.00 left" in said(home, "budget person @ben 100")
    assert "$80.00 of $80.00 left" in said(home, "budget provider sketch 80")
    assert "There is no provider “nobody” here" in said(home, "budget provider nobody 80")
    shown = said(home, "budget")
    assert "All jobs" in shown
    assert "sketch" in shown
    assert "$100.00" not in shown, "Ben's budget is none of Ana's"
    assert "$2,000.00" not in said(home, "budget month off")
    assert "$0.25 of $0.25 left" in said(home, "budget channel off")


def test_an_unknown_price_waits_for_an_admin(frugal: House, monkeypatch: pytest.MonkeyPatch) -> None:
    home = frugal
    monkeypatch.setattr(home.ctx.providers["sketch"], "models", models_at(None))
    drop(home)
    home.ana.press(home.card(), "job_start")
    home.quiet()
    assert home.job().state is JobState.PLANNED
    name = home.job().id
    assert "Only ana may" in said(home, f"budget allow {name}", "ben")
    assert "may spend what nobody knows the price of" in said(home, f"budget allow {name}")
    assert "There is no job “nosuch”" in said(home, "budget allow nosuch")
    home.ana.press(home.card(), "job_start")
    home.quiet()
    assert home.job().state is JobState.FINISHED


def test_where_nobody_is_an_admin_nobody_lifts_a_budget(home: House) -> None:
    assert NO_ADMINS[:40] in said(home, "budget month 5000")
    assert "There are no budgets" in said(home, "budget")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", Budgets()),
        ("month $2,000", Budgets(Change.SET, "month", "", Decimal(2000))),
        ("person <@U1|ana> 12.50", Budgets(Change.SET, "person", "U1", Decimal("12.50"))),
        ("channel off", Budgets(Change.DROP, "channel")),
        ("channel <#C12|shoes> off", Budgets(Change.DROP, "channel", "C12")),
        ("provider Sketch off", Budgets(Change.DROP, "provider", "sketch")),
        ("allow K3X9AB", Budgets(Change.ALLOW, key="k3x9ab")),
    ],
)
def test_what_is_written_is_read(text: str, wanted: Budgets) -> None:
    assert read_budgets(text) == wanted


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("year 5", "has no budget"),
        ("month", "Say how much"),
        ("month -5", "is not a budget"),
        ("month 0", "is not a budget"),
        ("month 99999999999", "is not a budget"),
        ("person ana 5", "Say whose budget"),
        ("provider 5", "Say which provider"),
        ("month of may 5", "is too much here"),
        ("allow", "Say which job"),
    ],
)
def test_mistakes_are_answered_in_sentences(text: str, problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        read_budgets(text)
