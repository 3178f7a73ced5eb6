"""The summary of a job that has ended: its words, its chart, and the job before it."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from bot.slack.closing import PATIENCE
from bot.slack.telling import TRIES
from storage.records import Job
from tests.slack.house import PRODUCTS, TEMPLATE, House, words
from tests.slack.test_journeys import drop

TEXT = f"@imgbatch lane=live size=128x128 {TEMPLATE}"


def made(home: House, text: str = TEXT, sheet: str = PRODUCTS) -> Job:
    """One more job of this house, made to its end and told."""
    known = {job.id for job in home.jobs()}
    drop(home, text, sheet)
    (job,) = [job for job in home.jobs() if job.id not in known]
    thread = home.ctx.mail.thread(job.id)
    assert thread is not None
    told = home.ctx.mail.announcements(job.id)["card"]
    card = next(m for m in home.ana.thread(home.channel, str(thread.ts)) if m["ts"] == told.ts)
    home.ana.press(card, "job_start")
    home.arrived()
    home.quiet()
    found = home.ctx.queries.job(job.id)
    assert found is not None
    return found


def summaries(home: House, job: Job) -> list[dict[str, Any]]:
    thread = home.ctx.mail.thread(job.id)
    assert thread is not None
    seen = home.ana.thread(home.channel, str(thread.ts))
    return [m for m in seen if m.get("subtype") == "thread_broadcast"]


def test_the_summary_has_a_chart_that_can_be_read_and_heard(home: House) -> None:
    job = made(home)
    (summary,) = summaries(home, job)
    (chart,) = [block for block in summary["blocks"] if block["type"] == "image"]
    assert chart["alt_text"].startswith("Chart of products.csv: 4 of 4 pictures ready (100.0%); took ")
    image = Image.open(io.BytesIO(home.ben.file(chart["slack_file"])))
    assert (image.format, image.width) == ("PNG", 1080)
    kinds = [block["type"] for block in summary["blocks"]]
    assert kinds == ["header", "section", "section", "image", "actions"]


def test_the_words_go_without_the_chart_where_slack_takes_no_files(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(home)
    home.ana.press(home.card(), "job_start")
    home.arrived()
    home.workspace.fail_next("files.getUploadURLExternal", times=1000)
    began = home.clock()
    home.until(lambda: summaries(home, home.job()), ticks=120)
    assert home.clock() - began >= PATIENCE
    (summary,) = summaries(home, home.job())
    assert "All 4 pictures are ready" in words(summary)
    assert "image" not in [block["type"] for block in summary["blocks"]]


def test_a_chart_that_slack_does_not_take_after_all_is_left_out(home: House) -> None:
    drop(home)
    home.ana.press(home.card(), "job_start")
    home.arrived()
    home.workspace.fail_next("chat.postMessage", "invalid slack file", times=TRIES - 1)
    home.until(lambda: summaries(home, home.job()), ticks=120)
    (summary,) = summaries(home, home.job())
    assert "image" not in [block["type"] for block in summary["blocks"]]


def test_a_job_is_set_beside_the_last_one_of_its_kind(home: House) -> None:
    first = made(home)
    assert "Compared with" not in words(summaries(home, first))
    home.clock.at += timedelta(days=20)
    other = made(home, "@imgbatch lane=live size=64x64 A watercolour of {{ title }}", "id,title\n1,Fox\n")
    assert "Compared with" not in words(summaries(home, other)), "another template and other columns"
    again = made(home)
    day = first.created_at
    said = words(summaries(home, again))
    assert f"Compared with “products.csv” of {day.day} {day:%b}: as many came out" in said
