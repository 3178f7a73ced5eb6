"""Failures, retries and alerts: what a thread tells when not all is well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.runtime import now
from bot.slack.announcer import announce
from bot.workspace.server import Workspace
from providers import catalogue
from providers.openai import OpenAI
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from storage.records import Incident
from storage.states import ItemState, JobState
from tests.parts import QUICK
from tests.slack.house import House, buttons, house, words
from tests.slack.test_journeys import drop

SHEET = "sku,prompt\nA-1,a red mug\nA-2,a moderated scene\nA-3,a boot [flaky]\n"


@pytest.fixture
def home(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    """A house with a provider that refuses and fails, and a policy that tries only once."""
    with OpenAISimulator(faults=Faults(picture_px=64)) as simulator:
        cards = catalogue.load()["openai"]
        provider = OpenAI(cards, api_key=simulator.key, base_url=simulator.base_url, clock=now)
        policy = replace(QUICK, attempts=1)
        with house(tmp_path, slack, providers={"openai": provider}, policy=policy) as built:
            yield built
        provider.close()


def ended(home: House) -> None:
    drop(home, "@imgbatch lane=live", SHEET)
    home.ana.press(home.card(), "job_start")
    home.arrived()
    home.quiet()


def test_a_plan_says_its_price_in_both_lanes(home: House) -> None:
    drop(home, "@imgbatch lane=live quality=low", SHEET)
    text = words(home.card())
    assert "*Now* (as asked for)\n$0.0" in text
    assert "*Later, cheaper*\n$0.0" in text


def test_an_unknown_price_is_called_unknown_and_asked_about(home: House) -> None:
    drop(home, "@imgbatch lane=live model=gpt-image-2.6-flare", SHEET)
    card = home.card()
    assert "price unknown" in words(card)
    assert "$0" not in words(card)
    start = next(e for block in card["blocks"] if block["type"] == "actions" for e in block["elements"])
    assert "not published" in start["confirm"]["text"]["text"]


def test_failures_are_told_with_reasons_and_can_be_sent_again(home: House) -> None:
    ended(home)
    summary = next(m for m in home.replies() if m.get("subtype") == "thread_broadcast")
    assert "content rules refused" in words(summary)
    assert "Retry failed (1)" in words(summary)
    assert "Retry failed (1)" in words(home.card())
    sheets = next(m for m in home.replies() if "at a glance" in words(m))
    assert "1 picture ready, 1 refused and 1 failed" in words(sheets)

    home.ben.press(summary, "job_retry")
    home.ana.press(home.card(), "job_retry")
    home.quiet()
    summaries = [m for m in home.replies() if m.get("subtype") == "thread_broadcast"]
    assert ["2 of 3 pictures" in words(m) for m in summaries] == [False, True]
    assert "Pictures were sent again" in words(summaries[0])
    assert buttons(summaries[0]) == []
    assert "Retry failed" not in words(home.card())
    (review,) = [m for m in home.replies() if "to review" in words(m) and buttons(m)]
    assert "2 to review" in words(review), "what a retry made is reviewed with the rest"


def test_a_retry_that_makes_no_sense_says_so(home: House) -> None:
    ended(home)
    job = home.job().id
    home.ana.command(home.room, "/imgbatch", f"retry {job} in_doubt")
    said = words(home.ana.messages(home.room))
    assert f"no in doubt pictures to send again, but 1 failed (“retry {job} failed”), 1 refused" in said
    home.ana.command(home.room, "/imgbatch", f"retry {job} refused")
    home.quiet()
    assert home.ctx.queries.counts(job)[ItemState.REFUSED] == 1
    assert home.job().state is JobState.FINISHED


def test_an_alert_is_told_once_in_the_thread_and_to_the_operators(home: House) -> None:
    home.alert_channel = home.workspace.channel_id("alerts")
    before = len(home.ana.messages("#alerts"))
    ended(home)
    job = home.job().id
    assert not home.ctx.notices.incidents(job), "two of three may be bad luck: the summary says it"
    found = Incident(f"rerouted:{job}", "rerouted", "warning", "It goes on at north", [], home.clock(), job)
    home.ctx.notices.open_incident(found)
    home.tick(times=5)
    again = home.again()
    again.tick(times=5)
    in_thread = [m for m in home.replies() if "It goes on at north" in words(m)]
    told = home.ana.messages("#alerts")[before:]
    assert len(in_thread) == len(told) == 1


def test_an_alert_that_is_over_says_so_in_its_place(home: House) -> None:
    ended(home)
    job = home.job().id
    home.ctx.notices.open_incident(
        Incident(
            "overdue:x",
            "overdue",
            "warning",
            "<!channel> is late",
            ["Expected within 2 h."],
            home.clock(),
            job,
        )
    )
    # Not a whole tick: the watch would find that nothing is late and close it.
    announce(home.ctx, home.app.client, home.clock())
    (alert,) = [m for m in home.replies() if "is late" in words(m)]
    assert alert["text"] == "Warning: &lt;!channel&gt; is late"
    home.tick(times=2)
    (over,) = [m for m in home.replies() if "is late" in words(m)]
    assert over["text"].startswith("Over after ")
    assert over["ts"] == alert["ts"]


def test_a_provider_that_is_paused_is_told_to_the_jobs_that_wait(home: House) -> None:
    drop(home, "@imgbatch lane=live", SHEET)
    home.ctx.notices.pause(
        "openai", "auth", "Key not accepted", home.clock(), home.clock() + timedelta(hours=1)
    )
    home.ana.press(home.card(), "job_start")
    home.arrived()
    home.tick(times=3)
    assert "openai is paused: Key not accepted" in words(home.card())
    assert "goes on when openai works again" in words(home.card())
    assert "(0 at the provider)" in words(home.card()), "what was turned away is not there"
    assert sum("openai is paused" in words(m) and m["ts"] != home.card()["ts"] for m in home.replies()) == 1
