"""What is done in Slack belongs to the job's trace, and says nothing of anybody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from slack_sdk import WebClient

from bot.app import traced
from bot.config import Settings
from bot.runtime import now
from bot.slack.wire import SlackTrouble, Wire
from bot.workspace.server import Workspace
from tests.slack.house import House
from tests.slack.test_journeys import drop
from tests.tracing.collector import Collector, waterfall
from tests.tracing.conftest import collector

__all__ = ["collector"]


@pytest.fixture
def seen(home: House, collector: Collector) -> Iterator[Collector]:
    """Of a job that somebody asked for and started."""
    with traced(Settings(otel_exporter_otlp_endpoint=collector.address)):
        drop(home)
        home.ana.press(home.card(), "job_start")
        home.quiet()
    return collector


def test_a_job_of_slack_is_one_trace_from_the_message_to_the_gallery(home: House, seen: Collector) -> None:
    (root,) = seen.named("plan job")
    spans = [told for told in seen.spans if told.trace == root.trace]
    known = {told.id: told for told in spans}
    assert all(told.parent in known for told in spans if told.id != root.id), waterfall(spans)
    entries = sorted(seen.named("inbox"), key=lambda told: told.sent.start_time_unix_nano)
    assert [told.facts["imgbatch.kind"] for told in entries] == ["message", "verb"]
    assert {told.trace for told in entries} == {root.trace}
    assert root.sent.start_time_unix_nano <= entries[0].sent.start_time_unix_nano, "nothing began before it"
    calls = [told for told in spans if told.facts.get("rpc.system.name") == "slack"]
    assert {"chat.postMessage", "chat.update", "files.completeUploadExternal"} <= {
        told.name for told in calls
    }
    assert {known[told.parent].name for told in calls} <= {"inbox", "announce"}
    assert {told.facts["imgbatch.job"] for told in calls} == {home.job().id}


def test_no_word_name_or_place_of_slack_is_told(home: House, seen: Collector) -> None:
    told = b"".join(seen.bodies)
    people = [value for user in home.workspace.people for value in (user.id, user.name)]
    rooms = [home.room.removeprefix("#"), home.channel]
    words = ["products", "Mug", "Studio", "xox", home.workspace.bot_token, *rooms, *people]
    assert not [word for word in words if len(word) > 3 and word.encode() in told]


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        ("channel_not_found", 200, "channel_not_found"),
        ("ratelimited", 429, "Limited"),
        ("fatal_error", 500, "InDoubt"),
    ],
)
def test_a_call_that_does_not_work_says_why_in_a_word(
    slack: Workspace, collector: Collector, error: str, status: int, told: str
) -> None:
    client = WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
    slack.fail_next("chat.postMessage", error, status=status)
    with traced(Settings(otel_exporter_otlp_endpoint=collector.address)), pytest.raises(SlackTrouble):
        Wire(client).call("chat.postMessage", now(), channel=slack.channel_id("general"), text="Hello.")
    (call,) = collector.named("chat.postMessage")
    assert call.failed
    assert call.facts["error.type"] == told
