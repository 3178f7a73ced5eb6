"""The card of a running job: how far it is, when it is done, what it waits for, its newest picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.pipeline.assemble import assemble
from bot.slack.progress import progress_of
from bot.slack.progress_card import Progress, Queue, progress_card
from bot.workspace.server import Workspace
from storage.accounts import Ledger
from storage.moves import SUBMISSION, columns
from storage.records import Job, Submission
from storage.states import ItemState, JobState, SubmissionState
from tests.slack.house import House, buttons, house, words
from tests.slack.priced import SHEET, priced_house
from tests.slack.test_journeys import TEMPLATE, drop
from tests.slack.test_quote import NOW, job


@pytest.fixture
def priced(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    with priced_house(tmp_path, slack) as built:
        yield built


def going(counts: dict[ItemState, int], **more: object) -> Progress:
    ledger = Ledger(sum(counts.values()), counts, Decimal("3.84"), Decimal(0), 0, 0, 0, 0, ())
    return Progress(counts, ledger, **more)  # type: ignore[arg-type]


def running(**changes: object) -> Job:
    quoted = {"quoted_low": Decimal("20.60"), "quoted_high": Decimal("22.80"), "window_seconds": 86400}
    return replace(job(), state=JobState.RUNNING, started_at=NOW, **{**quoted, **changes})  # type: ignore[arg-type]


# --- what it says --------------------------------------------------------------------------------------


def test_what_the_provider_has_done_moves_the_bar_before_anything_is_here() -> None:
    flying = {ItemState.IN_FLIGHT: 400}
    shares = [going(flying, reported=done).share for done in (0, 100, 200, 400)]
    assert shares == [0, 0.25, 0.5, 0.99]
    card = progress_card(running(), going(flying, reported=100), NOW)
    assert "25%" in words({"blocks": list(card.blocks)})
    assert "400 to come (400 at the provider, 100 of them done there)" in words({"blocks": list(card.blocks)})


def test_cost_so_far_stands_against_the_quote() -> None:
    said = words({"blocks": list(progress_card(running(), going({ItemState.STORED: 4}), NOW).blocks)})
    assert "$3.84 (quoted $20.60 to $22.80)" in said


def test_the_place_in_the_line_is_said() -> None:
    queue = Queue(NOW + timedelta(hours=4), 1, "south")
    said = words(
        {"blocks": list(progress_card(running(), going({ItemState.SENDING: 4}, queue=queue), NOW).blocks)}
    )
    assert "Waiting for its turn" in said
    assert "2nd in line at south, begins about <!date^" in said


# --- in the workspace ----------------------------------------------------------------------------------


def test_a_job_is_paused_and_resumed_from_its_card(priced: House) -> None:
    drop(priced, "@imgbatch lane=live quality=low", SHEET)
    priced.ana.press(priced.card(), "job_start")
    priced.hear()
    priced.ben.press(priced.card(), "job_pause")
    priced.quiet()
    assert priced.job().state is JobState.PAUSED
    card = priced.card()
    assert f"Paused by <@{priced.ben.user_id}>" in words(card)
    assert "Nothing is sent, and nothing more is spent." in words(card)
    assert "nothing more is sent until somebody resumes it" in words(card)
    assert buttons(card) == ["job_resume", "job_cancel", "job_failed", "job_details"]
    priced.tick(60, times=3)
    assert priced.ctx.queries.ledger(priced.job().id).attempts == 0

    priced.ana.press(card, "job_resume")
    priced.ben.press(card, "job_resume")
    priced.ben.wait_for_reply(card | {"ts": card["thread_ts"]}, "Somebody else has just decided")
    priced.quiet()
    assert priced.job().state is JobState.FINISHED
    assert priced.ctx.queries.ledger(priced.job().id).made == 18
    events = [e for e in priced.ctx.queries.events(priced.job().id) if e.event in ("pause", "resume")]
    assert [(e.event, e.person) for e in events] == [
        ("pause", priced.ben.user_id),
        ("resume", priced.ana.user_id),
    ]
    priced.ben.press(card, "job_resume")
    priced.ben.wait_for_reply(card | {"ts": card["thread_ts"]}, "is finished; there is nothing to resume")


def test_pause_resume_and_cancel_in_words(priced: House) -> None:
    message = drop(priced, "@imgbatch lane=live quality=low", SHEET)

    def say(what: str) -> JobState:
        priced.ana.say(priced.room, f"@imgbatch {what}", thread=message["ts"])
        priced.hear()
        return priced.job().state

    assert [say(what) for what in ("start", "pause", "resume", "pause")] == [
        JobState.RUNNING,
        JobState.PAUSED,
        JobState.RUNNING,
        JobState.PAUSED,
    ]
    priced.ana.command(priced.room, "/imgbatch", f"resume {priced.job().id}")
    assert any("will go on; its card shows" in words(m) for m in priced.ana.messages(priced.room))
    priced.hear()
    assert say("stop") is JobState.CANCELLING
    priced.quiet()
    assert priced.job().state is JobState.CANCELLED
    assert priced.ctx.queries.ledger(priced.job().id).attempts == 0


def test_a_paused_job_can_be_paused_again_after_it_went_on(priced: House) -> None:
    drop(priced, "@imgbatch quality=low off_peak=true", SHEET)
    priced.clock.at = priced.clock.at.replace(hour=12)
    priced.ana.press(priced.card(), "job_start")
    priced.arrived()
    priced.tick(times=2)
    for _ in range(2):
        priced.ben.press(priced.card(), "job_pause")
        priced.arrived()
        priced.tick(times=2)
        assert priced.job().state is JobState.PAUSED
        priced.ben.press(priced.card(), "job_resume")
        priced.arrived()
        priced.tick(times=2)
        assert priced.job().state is JobState.RUNNING


def test_a_job_for_the_night_says_when_it_begins(priced: House) -> None:
    priced.clock.at = priced.clock.at.replace(hour=12)
    drop(priced, "@imgbatch quality=low off_peak=true", SHEET)
    priced.ana.press(priced.card(), "job_start")
    priced.arrived()
    priced.tick(times=2)
    at_two = (priced.clock() + timedelta(days=1)).replace(hour=2, minute=0, second=0)
    assert "Waiting for its turn" in words(priced.card())
    assert f"begins about <!date^{int(at_two.timestamp())}^" in words(priced.card())


def test_a_batch_behind_others_says_its_place_and_when_it_may_begin(priced: House) -> None:
    drop(priced, "@imgbatch quality=low", SHEET)
    priced.ana.press(priced.card(), "job_start")
    priced.hear()
    ctx, now = priced.ctx, priced.clock()
    # Packed, and not sent: the provider takes no more batches at present.
    assemble(ctx, now)
    (mine,) = ctx.queries.batches(priced.job().id)
    with ctx.mail._writer.transaction() as c:
        for number, state in enumerate([SubmissionState.OPEN, SubmissionState.PREPARED]):
            other = replace(mine, id=f"other-{number}", job_id="other", state=state, completed=0)
            _insert(c, replace(other, due_at=now - timedelta(minutes=1), sent_at=now - timedelta(hours=1)))
    later = now + timedelta(seconds=30)
    job_ = priced.job()
    seen = progress_of(ctx, job_, later)
    assert seen.queue is not None
    assert (seen.queue.ahead, seen.queue.provider, seen.queue.begins_at) == (1, "openai", None)
    assert seen.at_provider == 0
    with ctx.mail._writer.transaction() as c:
        c.exec_driver_sql("DELETE FROM submission WHERE id = 'other-1'")
    seen = progress_of(ctx, job_, later)
    assert seen.queue is not None
    card = ctx.providers["openai"].models[mine.model]
    expected = max(later, now - timedelta(hours=1) + card.typical_batch)
    assert (seen.queue.ahead, seen.queue.begins_at) == (0, expected)


def _insert(c: object, submission: Submission) -> None:
    c.execute(SUBMISSION.insert().values(**columns(submission)))  # type: ignore[attr-defined]


def test_counts_the_provider_reports_are_not_counted_twice_while_results_are_read(priced: House) -> None:
    ctx = priced.ctx
    drop(priced, "@imgbatch quality=low", SHEET)
    priced.ana.press(priced.card(), "job_start")
    priced.arrived()
    priced.tick()
    (batch,) = ctx.queries.batches(priced.job().id)
    ctx.store.note_progress(batch, priced.clock() + timedelta(hours=1), completed=9, failed=0)
    seen = progress_of(ctx, priced.job(), priced.clock())
    assert (seen.reported, seen.at_provider, seen.held) == (9, 18, 0)
    assert seen.share == 9 / 20
    priced.clock.move(3600)
    priced.quiet()
    done = progress_of(ctx, priced.job(), priced.clock())
    assert (done.reported, done.share) == (0, 1.0)


def test_the_newest_picture_is_on_the_card_and_uploaded_once_a_minute_at_most(
    tmp_path: Path, slack: Workspace
) -> None:
    with house(tmp_path, slack) as home:
        rows = "".join(f"B-{n},Mug {n},red\n" for n in range(6))
        drop(home, f"@imgbatch lane=batch size=128x128 {TEMPLATE}", f"sku,name,color\n{rows}")
        home.ana.press(home.card(), "job_start")
        home.arrived()

        def newest() -> list[dict[str, object]]:
            return [block for block in home.card()["blocks"] if block["type"] == "image"]

        # One of them waits: the job goes on, and the others are there.
        held = home.ctx.queries.item(home.job().id, 6)
        assert held is not None
        home.tick()
        with home.ctx.mail._writer.transaction() as c:
            later = "2099-01-01 00:00:00.000000"
            c.exec_driver_sql(f"UPDATE item SET state = 'waiting', due_at = '{later}' WHERE number = 6")
        (picture,) = home.until(newest)
        assert picture["title"]["text"].startswith("Newest: ")  # type: ignore[index]
        assert home.ben.file(picture["slack_file"]).startswith(b"\xff\xd8\xff")  # type: ignore[arg-type]
        home.tick(5, times=10)
        names = [call.args["filename"] for call in home.workspace.calls("files.getUploadURLExternal")]
        assert len(names) <= 1 + 50 // 60 + 1
        assert len(names) == len(set(names))
