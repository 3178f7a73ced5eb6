"""SIGKILL at every outside effect of letting old files go, here and at Slack, by age and for want of room,
and of erasing somebody who is named in them: nothing is left that nobody knows of, here or there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.persons import alias_of, erase
from bot.pipeline.audit import audit
from bot.pipeline.prune import RULE, prune
from bot.policy import Keep
from bot.runtime import Context, now
from bot.slack import files
from bot.slack.files import Upload
from bot.slack.old_files import delete_old_files
from bot.slack.sharing import Shared, share
from bot.slack.telling import Desk, Fate, Place
from bot.slack.wire import wire_of
from bot.workspace.server import Workspace
from storage.reviews import Pick
from storage.states import ReviewEvent
from tests.crash.child import Effects, count_deletes, instrument
from tests.crash.conftest import killed_everywhere
from tests.parts import QUICK, TestClock, make_context, run_to_end, sheet, started

PERSON = "U0ANAFERREIRA"
DAYS = timedelta(days=100)
AGE = timedelta(days=90)
KEEP = {
    "age": Keep(masters=AGE, renditions=AGE, payloads=AGE, slack=AGE, disk_bytes=1),
    "erased": Keep(masters=None, renditions=None, payloads=None),
}
"""What goes at Slack by age, and here for want of room; and nothing but what names a person."""


def live(
    folder: str, slack: tuple[str, str], deed: str, job_id: str, die_at: int | None, answer: str
) -> None:
    """One process's life, long after: the ticks until they have nothing to do."""
    effects = Effects(die_at)
    instrument(effects)
    count_deletes(effects)
    clock = TestClock(now() + (DAYS if deed == "age" else timedelta()))
    client = WebClient(token=slack[1], base_url=slack[0])
    policy = replace(QUICK, keep=KEEP[deed])
    with make_context(Path(folder), policy=policy, clock=clock) as ctx:
        if deed == "erased":
            erase(ctx, PERSON)
        while prune(ctx, clock()) + delete_old_files(ctx, client, clock()):
            clock.move(60)
        job = ctx.queries.job(job_id)
        assert job is not None
        items = list(ctx.queries.items(job_id))
        proof = audit(ctx, job) | {
            "uploads": sorted(ctx.mail.uploads(job_id).values()),
            "named": sorted(key for item in items for key in (item.master_key, item.rendition_key) if key),
            "here": sorted(key for key, _ in ctx.blobs.listed() if "/sheet/" not in key),
            "trash": list(ctx.queries.trash(10)),
            "incidents": [found.key.partition("@")[0] for found in ctx.notices.incidents()],
            "naming": sorted({name for name, _ in ctx.shelf.everything(PERSON)}),
            "alias": alias_of(ctx, PERSON),
        }
    Path(answer).write_text(json.dumps(proof), encoding="utf-8")


def begin(folder: Path, prompts: Path) -> str:
    """A finished job: one picture approved, one rejected."""
    with make_context(folder, policy=QUICK, clock=TestClock(now() - timedelta(hours=1))) as ctx:
        job = run_to_end(ctx, started(ctx, prompts))
        ctx.reviews.decide(job.id, Pick([(1, 1)]), ReviewEvent.APPROVE, PERSON, ctx.clock())
        ctx.reviews.decide(job.id, Pick([(2, 2)]), ReviewEvent.REJECT, "ben", ctx.clock())
        return job.id


def handed_over(ctx: Context, client: WebClient, job_id: str, channel: str) -> dict[str, str]:
    """What of the job is at Slack: two pictures, the results sheet, an archive. File ids by blob key."""
    desk = Desk(ctx, wire_of(client), ctx.clock())
    pictures = [f"{job_id}/gallery/preview-{n}.jpg" for n in (1, 2)]
    for key in pictures:
        ctx.blobs.put(key, b"a picture")
    files.upload(ctx, desk.wire, job_id, [Upload(key, "one.jpg", "one") for key in pictures], desk.now)
    for kind, name in (("results-1", "gallery/results-1.csv"), ("export-1", "export/1-1.zip")):
        file = Shared(kind, f"{job_id}/{name}", name.rpartition("/")[2], "here", lambda raw: raw.write(b"it"))
        assert share(desk, Place(job_id, channel, None), file, None) is Fate.SAID
    return dict(ctx.mail.uploads(job_id))


@pytest.mark.crash
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("deed", list(KEEP))
def test_killed_at_every_effect_files_here_and_at_slack_are_gone_in_the_end(
    forks: ForkServerContext, tmp_path: Path, record_property: Callable[[str, object], None], deed: str
) -> None:
    job_id = begin(tmp_path / "before", sheet(tmp_path, [{"prompt": "a red mug"}, {"prompt": "a blue mug"}]))
    with Workspace(rate_scale=None) as workspace:
        workspace.faults.file_seconds = workspace.faults.file_polls = 0
        there: dict[str, str] = {}

        def prepared(point: int) -> tuple[Any, ...]:
            # A new one each time: the pace of Slack's calls belongs to the client.
            client = WebClient(token=workspace.bot_token, base_url=workspace.api_url)
            folder = tmp_path / f"{deed}-{point}"
            shutil.copytree(tmp_path / "before", folder)
            with make_context(folder, policy=QUICK, clock=TestClock(now())) as ctx:
                there.clear()
                there.update(handed_over(ctx, client, job_id, workspace.channel_id("campaigns")))
            return str(folder), (workspace.api_url, workspace.bot_token), deed, job_id

        for point, proof, _killed in killed_everywhere(forks, live, tmp_path / "answer.json", prepared):
            left = {key for key, file_id in there.items() if file_id in workspace._site.state.files}
            where = f"killed at effect {point}: {proof} {left}"
            assert len(there) == 4, where
            assert proof["holds"], where
            assert proof["trash"] == [], where
            assert {there[key] for key in left} == set(proof["uploads"]), where
            if deed == "age":
                assert left == set(), where
                assert (len(proof["named"]), proof["here"]) == (2, proof["named"]), "the approved one stays"
                assert proof["incidents"] == [RULE], where
            else:
                assert sorted(key.rpartition(".")[2] for key in left) == ["jpg", "jpg"], where
                assert not [key for key in proof["here"] if "results" in key], where
                assert proof["naming"] == [], where
                assert {one["person"] for one in proof["decisions"]} == {proof["alias"], "ben"}, where
    assert point > 10, "the run has fewer effects than it should: is everything counted?"
    record_property("killed", f"letting go, {deed}: killed at {point - 1} points")
