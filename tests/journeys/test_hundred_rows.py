"""A hundred rows with everything that goes wrong on an ordinary day, from a CSV in Slack to its thread:
the same counts in the thread, in results.csv and in the ledger.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.app import open_context
from bot.config import Settings
from bot.pipeline.audit import audit
from bot.runtime import Context
from bot.serve import running
from bot.workspace.person import Person
from bot.workspace.server import ADMIN, Workspace
from providers.simulators.faults import Faults
from providers.simulators.openai import OpenAISimulator
from storage.records import AnnouncementState
from storage.states import JobState
from tests.parts import results_of

CHANNEL = "#product-images"


@pytest.mark.timeout(180)
def test_a_hundred_rows_end_stored_or_flagged_with_the_same_counts_everywhere(tmp_path: Path) -> None:
    faults = Faults(lost_reply_after_create=1, batch_seconds=1, validating_seconds=0.1, picture_px=64)
    with ExitStack() as stack:
        workspace = stack.enter_context(Workspace(rate_scale=None))
        workspace.faults.file_seconds = 0.1
        simulator = stack.enter_context(OpenAISimulator(faults=faults))
        settings = Settings(
            slack_bot_token=SecretStr(workspace.bot_token),
            slack_app_token=SecretStr(workspace.app_token),
            slack_api_url=workspace.api_url,
            openai_api_key=SecretStr(simulator.key),
            openai_base_url=simulator.base_url,
            imgbatch_data=tmp_path / "data",
            imgbatch_port=0,
            imgbatch_poll_seconds=1,
            imgbatch_look_up_seconds=1,
            imgbatch_retry_seconds=1,
            imgbatch_quality_gate=False,  # a hundred mugs drawn this small look alike
        )
        ctx = stack.enter_context(open_context(settings, schedules=True))
        stack.enter_context(running(ctx, settings))
        person = stack.enter_context(Person(workspace.url, ADMIN))
        # Two in a hundred fail in passing, one is refused: the simulator knows these words.
        said = {10: " [flaky]", 60: " [flaky]", 40: " moderated"}
        lines = "".join(f"SKU-{n:03d},mug number {n}{said.get(n, '')}\n" for n in range(100))
        sheet = ("mugs.csv", f"sku,name\n{lines}".encode())
        text = "@imgbatch provider=openai size=64x64 template=a {{ name }}"
        posted = person.say(CHANNEL, text, files=[sheet])
        card = person.wait_for(lambda: with_button(person.thread(CHANNEL, posted["ts"]), "job_start"), 20)
        person.press(card, "job_start")
        (job,) = person.wait_for(lambda: ctx.queries.jobs([JobState.FINISHED]), 90)
        person.wait_for(lambda: summed_up(ctx, job.id), 30)

        proof = audit(ctx, job)
        assert proof["holds"]
        assert (proof["stored"], proof["refused"], proof["failed"]) == (99, 1, 0)
        assert proof["attempts"] == 102
        assert proof["paid_twice"] == []
        prompts = [image.prompt for image in simulator.billed]
        assert len(prompts) == len(set(prompts)) == proof["stored"]
        assert simulator.ledger.creates == len(ctx.queries.submissions(job.id))

        statuses = [row["status"] for row in results_of(ctx, job)]
        assert Counter(statuses) == {"stored": 99, "refused": 1}
        thread = " ".join(message["text"] for message in person.thread(CHANNEL, posted["ts"]))
        assert "99 of 100 pictures are ready" in thread


def with_button(messages: list[dict[str, Any]], action_id: str) -> dict[str, Any] | None:
    """The newest message that has this button."""
    for message in reversed(messages):
        for block in message.get("blocks") or []:
            if any(element.get("action_id") == action_id for element in block.get("elements") or []):
                return message
    return None


def summed_up(ctx: Context, job_id: str) -> bool:
    """Whether the summary is posted; the pictures follow at Slack's own pace."""
    told = ctx.mail.announcements(job_id).values()
    return any(m.kind.startswith("summary") and m.state is AnnouncementState.POSTED for m in told)
