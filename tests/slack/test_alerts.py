"""One incident's life in Slack: told once, kept up to date, looked after, muted, over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.slack.alert_card import ACKNOWLEDGE, HOUR, JOB, MUTE, UNMUTE
from bot.slack.announcer import announce
from bot.slack.inbox import work_inbox
from bot.workspace.server import Workspace
from providers.base import Billed, Failure, FailureKind
from storage.records import Incident
from storage.states import JobState
from tests.parts import QUICK
from tests.priced import PaidSketch
from tests.slack.house import House, Json, buttons, house, words
from tests.slack.test_journeys import drop

BROKEN = Failure(FailureKind.MALFORMED_REQUEST, "bad", "No such thing.", Billed.NO)
ROWS = "sku,prompt\n" + "".join(f"A-{n},a red mug number {n}\n" for n in range(6))


@pytest.fixture
def home(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    provider = PaidSketch(tmp_path, lambda: built.clock(), "0.10")
    with house(tmp_path, slack, providers={"sketch": provider}, policy=QUICK) as built:
        built.alert_channel = slack.add_channel(f"ops-{built.channel.lower()}")
        yield built


def failing(home: House, failures: int) -> None:
    provider = home.ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    provider.failures.extend([BROKEN] * failures)
    drop(home, "@imgbatch lane=live size=64x64", ROWS)
    home.ana.press(home.card(), "job_start")
    home.quiet()


def in_thread(home: House) -> list[Json]:
    """The alerts in the job's thread, oldest first."""
    told = home.ctx.mail.announcements(home.job().id)
    return [
        m for m in home.replies() if m["ts"] in {one.ts for kind, one in told.items() if "incident:" in kind}
    ]


def above(home: House) -> list[Json]:
    """The alerts in the operators' channel."""
    told = home.ctx.mail.announcements("operators").values()
    assert home.alert_channel is not None
    return [home.ana.thread(home.alert_channel, str(one.ts))[0] for one in told if one.ts]


def mute(home: House, message: Json, what: str) -> None:
    home.ana.choose(message, MUTE, what)
    home.hear()


def test_an_incident_is_told_in_the_thread_and_above_with_its_chart_and_page(home: House) -> None:
    failing(home, 4)
    (below,), (one,) = in_thread(home), above(home)
    for message in (below, one):
        said = words(message)
        assert "2 of 6 pictures came out (33.3%, alert under 95%)" in said
        assert "docs/operating.md" in said
        assert "“Too few pictures come out”" in said
        assert "what went wrong" in said, "the chart has words for those who do not see it"
        assert any(block["type"] == "image" for block in message["blocks"])
        assert buttons(message) == [ACKNOWLEDGE, MUTE]


def test_the_first_to_acknowledge_counts_and_the_second_is_told(home: House) -> None:
    failing(home, 4)
    (one,) = above(home)
    home.ana.press(one, ACKNOWLEDGE)
    home.ana.press(one, ACKNOWLEDGE)
    home.ben.press(in_thread(home)[0], ACKNOWLEDGE)
    home.ben.wait_for(lambda: len(home.ctx.mail.due_inbox(home.clock())) == 3 or None)
    home.hear()
    home.quiet()
    (incident,) = home.ctx.notices.incidents()
    assert incident.acknowledged_by == home.ana.user_id
    assert incident.acknowledged_at is not None
    for message in (*in_thread(home), *above(home)):
        assert f"<@{home.ana.user_id}> looks after it" in words(message)
        assert buttons(message) == [MUTE]
    assert len(above(home)) == len(in_thread(home)) == 1
    thread = in_thread(home)[0]
    home.ben.wait_for_reply(
        {"channel": thread["channel"], "ts": thread["thread_ts"]}, "Somebody else looks after it"
    )


