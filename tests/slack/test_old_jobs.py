"""Old jobs in Slack: files deleted there, pictures that are no longer kept, and what their buttons say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.intake.figures import digest_rule
from bot.letting_go import due_now
from bot.persons import alias_of, erase
from bot.pipeline.prune import prune
from bot.policy import Keep
from bot.slack import review_page
from bot.slack.alerts import OPERATORS
from bot.slack.digest_post import tell_digests
from bot.slack.digests import SCOPE, Setting
from bot.slack.old_files import AT_A_TIME, delete_old_files
from bot.slack.sharing import Shared, share
from bot.slack.telling import Desk, Fate, Place
from bot.slack.wire import wire_of
from bot.watch.alerts import Bars
from bot.workspace.server import Workspace
from storage.records import AnnouncementState, Incident, Job
from storage.reviews import Pick
from storage.states import ReviewEvent
from tests.parts import QUICK
from tests.priced import PaidSketch
from tests.slack.house import House, buttons, house, words
from tests.slack.test_alerts import BROKEN, announce_only
from tests.slack.test_presets import TEAM
from tests.slack.test_review import press, reviewed, settled, told
from tests.slack.test_summary import made, summaries

KEEP = Keep(approved=timedelta(days=10), unreviewed=timedelta(days=10), slack=timedelta(days=10))


@pytest.fixture
def old(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    """A house that keeps nothing longer than ten days."""
    provider = PaidSketch(tmp_path, lambda: built.clock(), "0.10")
    policy = replace(QUICK, keep=KEEP)
    with house(tmp_path, slack, providers={"sketch": provider}, policy=policy) as built:
        yield built


def test_old_files_are_deleted_in_slack_a_few_at_a_time_and_once(old: House) -> None:
    reviewed(old)
    job = old.job()
    files = old.ctx.mail.uploads(job.id)
    assert len(files) >= 5, "previews and a contact sheet"
    known = old.workspace._site.state.files
    assert set(files.values()) <= set(known)
    assert delete_old_files(old.ctx, old.app.client, old.clock()) == 0, "it has only just ended"
    known.pop(next(iter(files.values())))  # somebody deleted it by hand
    old.clock.move(11 * 86_400)
    assert let_files_go(old) == len(files)
    assert not set(files.values()) & set(known)
    assert old.ctx.mail.uploads(job.id) == {}


def at_slack(home: House) -> dict[str, str]:
    """The files that the bot has put there and Slack has still: their names by id."""
    mine = {file_id for place in places(home) for file_id in home.ctx.mail.uploads(place).values()}
    return {name: file.name for name, file in home.workspace._site.state.files.items() if name in mine}


def places(home: House) -> list[str]:
    return [*(job.id for job in home.ctx.queries.jobs()), OPERATORS, f"digest-{TEAM}-{home.channel}"]


def write(home: House, text: str) -> None:
    home.ana.say(home.room, f"@imgbatch {text}")
    home.hear()
    home.quiet()


def let_files_go(home: House) -> int:
    done = 0
    while more := delete_old_files(home.ctx, home.app.client, home.clock()):
        assert more <= AT_A_TIME
        done += more
        home.clock.move(60)
    return done


def test_results_sheets_archives_and_charts_of_no_job_go_with_the_pictures_and_are_named_before(
    old: House,
) -> None:
    old.alert_channel = old.workspace.add_channel(f"ops-{old.channel.lower()}")
    reviewed(old, rows=2)
    write(old, f"export {old.job().id} all")
    chart = Bars("Disk", "data", (("data", 0.97),), percent=True, line=0.9, line_says="90%").to_json()
    disk = Incident("disk:data@1", "disk", "warning", "It is nearly full", [], old.clock(), chart=chart)
    old.ctx.notices.open_incident(disk)
    announce_only(old)
    rule = digest_rule("daily", "UTC", old.clock().date())
    day = Setting(TEAM, old.channel, rule, old.clock(), old.clock() - timedelta(hours=5), old.clock())
    old.ctx.shelf.remember(SCOPE, day.name, day.to_json(), old.clock())
    for _ in range(4):
        tell_digests(old.ctx, old.app.client, old.clock())
        old.clock.move(15)
    before = set(at_slack(old).values())
    assert {"results.csv", "by-day.png", "disk.png", "how-it-went.png", "S-1-1.jpg"} <= before
    assert any(name.endswith(".zip") for name in before)
    assert due_now(old.ctx)["slack"] == {}
    old.ctx.notices.close_incident(disk.key, old.clock())
    old.clock.move(11 * 86_400)
    assert due_now(old.ctx)["slack"] == {
        "archives and sheets of what failed": 1, "pictures and charts": 6, "results sheets": 1,
    }  # fmt: skip
    assert let_files_go(old) == 8
    assert at_slack(old) == {}
    assert due_now(old.ctx)["slack"] == {}
    old.quiet()
    assert at_slack(old) == {}, "nothing of it is uploaded again"


def test_what_a_living_job_shows_and_what_is_new_stays(old: House) -> None:
    reviewed(old, rows=2)
    before = at_slack(old)
    old.clock.move(9 * 86_400)
    assert let_files_go(old) == 0
    write(old, f"redo {old.job().id} 1")
    old.clock.move(9 * 86_400)
    assert let_files_go(old) == 0, "it ended again since"
    assert before.items() <= at_slack(old).items()


def test_files_that_name_an_erased_person_go_at_once_whatever_the_age(home: House) -> None:
    reviewed(home, rows=2)
    (first,) = home.jobs()
    write(home, f"approve {first.id} 1")
    write(home, f"export {first.id}")
    made(home, "@imgbatch lane=live size=64x64 A {{ name }}", "sku,name\nB-1,Bag\n")
    before = at_slack(home)
    assert sorted(n for n in before.values() if n.endswith((".zip", ".csv")))[-2:] == ["results.csv"] * 2
    assert let_files_go(home) == 0
    said = archive_people(home, first)
    assert said == {home.ana.user_id: "ana"}
    alias = alias_of(home.ctx, home.ana.user_id)
    counts = erase(home.ctx, home.ana.user_id)
    assert counts["files handed over"] == 2
    assert due_now(home.ctx)["slack"] == {"archives and sheets of what failed": 1, "results sheets": 1}
    assert let_files_go(home) == 2
    gone = {name for file_id, name in before.items() if file_id not in at_slack(home)}
    assert {name.rpartition(".")[2] for name in gone} == {"zip", "csv"}
    assert list(at_slack(home).values()).count("results.csv") == 1, "nobody approved anything there"
    assert archive_people(home, first) == {alias: alias}
    assert not [key for key, _ in home.ctx.blobs.listed(f"{first.id}/gallery/") if "results" in key]
    assert erase(home.ctx, home.ana.user_id) == {}
    home.quiet()
    assert let_files_go(home) == 0, "none of it comes again"


def archive_people(home: House, job: Job) -> dict[str, str]:
    (export,) = home.ctx.shelf.exports(job.id)
    people: dict[str, str] = export.wish["people"]
    return people


def test_a_summary_whose_chart_is_gone_at_slack_still_loses_its_buttons(old: House) -> None:
    provider = old.ctx.providers["sketch"]
    assert isinstance(provider, PaidSketch)
    provider.failures.append(BROKEN)
    reviewed(old, rows=2)
    job = old.job()
    old.clock.move(11 * 86_400)
    assert let_files_go(old) > 3
    (summary,) = summaries(old, job)
    old.ana.press(summary, "job_retry")
    old.arrived()
    old.until(lambda: len(summaries(old, job)) == 2 or None, ticks=120)
    old.until(lambda: buttons(summaries(old, job)[0]) == [] or None, ticks=120)
    assert "image" not in [block["type"] for block in summaries(old, job)[0]["blocks"]]
    assert buttons(summaries(old, job)[1])


def test_a_file_deleted_before_it_was_seen_to_be_shared_is_not_shared_and_stops_nobody(old: House) -> None:
    reviewed(old, rows=2)
    job = old.job()
    (kind,) = [kind for kind in old.ctx.mail.announcements(job.id) if kind.startswith("results-")]
    key = f"{job.id}/gallery/{kind}.csv"
    told = old.ctx.mail.announcements(job.id)[kind]
    place, file = Place(job.id, told.channel, told.thread_ts), Shared(kind, key, "results.csv", "")
    old.ctx.mail.drop_upload(key)
    lost = replace(told, state=AnnouncementState.POSTING)
    desk = Desk(old.ctx, wire_of(old.app.client), old.clock() + timedelta(days=1))
    assert share(desk, place, file, lost) is Fate.DEAD


def test_a_picture_that_is_no_longer_kept_says_so_and_can_be_made_anew(old: House) -> None:
    before = reviewed(old, rows=2)
    job = old.job()
    old.ctx.reviews.decide(job.id, Pick([(1, 1)]), ReviewEvent.APPROVE, old.ben.user_id, old.clock())
    old.clock.move(11 * 86_400)
    while prune(old.ctx, old.clock()):
        pass
    press(old, old.ben, review_page.APPROVE, 2, before)
    settled(old)
    assert "Picture 2 is no longer kept" in told(old, old.ben, "“redo 2” makes it anew")

    old.ana.say(old.room, f"@imgbatch export {job.id}")
    old.hear()
    old.quiet()
    assert any("are no longer kept" in words(reply) for reply in old.replies())

    old.ana.say(old.room, f"@imgbatch redo {job.id} 2")
    old.hear()
    old.quiet()
    gone = old.ctx.reviews.versions(job.id, 1)[-1]
    assert [button["action_id"] for button in review_page.buttons_for(gone)] == [review_page.REDO]
    made = old.ctx.reviews.versions(job.id, 2)[-1]
    assert (made.version, made.kept) == (2, True)
