"""Old jobs in Slack: files deleted there, pictures that are no longer kept, and what their buttons say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.pipeline.prune import prune
from bot.policy import Keep
from bot.slack import review_page
from bot.slack.old_files import AT_A_TIME, delete_old_files
from bot.workspace.server import Workspace
from storage.reviews import Pick
from storage.states import ReviewEvent
from tests.parts import QUICK
from tests.slack.house import House, house, words
from tests.slack.test_review import press, reviewed, settled, told

KEEP = Keep(approved=timedelta(days=10), unreviewed=timedelta(days=10), slack=timedelta(days=10))


@pytest.fixture
def old(tmp_path: Path, slack: Workspace) -> Iterator[House]:
    """A house that keeps nothing longer than ten days."""
    with house(tmp_path, slack, policy=replace(QUICK, keep=KEEP)) as built:
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
    done = 0
    while more := delete_old_files(old.ctx, old.app.client, old.clock()):
        assert more <= AT_A_TIME
        done += more
        old.clock.move(60)
    assert done == len(files)
    assert not set(files.values()) & set(known)
    assert old.ctx.mail.uploads(job.id) == {}


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
