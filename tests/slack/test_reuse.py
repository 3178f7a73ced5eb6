"""Approved pictures on the plan's card: a choice with its saving, by button or word; marked in the review."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.runtime import now
from bot.workspace.server import Workspace
from storage.records import Job
from storage.reviews import Pick
from storage.states import ItemState, JobState, ReviewEvent
from tests.priced import PaidSketch
from tests.slack.house import PRODUCTS, TEMPLATE, House, Json, buttons, house, labels, words
from tests.slack.test_journeys import drop


@pytest.fixture
def shop(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    """A house whose pictures cost ten cents."""
    with house(tmp_path, slack, providers={"sketch": PaidSketch(tmp_path, now, "0.10")}) as built:
        yield built


def newest(home: House) -> Job:
    return home.jobs()[0]


def card(home: House, job: Job) -> Json:
    told = home.ctx.mail.announcements(job.id)["card"]
    thread = home.ctx.mail.thread(job.id)
    assert thread is not None
    seen = home.ana.thread(thread.channel, thread.ts or str(told.ts))
    return next(message for message in seen if message["ts"] == told.ts)


def approved_job(home: House) -> Job:
    """A finished job of three pictures and a duplicate, two of them approved."""
    drop(home)
    first = newest(home)
    home.ana.press(card(home, first), "job_start")
    home.quiet()
    home.ctx.reviews.decide(first.id, Pick([(1, 2)]), ReviewEvent.APPROVE, home.ben.user_id, home.clock())
    return first


def test_what_was_approved_is_a_choice_on_the_card_and_marked_in_the_review(shop: House) -> None:
    first = approved_job(shop)
    drop(shop)
    job = newest(shop)
    shown = card(shop, job)
    assert (
        "2 of these were approved before. They are made anew unless you reuse them, which saves $0.20."
        in (words(shown).replace("*", ""))
    )
    assert labels(shown)["job_reuse"] == "Reuse 2 approved, saves $0.20"
    assert "$0.30" in labels(shown)["job_start"]

    shop.ana.press(shown, "job_reuse")
    shop.hear()
    shown = card(shop, job)
    assert "2 pictures approved before will be reused, which saves $0.20" in words(shown).replace("*", "")
    assert "$0.10" in labels(shown)["job_start"]
    assert labels(shown)["job_anew"] == "Make all anew"

    shop.ana.press(shown, "job_anew")
    shop.hear()
    shop.ana.say(shop.room, f"@imgbatch reuse {job.id}")
    shop.hear()
    shop.ana.press(card(shop, job), "job_start")
    shop.until(lambda: newest(shop).state is JobState.FINISHED)
    shop.quiet()

    items = list(shop.ctx.queries.items(job.id))
    assert [item.state for item in items] == [ItemState.STORED] * 4
    assert [item.reused_job for item in items] == [first.id, first.id, None, None]
    thread = shop.ctx.mail.thread(job.id)
    assert thread is not None
    said = " ".join(words(message) for message in shop.ana.thread(thread.channel, str(thread.ts)))
    assert f"reused from job `{first.id}`, approved there by <@{shop.ben.user_id}>" in said
    assert "0 approved, 0 rejected, 4 to review" in said
    assert "2 pictures were reused from earlier jobs, which saved $0.20." in said


def test_typed_beside_the_sheet_it_is_planned_so(shop: House) -> None:
    approved_job(shop)
    drop(shop, "@imgbatch lane=live size=128x128 reuse=approved Studio photo of a {{ color }} {{ name }}")
    shown = card(shop, newest(shop))
    assert "2 pictures approved before will be reused" in words(shown)
    assert {"job_anew", "job_start"} <= set(buttons(shown))


def test_an_old_button_says_that_it_is_too_late(shop: House) -> None:
    approved_job(shop)
    drop(shop)
    job = newest(shop)
    old = card(shop, job)
    shop.ana.press(old, "job_start")
    shop.until(lambda: newest(shop).state is JobState.FINISHED)
    shop.ana.press(old, "job_reuse")
    thread = shop.ctx.mail.thread(job.id)
    assert thread is not None
    shop.ana.wait_for_reply(
        {"channel": thread.channel, "ts": thread.ts}, "what is reused is decided before it starts"
    )
    assert shop.ctx.queries.reused(job.id)[0] == 0


def test_the_form_asks_for_it_too_and_the_plan_says_what_that_saves(shop: House) -> None:
    approved_job(shop)
    shop.ana.command(shop.room, "/imgbatch", "new lane=live size=128x128")
    form = shop.ana.wait_for_modal("New image batch")
    shop.ana.press(form, "form_more", values={"template": TEMPLATE})
    form = shop.ana.wait_for(lambda: (v := shop.ana.modal()) and "Approved before" in words(v) and v)
    sheet = [("products.csv", PRODUCTS.encode())]
    assert shop.ana.fill(form, {"sheet": sheet, "reuse": ["approved"]}) is None
    shop.tick(times=2)
    job = newest(shop)
    assert job.spec["reuse"] == "approved"
    shown = card(shop, job)
    assert "2 pictures approved before will be reused, which saves $0.20" in words(shown).replace("*", "")
    assert labels(shown)["job_anew"] == "Make all anew"