def test_a_muted_batch_gets_no_new_alert_until_it_is_unmuted(home: House) -> None:
    failing(home, 4)
    mute(home, in_thread(home)[0], JOB)
    home.quiet()
    assert f"Muted by <@{home.ana.user_id}> for this batch" in words(in_thread(home)[0])
    job = home.job()
    other = Incident("rerouted:" + job.id, "rerouted", "warning", "It is late", [], home.clock(), job.id)
    home.ctx.notices.open_incident(other)
    home.quiet()
    assert len(in_thread(home)) == len(above(home)) == 1
    mute(home, in_thread(home)[0], UNMUTE)
    home.until(lambda: len(above(home)) == 2 or None)
    assert "It is late" in words(in_thread(home)[1])
    assert "Muted" not in words(in_thread(home)[0])


def test_a_mute_of_an_hour_ends_by_itself_and_what_lasts_is_told_then(home: House) -> None:
    first = Incident("disk:data@1", "disk", "warning", "The disk is nearly full", [], home.clock())
    home.ctx.notices.open_incident(first)
    announce_only(home)
    home.ana.choose(above(home)[0], MUTE, HOUR)
    home.hear()
    home.ctx.notices.close_incident(first.key, home.clock())
    home.ctx.notices.open_incident(replace(first, key="disk:data@2", opened_at=home.clock()))
    home.ctx.notices.open_incident(
        replace(first, key="stuck:poll@1", rule="stuck", headline="Polling stands")
    )

    def announced() -> list[str]:
        return [words(message) for message in above(home)]

    announce_only(home)
    assert any("Over" in said for said in announced())
    assert any("Polling stands" in said for said in announced())
    assert len(announced()) == 2, "the disk again is not told"
    home.clock.move(3600)
    announce_only(home)
    assert len(announced()) == 3


def announce_only(home: House) -> None:
    """What is known is told; nothing is judged meanwhile."""
    for _ in range(4):
        home.clock.move(5)
        work_inbox(home.ctx, home.app.client, home.clock())
        announce(home.ctx, home.app.client, home.clock(), alert_channel=home.alert_channel)


def test_words_change_in_place_and_the_end_is_noted(home: House) -> None:
    failing(home, 4)
    (incident,) = home.ctx.notices.incidents()
    home.ctx.notices.change_incident(incident.key, home.clock(), headline="Now 3 of 6 came out")
    announce_only(home)
    assert "Now 3 of 6 came out" in words(above(home)[0])
    again = home.again()
    again.ctx.notices.close_incident(incident.key, home.clock())
    announce_only(again)
    for message in (*in_thread(again), *above(again)):
        assert "*Over* after" in words(message)
        assert "Now 3 of 6 came out" in words(message)
        assert buttons(message) == []
    assert len(above(again)) == len(in_thread(again)) == 1, "a restart tells nothing twice"


def test_a_running_batch_is_paused_from_its_alert(home: House) -> None:
    drop(home, "@imgbatch lane=live size=64x64", ROWS)
    home.ana.press(home.card(), "job_start")
    home.hear()
    job = home.job()
    home.ctx.notices.open_incident(
        Incident(
            f"success-rate:{job.id}", "success-rate", "warning", "It goes badly", [], home.clock(), job.id
        )
    )
    announce_only(home)
    (below,) = in_thread(home)
    assert buttons(below) == ["job_pause", ACKNOWLEDGE, MUTE]
    home.ben.press(below, "job_pause")
    home.arrived()
    announce_only(home)
    assert home.job().state is JobState.PAUSED
    assert buttons(in_thread(home)[0]) == [ACKNOWLEDGE, MUTE]


def test_where_the_page_has_an_address_the_alert_links_to_its_section(home: House) -> None:
    rules = replace(QUICK.rules, page="https://wiki.example/operating")
    home = replace(home, ctx=replace(home.ctx, policy=replace(QUICK, rules=rules)))
    failing(home, 4)
    (one,) = above(home)
    link = "<https://wiki.example/operating#too-few-pictures-come-out|Too few pictures come out>"
    assert f"More: {link}" in words(one)
