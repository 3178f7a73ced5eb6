"""What failed, on a page: by who can act, and acted on there, by returning the sheet, or in words."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from slack_bolt import BoltRequest

from bot.pipeline.audit import audit
from bot.policy import MonthlyBudgets, Roles
from bot.slack import cards, failure_page, failures
from bot.slack.inbox import work_inbox
from bot.slack.return_card import CONFIRM
from bot.workspace.person import RefusedError
from bot.workspace.server import Workspace
from providers.base import Billed, Failure, FailureKind
from storage.states import ItemState, JobState
from tests.parts import QUICK, ends, run_to_end
from tests.priced import PaidSketch
from tests.slack.house import House, buttons, house, labels, words
from tests.slack.test_journeys import drop
from tests.slack.test_once import Killed, Stopping
from tests.slack.test_returned_sheet import cards as return_cards
from tests.slack.test_returned_sheet import give, written

Json = dict[str, Any]

REFUSED = Failure(FailureKind.CONTENT_POLICY, "blocked", "Not this brand.", Billed.NO)
TIMEOUT = Failure(FailureKind.TIMEOUT, "request_timeout", "Too slow.", Billed.NO)
EMPTY = Failure(FailureKind.UNKNOWN, "no_picture", "No picture came.", Billed.YES, Decimal("0.10"))
LOST = Failure(FailureKind.TIMEOUT, "cut", "Cut off.", Billed.UNKNOWN)

PATIENT = 30.0
"""Seconds that Slack gets to show what was said; the machine may be busy."""

TEXT = "@imgbatch lane=live size=64x64 A {{ color }} {{ name }}"
ONCE = replace(QUICK, attempts=1)


@contextmanager
def paid_house(folder: Path, slack: Workspace, **policy: Any) -> Iterator[House]:
    """A house whose pictures cost $0.10, made by whoever does as the test says."""
    rules = replace(ONCE, **policy)
    with house(folder, slack, policy=rules) as home:
        provider = PaidSketch(folder / "paid", home.clock, "0.10")
        home.ctx.providers["sketch"] = provider  # type: ignore[index]  # a test may
        yield home


@pytest.fixture
def home(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    with paid_house(tmp_path, slack) as built:
        yield built


def sheet(rows: int, bad: int = 0) -> str:
    lines = [f"S-{n},Mug {n},red" for n in range(1, rows + 1)]
    lines += [f"B-{n},Mug {n},red,huge" for n in range(1, bad + 1)]
    return "\n".join(["sku,name,color,size", *lines]) + "\n"


def fails(home: House, *how: Failure) -> None:
    provider = home.ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    provider.failures += how


def ended(home: House, how: list[Failure], rows: int = 6, bad: int = 0) -> None:
    """A finished job of which so many failed, in these ways."""
    fails(home, *how)
    drop(home, TEXT, sheet(rows, bad))
    home.ana.press(home.card(), "job_start")
    home.quiet()
    assert home.job().state is JobState.FINISHED


def opened(home: House, who: Any = None) -> Json:
    person = who or home.ana
    person.press(home.card(), cards.FAILED)
    view: Json = person.wait_for_modal(f"What failed in {home.job().id}", timeout=PATIENT)
    return view


def items(home: House, state: ItemState) -> list[Any]:
    return [item for item in home.ctx.reviews.current(home.job().id) if item.state is state]


def made(home: House) -> int:
    return home.ctx.queries.ledger(home.job().id).made


def settled(home: House) -> None:
    home.arrived()
    home.quiet()


# --- the page --------------------------------------------------------------------------------------------


def test_the_page_says_who_can_act_what_was_paid_and_which_rows(home: House) -> None:
    ended(home, [REFUSED, REFUSED, TIMEOUT, EMPTY, LOST], rows=7, bad=2)
    assert labels(home.card())[cards.FAILED] == "What failed (7)…"
    view = opened(home)
    text = words(view)
    assert "2 pictures: refused by content rules* · $0.00, nothing was billed" in text
    assert "2 rows: could not be used" in text
    assert "1 picture: answered without a picture* · $0.10 billed for 1 picture" in text
    assert "2 pictures: no answer in time* · cost unknown for 1 attempt" in text
    bad = home.ctx.queries.rows(home.job().id, bad_only=True)
    assert [row.line for row in bad] == [9, 10]
    assert "line 9, B-1; line 10, B-2: “huge” is not a size" in text
    refused = [f"line {item.row + 1}, {item.key}" for item in items(home, ItemState.REFUSED)]
    assert f"{'; '.join(refused)}: Not this brand." in text
    assert text.count("For whoever asked") == 1
    assert "For whoever runs imgbatch" not in text
    said = home.ana.labels(view)
    assert said.count("Get these rows as a sheet") == 4
    assert "Reword…" in said
    assert "Send 2 again, up to $0.20" in said
    assert "Send 1 again, up to $0.10" in said


def test_what_is_sent_again_is_just_that_and_once(home: House) -> None:
    ended(home, [REFUSED, TIMEOUT, TIMEOUT], rows=5)
    assert made(home) == 2
    view = opened(home)
    clicks = [
        threading.Thread(target=home.ana.press, args=(view, failure_page.AGAIN, "timeout")) for _ in range(2)
    ]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert "That is written down" in words(home.ana.modal())
    body = home.workspace.sent("interactive")[-1]
    settled(home)
    assert made(home) == 4
    assert len(items(home, ItemState.REFUSED)) == 1
    fails(home, TIMEOUT, TIMEOUT)
    home.ctx.store.send_again(
        home.job().id, ends(home.ctx, home.job(), ItemState.REFUSED), home.clock(), "U1"
    )
    home.quiet()
    assert len(items(home, ItemState.FAILED)) == 1, "it has timed out, too"
    for _ in range(3):  # Slack tells of that click again, long after
        home.app.dispatch(BoltRequest(body=body, mode="socket_mode"))
    home.tick(times=4)
    assert made(home) == 4
    proof = audit(home.ctx, home.job())
    assert proof["holds"], proof["exceptions"]


def test_two_people_send_the_same_again_and_one_does(home: House) -> None:
    ended(home, [TIMEOUT, TIMEOUT], rows=3)
    mine, theirs = opened(home), opened(home, home.ben)
    home.ana.press(mine, failure_page.AGAIN, "timeout")
    home.ben.press(theirs, failure_page.AGAIN, "timeout")
    assert "Somebody else has just decided" in words(home.ben.modal())
    settled(home)
    assert home.ctx.queries.ledger(home.job().id).attempts == 5
    home.ben.dismiss(home.ben.modal())
    home.ana.dismiss(home.ana.modal())
    assert cards.FAILED not in buttons(home.card())


def test_what_is_being_tried_again_is_said_while_the_job_runs(tmp_path: Path, slack: Workspace) -> None:
    with paid_house(tmp_path, slack, attempts=3, retry_first=timedelta(minutes=20)) as home:
        fails(home, TIMEOUT, TIMEOUT, REFUSED)
        drop(home, TEXT, sheet(4))
        home.ana.press(home.card(), "job_start")
        home.arrived()
        home.until(lambda: labels(home.card()).get(cards.FAILED) == "What failed (3)…")
        assert "2 being tried again" in words(home.card())
        assert home.job().state is JobState.RUNNING
        text = words(opened(home))
        assert "2 pictures: no answer in time, being tried again*" in text
        assert "The next try is at <!date" in text
        assert "Nothing to do" in text
        view = home.ana.modal()
        assert view is not None
        assert home.ana.labels(view) == ["Reword…", "Get these rows as a sheet"]
        # Reworded while the job runs, it is made with the others.
        (refused,) = items(home, ItemState.REFUSED)
        home.ana.press(view, failure_page.REWORD, "content_policy")
        form = home.ana.wait_for_modal("Reword", timeout=PATIENT)
        assert home.ana.fill(form, {f"p{refused.number}": "A plain mug"}) is None
        home.hear()
        home.tick(times=3)
        assert made(home) == 2
        home.tick(seconds=1800)
        home.quiet()
        assert home.job().state is JobState.FINISHED
        assert made(home) == 4
        assert cards.FAILED not in buttons(home.card())


def test_in_words_and_at_the_command_the_same_groups(home: House) -> None:
    ended(home, [REFUSED, TIMEOUT], rows=3)
    job = home.job().id
    home.ana.command(home.room, "/imgbatch", f"failures {job}")
    said = [m for m in home.ana.messages(home.room) if m.get("is_ephemeral")][-1]
    assert "1 picture: refused by content rules* · $0.00, nothing was billed" in words(said)
    home.ana.press(said, cards.FAILED)
    home.ana.dismiss(home.ana.wait_for_modal(f"What failed in {job}", timeout=PATIENT))
    thread = home.ctx.mail.thread(job)
    assert thread is not None
    home.ben.say(home.room, "@imgbatch failures", thread=thread.ts)
    home.hear()
    parent = {"channel": thread.channel, "ts": thread.ts}
    assert "1 picture: no answer in time" in words(
        home.ben.wait_for_reply(parent, "For whoever asked", timeout=PATIENT)
    )
    home.ben.say(home.room, "@imgbatch retry timeouts", thread=thread.ts)
    settled(home)
    assert made(home) == 2
    assert len(items(home, ItemState.REFUSED)) == 1
    home.ana.command(home.room, "/imgbatch", f"retry {job} timeout")
    home.ana.wait_for_message(
        home.room, f"Job {job} has no timeout pictures to send again, but 1 refused", timeout=PATIENT
    )
    home.ana.command(home.room, "/imgbatch", "failures nosuch")
    home.ana.wait_for_message(home.room, "There is no job “nosuch”", timeout=PATIENT)


# --- other words -----------------------------------------------------------------------------------------


def test_reworded_pictures_are_made_and_the_others_left_alone(home: House) -> None:
    ended(home, [REFUSED, REFUSED], rows=4)
    first, second = items(home, ItemState.REFUSED)
    home.ana.press(opened(home), failure_page.REWORD, "content_policy")
    form = home.ana.wait_for_modal("Reword", timeout=PATIENT)
    text = words(form)
    assert f"Line {first.row + 1} · {first.key}" in text
    assert "Not this brand." in text
    assert "When, and for how much if you change all 2" in text
    assert "Now: $0.20" in text
    with pytest.raises(RefusedError) as refused:
        home.ana.fill(form, {})
    assert refused.value.errors == {f"p{first.number}": failures.NOTHING_CHANGED}
    with pytest.raises(RefusedError) as refused:
        home.ana.fill(form, {f"p{first.number}": "A {{ color }} mug"})
    assert "was left in the prompt unfilled" in refused.value.errors[f"p{first.number}"]
    assert home.ana.fill(form, {f"p{first.number}": "A plain red mug"}) is None
    body = home.workspace.sent("interactive")[-1]
    settled(home)
    for _ in range(3):
        home.app.dispatch(BoltRequest(body=body, mode="socket_mode"))
    home.tick(times=3)
    assert made(home) == 3
    after = {item.first: item for item in home.ctx.reviews.current(home.job().id)}
    assert (after[first.number].prompt, after[first.number].version) == ("A plain red mug", 2)
    assert after[first.number].state is ItemState.STORED
    assert after[first.number].alt_text == "A plain red mug", "and not what it does not show any more"
    assert after[second.number].state is ItemState.REFUSED
    assert labels(home.card())[cards.FAILED] == "What failed (1)…"
    summaries = [words(m) for m in home.replies() if m.get("subtype") == "thread_broadcast"]
    assert "3 of 4 pictures are ready" in summaries[-1]
    assert "1 picture: the provider's content rules refused" in summaries[-1]
    (told,) = [m for m in home.replies() if "Made again" in words(m)]
    assert [block["type"] for block in told["blocks"]].count("image") == 1, "the first picture of that row"
    home.ana.wait_for_reply(
        {"channel": told["channel"], "ts": told["thread_ts"]}, "1 picture of job", timeout=PATIENT
    )


def test_refused_in_other_words_as_well_the_newest_words_are_shown(home: House) -> None:
    ended(home, [REFUSED], rows=2)
    (first,) = items(home, ItemState.REFUSED)
    home.ana.press(opened(home), failure_page.REWORD, "content_policy")
    fails(home, REFUSED)
    home.ana.fill(home.ana.wait_for_modal("Reword", timeout=PATIENT), {f"p{first.number}": "Another mug"})
    settled(home)
    (again,) = items(home, ItemState.REFUSED)
    assert (again.first, again.prompt) == (first.number, "Another mug")
    assert home.job().state is JobState.FINISHED
    home.ana.press(opened(home), failure_page.REWORD, "content_policy")
    assert "Another mug" in str(home.ana.wait_for_modal("Reword", timeout=PATIENT)["blocks"])
    (told,) = [m for m in home.replies() if "Could not be made again" in words(m)]
    assert "The earlier version counts" not in words(told)


def test_a_job_of_which_nothing_came_out_is_told_like_any_other_once_it_does(home: House) -> None:
    ended(home, [REFUSED, REFUSED], rows=2)
    assert not [m for m in home.replies() if "to review" in words(m)]
    home.ana.press(opened(home), failure_page.REWORD, "content_policy")
    one, two = items(home, ItemState.REFUSED)
    home.ana.fill(
        home.ana.wait_for_modal("Reword", timeout=PATIENT),
        {f"p{one.number}": "A red mug", f"p{two.number}": "A blue mug"},
    )
    settled(home)
    assert made(home) == 2
    assert [m for m in home.replies() if "2 to review" in words(m) and buttons(m)]
    assert "All 2 pictures are ready" in words(home.card())


def test_rows_that_ask_for_the_same_are_reworded_together_and_paid_once(home: House) -> None:
    fails(home, REFUSED)
    drop(home, TEXT, "sku,name,color\nS-1,Mug,red\nS-2,Mug,red\nS-3,Mug,red\n")
    home.ana.press(home.card(), "job_start")
    home.quiet()
    assert len(items(home, ItemState.REFUSED)) == 3
    home.ana.press(opened(home), failure_page.REWORD, "content_policy")
    form = home.ana.wait_for_modal("Reword", timeout=PATIENT)
    assert "Line 2 · S-1 and 2 rows alike" in words(form)
    home.ana.fill(form, {"p1": "A plain mug"})
    settled(home)
    assert made(home) == 1
    assert [item.prompt for item in items(home, ItemState.STORED)] == ["A plain mug"] * 3
    proof = audit(home.ctx, home.job())
    assert proof["holds"], proof["exceptions"]
    assert proof["settled_usd"] == 0.1


def test_many_prompts_come_form_after_form(home: House) -> None:
    ended(home, [REFUSED] * 17, rows=17)
    home.ana.press(opened(home), failure_page.REWORD, "content_policy")
    form = home.ana.wait_for_modal("Reword", timeout=PATIENT)
    assert "2 more follow when you hand this in." in words(form)
    following = home.ana.fill(form, {"p1": "A first mug"})
    assert following is not None
    fields = [block["block_id"] for block in following["blocks"] if block["type"] == "input"]
    assert fields == ["p16", "p17", "lane"]
    assert home.ana.fill(following, {"p17": "A last mug"}) is None
    settled(home)
    assert sorted(item.prompt for item in items(home, ItemState.STORED)) == ["A first mug", "A last mug"]


@pytest.mark.parametrize("action", [failure_page.AGAIN, failure_page.REWORD])
def test_what_was_done_before_a_crash_is_not_done_again(home: House, action: str) -> None:
    kind, how = ("timeout", TIMEOUT) if action == failure_page.AGAIN else ("content_policy", REFUSED)
    ended(home, [how], rows=2)
    home.ana.press(opened(home), action, kind)
    if action == failure_page.REWORD:
        (refused,) = items(home, ItemState.REFUSED)
        home.ana.fill(
            home.ana.wait_for_modal("Reword", timeout=PATIENT), {f"p{refused.number}": "A plain mug"}
        )
    home.arrived()
    dying = replace(home.ctx, mail=Stopping(home.ctx.mail, "inbox_done"))
    with pytest.raises(Killed):
        work_inbox(dying, home.app.client, home.clock())
    fails(home, how)
    run_to_end(home.ctx, home.job(), real_pause=0.01)  # it fails again, and nobody has asked a second time
    after = home.again()
    after.quiet()
    assert after.ctx.queries.ledger(after.job().id).attempts == 3
    assert (
        len([item for item in after.ctx.reviews.current(after.job().id) if item.state is ItemState.STORED])
        == 1
    )


# --- the sheet -------------------------------------------------------------------------------------------


def failed_sheet(home: House) -> tuple[str, list[dict[str, str]]]:
    files = [f for m in home.replies() for f in m.get("files", []) if f["name"].startswith("products.csv-")]
    content = home.ana.file(files[-1]).decode("utf-8-sig")
    return files[-1]["name"], list(csv.DictReader(io.StringIO(content)))


def test_the_refused_rows_come_as_a_sheet_and_go_back_reworded(home: House) -> None:
    ended(home, [REFUSED, REFUSED], rows=4)
    view = opened(home)
    home.ana.press(view, failure_page.SHEET, "content_policy")
    assert "The sheet with the rows of 2 pictures comes into the job's thread" in words(home.ana.modal())
    home.quiet()
    name, lines = failed_sheet(home)
    assert name == "products.csv-content_policy.csv"
    keys = [item.key for item in items(home, ItemState.REFUSED)]
    assert [line["sku"] for line in lines] == keys
    assert [line["prompt"] for line in lines] == [f"A red Mug {key[2:]}" for key in keys]
    assert {line["reason"] for line in lines} == {"Not this brand."}
    lines[1]["prompt"] = "A plain mug on a table"
    give(home, written(lines))
    (card,) = return_cards(home)
    assert "1 changed" in words(card)
    home.ana.press(card, CONFIRM)
    settled(home)
    assert made(home) == 3
    (left,) = items(home, ItemState.REFUSED)
    assert left.key == keys[0]
    assert [i.prompt for i in items(home, ItemState.STORED) if i.key == keys[1]] == ["A plain mug on a table"]


def test_bad_rows_come_as_a_sheet_and_go_back_mended(home: House) -> None:
    ended(home, [], rows=2, bad=2)
    home.ana.press(opened(home), failure_page.SHEET, "bad_rows")
    home.quiet()
    _, lines = failed_sheet(home)
    assert [line["sku"] for line in lines] == ["B-1", "B-2"]
    for line in lines:
        line["size"] = ""
        line["name"] += " new"
    give(home, written(lines))
    (card,) = return_cards(home)
    home.ana.press(card, CONFIRM)
    settled(home)
    assert made(home) == 4
    assert home.job().bad_rows == 0
    assert cards.FAILED not in buttons(home.card())


# --- who may, and for how much ---------------------------------------------------------------------------


def test_only_those_who_may_start_send_again(tmp_path: Path, slack: Workspace) -> None:
    with paid_house(tmp_path, slack) as home:
        ended(home, [TIMEOUT, REFUSED], rows=3)
        roles = Roles(starters=(home.ana.user_id,))
        object.__setattr__(home.ctx, "policy", replace(home.ctx.policy, roles=roles))
        home.ben.press(opened(home, home.ben), failure_page.AGAIN, "timeout")
        view = home.ben.modal()
        assert view is not None
        assert "Only " in words(view)
        assert "may start or change batches" in words(view)
        home.ben.press(view, failure_page.REWORD, "content_policy")
        (refused,) = items(home, ItemState.REFUSED)
        with pytest.raises(RefusedError) as said:
            home.ben.fill(
                home.ben.wait_for_modal("Reword", timeout=PATIENT), {f"p{refused.number}": "A plain mug"}
            )
        assert "may start or change batches" in said.value.errors[f"p{refused.number}"]
        home.tick(times=3)
        assert made(home) == 1


def test_above_the_limit_a_second_person_must_agree(tmp_path: Path, slack: Workspace) -> None:
    with paid_house(tmp_path, slack) as home:
        ended(home, [TIMEOUT, REFUSED], rows=3)
        policy = replace(home.ctx.policy, approval_usd=Decimal("0.15"))
        object.__setattr__(home.ctx, "policy", policy)
        view = opened(home)
        assert "Ask for approval: send 1 again, up to $0.10" in home.ana.labels(view)
        home.ana.press(view, failure_page.AGAIN, "timeout")
        settled(home)
        assert made(home) == 1, "nothing before somebody agrees"
        (asked,) = [m for m in home.replies() if "would like to" in words(m)]
        assert "send 1 picture again*, for up to *$0.20* in all, above the limit of $0.15" in words(asked)
        home.ben.press(asked, cards.AGREE)
        settled(home)
        assert made(home) == 2
        assert "agreed to up to $0.20" in words([m for m in home.replies() if m["ts"] == asked["ts"]])
        # The same for other words: what was agreed to does not bear a third picture.
        (refused,) = items(home, ItemState.REFUSED)
        home.ana.dismiss(home.ana.modal(), whole_stack=True)
        home.ana.press(opened(home), failure_page.REWORD, "content_policy")
        home.ana.fill(
            home.ana.wait_for_modal("Reword", timeout=PATIENT), {f"p{refused.number}": "A plain mug"}
        )
        settled(home)
        assert made(home) == 2
        asked = [m for m in home.replies() if "would like to" in words(m)][-1]
        assert "make 1 picture with other words now*, for up to *$0.30* in all" in words(asked)
        home.ben.press(asked, cards.AGREE)
        settled(home)
        assert [item.prompt for item in items(home, ItemState.STORED)].count("A plain mug") == 1
        assert [event.event for event in home.ctx.queries.events(home.job().id)].count("reopen") >= 2


def test_a_retry_by_the_card_is_held_to_the_limit_too(tmp_path: Path, slack: Workspace) -> None:
    with paid_house(tmp_path, slack) as home:
        ended(home, [TIMEOUT, LOST], rows=2)
        policy = replace(home.ctx.policy, approval_usd=Decimal("0.05"))
        object.__setattr__(home.ctx, "policy", policy)
        home.ana.press(home.card(), cards.RETRY)
        settled(home)
        assert made(home) == 0
        (asked,) = [m for m in home.replies() if "would like to" in words(m)]
        assert "send 2 pictures again*, for up to *$0.30* in all" in words(asked), "one was perhaps paid"


def test_whoever_agrees_agrees_to_just_what_was_asked_for(tmp_path: Path, slack: Workspace) -> None:
    with paid_house(tmp_path, slack) as home:
        ended(home, [REFUSED], rows=2)
        policy = replace(home.ctx.policy, approval_usd=Decimal("0.15"))
        object.__setattr__(home.ctx, "policy", policy)
        home.ana.command(home.room, "/imgbatch", f"retry {home.job().id} refused")
        home.quiet()
        (asked,) = [m for m in home.replies() if "would like to" in words(m)]
        home.ben.press(asked, cards.AGREE)
        settled(home)
        assert made(home) == 2


def test_a_budget_is_kept_and_once_it_is_raised_the_next_click_is_followed(
    tmp_path: Path, slack: Workspace
) -> None:
    with paid_house(tmp_path, slack, budgets=MonthlyBudgets(month=Decimal("0.45"))) as home:
        ended(home, [LOST, TIMEOUT, REFUSED], rows=4)
        lost_and_made = "$0.45 for all jobs"
        home.ana.press(opened(home), failure_page.AGAIN, "timeout")
        settled(home)
        assert made(home) == 3, "two of them, $0.40 in all"
        home.ana.dismiss(home.ana.modal())
        (refused,) = items(home, ItemState.REFUSED)
        for usd, wanted in (("0.45", 3), ("5", 4)):
            budgets = MonthlyBudgets(month=Decimal(usd))
            object.__setattr__(home.ctx, "policy", replace(home.ctx.policy, budgets=budgets))
            home.ana.press(opened(home), failure_page.REWORD, "content_policy")
            home.ana.fill(
                home.ana.wait_for_modal("Reword", timeout=PATIENT), {f"p{refused.number}": "A plain mug"}
            )
            settled(home)
            assert made(home) == wanted
        thread = home.ctx.mail.thread(home.job().id)
        assert thread is not None
        parent = {"channel": thread.channel, "ts": thread.ts}
        said = words(home.ana.wait_for_reply(parent, "That may cost $0.10", timeout=PATIENT))
        assert lost_and_made in said


def test_a_retry_refused_by_a_budget_can_be_asked_for_again(tmp_path: Path, slack: Workspace) -> None:
    with paid_house(tmp_path, slack, budgets=MonthlyBudgets(month=Decimal("0.25"))) as home:
        ended(home, [LOST, LOST], rows=2)
        for usd, wanted in (("0.25", 0), ("5", 2)):
            budgets = MonthlyBudgets(month=Decimal(usd))
            object.__setattr__(home.ctx, "policy", replace(home.ctx.policy, budgets=budgets))
            home.ana.press(home.card(), cards.RETRY)
            settled(home)
            assert made(home) == wanted
