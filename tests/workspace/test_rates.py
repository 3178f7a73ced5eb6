"""How often is too often: per method, per channel, and what the refusal says."""

import urllib.request
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

from bot.workspace import limits
from bot.workspace.person import Person
from bot.workspace.rates import Rates
from bot.workspace.server import MEMBER, Workspace
from bot.workspace.webapi import METHODS
from tests.workspace.slackside import everything, picture


@pytest.mark.parametrize(
    ("method", "per_minute"), [("chat.update", 50), ("views.update", 100), ("users.list", 20)]
)
def test_a_tier_is_so_many_calls_a_minute(method: str, per_minute: int) -> None:
    rates = Rates()
    assert [rates.wait_for(method, None, 100.0 + n / 100) for n in range(per_minute)] == [0] * per_minute
    assert rates.wait_for(method, None, 101.0) == 59
    assert rates.wait_for("files.info", None, 101.0) == 0, "each method is counted for itself"
    assert rates.wait_for(method, None, 161.0) == 0


def test_posts_are_one_a_second_in_a_channel_after_a_burst() -> None:
    rates = Rates()
    burst = [rates.wait_for("chat.postMessage", "C1", 10.0) for _ in range(limits.POST_BURST)]
    assert burst == [0] * limits.POST_BURST
    assert rates.wait_for("chat.postMessage", "C1", 10.0) == 1
    assert rates.wait_for("chat.postMessage", "C2", 10.0) == 0, "another channel is free"
    assert rates.wait_for("chat.postMessage", "C1", 11.0) == 0
    assert rates.wait_for("chat.postMessage", "C1", 11.1) == 1


def test_posts_have_a_ceiling_for_the_workspace() -> None:
    rates = Rates()
    waits = [rates.wait_for("chat.postMessage", f"C{n}", 10.0) for n in range(limits.POSTS_PER_MINUTE + 1)]
    assert waits[:-1] == [0] * limits.POSTS_PER_MINUTE
    assert waits[-1] == 60


def test_a_refused_call_is_not_counted() -> None:
    rates = Rates(0.02)
    assert rates.wait_for("chat.update", None, 0.0) == 0
    assert rates.wait_for("chat.update", None, 30.0) == 30
    assert rates.wait_for("chat.update", None, 60.0) == 0


def test_the_scale_multiplies_and_none_lifts() -> None:
    fast, free = Rates(2.0), Rates(None)
    assert sum(fast.wait_for("chat.update", None, 0.0) == 0 for _ in range(120)) == 100
    assert all(free.wait_for("chat.update", None, 0.0) == 0 for _ in range(500))


def test_every_method_has_a_tier() -> None:
    assert set(METHODS) == set(limits.TIERS)
    assert set(limits.SCOPES) <= set(METHODS)


def test_limits_are_on_by_default_and_the_refusal_says_how_long() -> None:
    with Workspace() as workspace:
        client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        for n in range(20):
            client.users_list(limit=n + 1)
        with pytest.raises(SlackApiError) as caught:
            client.users_list()
        assert caught.value.response.status_code == 429
        assert caught.value.response["error"] == "ratelimited"
        assert 50 <= int(caught.value.response.headers["Retry-After"]) <= 60
        workspace.pass_time(60)
        assert client.users_list()["ok"]


def test_the_sdks_own_retry_handler_waits_and_succeeds() -> None:
    with everything() as workspace:
        client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=2))
        workspace.limit_next("users.info", retry_after=0)
        assert client.users_info(user=MEMBER)["ok"]
        assert [call.status for call in workspace.calls("users.info")] == [429, 200]


# --- a gallery of five hundred pictures -----------------------------------------------------------------


class Paced:
    """A client that spaces the calls of each method out by the workspace's own clock, and never sleeps."""

    def __init__(self, workspace: Workspace, *, polite: bool) -> None:
        self.workspace, self.polite = workspace, polite
        self.client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        self.next_at: dict[str, float] = {}
        self.lost = 0

    def call(self, method: str, **args: object) -> dict[str, Any]:
        per_minute = limits.PER_MINUTE[limits.TIERS[method]]
        gap = 1.1 if method == "chat.postMessage" else 62 / per_minute
        now = self.workspace._site.state.now()
        if self.polite and now < self.next_at.get(method, 0.0):
            self.workspace.pass_time(self.next_at[method] - now)
        self.next_at[method] = max(now, self.next_at.get(method, 0.0)) + gap
        while True:
            try:
                answer = self.client.api_call(method, json=args)
            except SlackApiError as problem:
                if problem.response["error"] != "ratelimited":
                    raise
                self.lost += 1
                self.workspace.pass_time(int(problem.response.headers["Retry-After"]))
            else:
                assert isinstance(answer.data, dict)
                return answer.data


@pytest.mark.parametrize("polite", [True, False], ids=["paced", "hasty"])
def test_five_hundred_pictures_arrive_under_slacks_own_limits(polite: bool) -> None:
    with Workspace() as workspace:
        workspace.faults.file_polls = 0
        paced = Paced(workspace, polite=polite)
        drawn = picture(size=(4, 4))
        began = workspace._site.state.now()
        for page in range(50):
            ids = []
            for row in range(10):
                name = f"{page}-{row}.png"
                ticket = paced.call("files.getUploadURLExternal", filename=name, length=len(drawn))
                urllib.request.urlopen(ticket["upload_url"], data=drawn).close()
                ids.append(ticket["file_id"])
            paced.call("files.completeUploadExternal", files=[{"id": each} for each in ids])
            for each in ids:
                assert paced.call("files.info", file=each)["file"]["mimetype"] == "image/png"
            shown = [{"type": "image", "slack_file": {"id": each}, "alt_text": "A mug"} for each in ids]
            paced.call("chat.postMessage", channel="#general", text=f"Page {page}", blocks=shown)
        with Person(workspace.url, MEMBER) as ben:
            assert sum(len(message["blocks"]) for message in ben.messages("#general")) == 500
        assert (paced.lost == 0) is polite
        assert len(workspace.limited) == paced.lost
        minutes = (workspace._site.state.now() - began) / 60
        assert minutes > 4, "a hundred uploads a minute are the floor"
