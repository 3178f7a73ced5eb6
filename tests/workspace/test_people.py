"""Guests, groups, other companies' people, and the scopes that let the app see them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from slack_bolt.request.internals import extract_actor_team_id, extract_team_id
from slack_sdk import WebClient

from bot.workspace import limits, server
from bot.workspace.person import Person, RefusedError
from bot.workspace.server import ADMIN, BRAND_TEAM, GUEST, MEMBER, OTHER_MEMBER, Workspace
from bot.workspace.state import PARTNER_TEAM_ID, TEAM_ID, User
from tests.workspace.slackside import Bot, button, error, modal

ROOT = Path(__file__).parents[2]
MANIFEST = (ROOT / "slack-manifest.yaml").read_text(encoding="utf-8")


def listed(name: str) -> list[str]:
    """The items of a list in the manifest."""
    block = re.search(rf"^ *{name}:\n((?: +- .+\n)+)", MANIFEST, re.MULTILINE)
    assert block is not None
    return re.findall(r"- (\S+)", block[1])


@pytest.fixture(scope="module")
def pia(workspace: Workspace) -> Iterator[Person]:
    """Somebody of another company, in #shared."""
    workspace.add_channel("shared", shared=True)
    with Person(workspace.url, workspace.add_stranger("pia", ["shared"])) as person:
        yield person


# --- what the manifest asks for ---------------------------------------------------------------------------


def test_a_workspace_allows_what_the_manifest_asks_for() -> None:
    assert sorted(limits.MANIFEST_SCOPES) == listed("bot")
    assert sorted(limits.MANIFEST_EVENTS) == listed("bot_events")
    for given in (*server.COMMANDS, *server.SHORTCUTS):
        for name, value in given.items():
            written = str(value).lower() if isinstance(value, bool) else value
            assert re.search(rf'{name}: "?{re.escape(written)}"?\n', MANIFEST), (
                f"slack-manifest.yaml and bot/workspace/server.py say different things: {name}"
            )


def test_every_scope_is_explained() -> None:
    page = (ROOT / "docs" / "slack.md").read_text(encoding="utf-8")
    table = page[page.index("## What each scope is for") : page.index("Nothing reads other messages")]
    assert [scope for scope in limits.MANIFEST_SCOPES if f"`{scope}`" not in table] == []


@pytest.mark.parametrize(
    ("scope", "method", "args"),
    [
        ("channels:read", "conversations.info", {"channel": "#general"}),
        ("channels:read", "conversations.members", {"channel": "#general"}),
        ("groups:read", "conversations.info", {"channel": "#secret"}),
        ("im:read", "conversations.info", {"channel": MEMBER}),
        ("usergroups:read", "usergroups.list", {}),
        ("usergroups:read", "usergroups.users.list", {"usergroup": BRAND_TEAM}),
        ("reactions:read", "reactions.get", {"channel": "#general", "timestamp": "1"}),
        ("users:read", "users.list", {}),
    ],
)
def test_each_look_needs_its_scope(scope: str, method: str, args: dict[str, str]) -> None:
    scopes = [each for each in limits.EVERY_SCOPE if each != scope]
    with Workspace(scopes=scopes, rate_scale=None) as workspace:
        workspace.add_channel("secret", private=True)
        client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        answer = client.api_call
        assert error(answer, method, params=args) == "missing_scope"
        refused = workspace.calls(method)[-1].answer
        assert refused["needed"] == scope
        assert refused["provided"].split(",") == sorted(scopes)


# --- people -----------------------------------------------------------------------------------------------


def test_guests_are_told_apart(client: WebClient, workspace: Workspace) -> None:
    solo = workspace.add_user(
        User("U0SOLO", "solo", "Sol O", is_single_channel_guest=True), channels=["campaigns"]
    )
    for user, restricted, ultra in ((MEMBER, False, False), (GUEST, True, False), (solo, True, True)):
        seen = client.users_info(user=user)["user"]
        assert (seen["is_restricted"], seen["is_ultra_restricted"]) == (restricted, ultra)
        assert seen["team_id"] == TEAM_ID
        assert "is_stranger" not in seen


def test_people_of_another_company_are_known_by_their_team(
    client: WebClient, workspace: Workspace, pia: Person
) -> None:
    seen = client.users_info(user=pia.user_id)["user"]
    assert (seen["team_id"], seen["is_stranger"]) == (PARTNER_TEAM_ID, False)
    assert "is_admin" not in seen
    room = client.conversations_info(channel="#shared")["channel"]
    assert room["is_ext_shared"]
    assert room["connected_team_ids"] == [PARTNER_TEAM_ID]
    assert pia.user_id in client.conversations_members(channel="#shared")["members"]
    assert client.conversations_info(channel="#general")["channel"]["is_ext_shared"] is False
    unseen = workspace.add_stranger("nobody")
    assert client.users_info(user=unseen)["user"]["is_stranger"] is True


def test_a_deactivated_person_has_left_and_does_nothing(client: WebClient, workspace: Workspace) -> None:
    gone = workspace.add_user(User("U0GONE", "gone", "Gone Girl"), channels=["general"])
    group = workspace.set_group("leavers", [gone, MEMBER])
    workspace.deactivate(gone)
    seen = client.users_info(user=gone)["user"]
    assert seen["deleted"] is True
    assert "is_restricted" not in seen
    assert gone not in client.conversations_members(channel="#general")["members"]
    assert client.usergroups_users_list(usergroup=group)["users"] == [MEMBER]
    with Person(workspace.url, gone) as person, pytest.raises(RefusedError, match="deactivated"):
        person.say("#general", "hello?")


# --- groups -----------------------------------------------------------------------------------------------


def test_groups_change_and_are_switched_off(client: WebClient, workspace: Workspace) -> None:
    approvers = workspace.set_group("approvers", [ADMIN])
    workspace.set_group("approvers", [OTHER_MEMBER, MEMBER])
    assert client.usergroups_users_list(usergroup=approvers)["users"] == [OTHER_MEMBER, MEMBER]
    listed = {
        g["handle"]: g for g in client.usergroups_list(include_users=True, include_count=True)["usergroups"]
    }
    assert listed["approvers"]["users"] == [OTHER_MEMBER, MEMBER]
    assert listed["approvers"]["user_count"] == 2
    assert "users" not in client.usergroups_list()["usergroups"][0]
    workspace.disable_group("approvers")
    assert "approvers" not in [g["handle"] for g in client.usergroups_list()["usergroups"]]
    off = {g["handle"]: g for g in client.usergroups_list(include_disabled=True)["usergroups"]}["approvers"]
    assert off["date_delete"] > 0
    assert error(client.usergroups_users_list, usergroup=approvers) == "no_such_subteam"


def test_a_group_can_be_mentioned(bot: Bot, ben: Person) -> None:
    assert f"<!subteam^{BRAND_TEAM}>" in ben.say("#campaigns", "please look, @brand-team")["text"]
    ben.command("#campaigns", "/imgbatch", "preset approvers=@brand-team")
    assert f"<!subteam^{BRAND_TEAM}|@brand-team>" in bot.bodies("command")[0]["text"]


# --- Slack Connect ----------------------------------------------------------------------------------------


def test_a_strangers_message_comes_from_their_team(bot: Bot, pia: Person) -> None:
    pia.say("#shared", "@imgbatch make these", files=[("rows.csv", b"sku\n1\n")])
    pia.wait_for(lambda: bot.events("app_mention") and bot.events("message"))
    by_type = {body["event"]["type"]: body for body in bot.bodies("event")}
    message, mention = by_type["message"], by_type["app_mention"]
    assert (message["team_id"], message["context_team_id"]) == (PARTNER_TEAM_ID, TEAM_ID)
    assert message["event"]["team"] == PARTNER_TEAM_ID
    assert "user_team" not in message["event"]
    assert (mention["team_id"], mention["event"]["user_team"]) == (TEAM_ID, PARTNER_TEAM_ID)
    for body in (message, mention):
        assert body["is_ext_shared_channel"] is True
        assert extract_actor_team_id(body) == PARTNER_TEAM_ID, "Bolt reads it the same way"
        assert body["authorizations"][0]["team_id"] == TEAM_ID


def test_files_of_a_shared_channel_come_as_stubs(bot: Bot, ben: Person, pia: Person) -> None:
    pia.say("#shared", "@imgbatch", files=[("rows.csv", b"sku\n1\n")])
    ben.wait_for(lambda: bot.events("app_mention"))
    (stub,) = bot.events("app_mention")[0]["files"]
    assert stub["file_access"] == "check_file_info"
    assert {"name", "url_private", "mimetype"}.isdisjoint(stub)
    whole = bot.client.files_info(file=stub["id"])["file"]
    assert (whole["name"], whole["user_team"]) == ("rows.csv", PARTNER_TEAM_ID)
    assert ben.messages("#shared")[-1]["files"][0]["name"] == "rows.csv", "people see the file"


def test_a_stranger_presses_buttons_and_has_no_commands(bot: Bot, pia: Person) -> None:
    posted = bot.client.chat_postMessage(
        channel="#shared", text="Approve?", blocks=[{"type": "actions", "elements": [button("approve")]}]
    )
    pia.press({"channel": posted["channel"], "ts": posted["ts"]}, "approve")
    body = bot.bodies("action")[0]
    assert body["user"]["team_id"] == PARTNER_TEAM_ID
    assert extract_team_id(body) == TEAM_ID
    with pytest.raises(RefusedError, match="not a valid command"):
        pia.command("#shared", "/imgbatch", "new")
    with pytest.raises(RefusedError, match="unknown_shortcut"):
        pia.shortcut("batch_new")
    assert bot.bodies("command") == []


def test_a_strangers_form_belongs_to_the_apps_workspace(bot: Bot, pia: Person) -> None:
    posted = bot.client.chat_postMessage(
        channel="#shared", text="More?", blocks=[{"type": "actions", "elements": [button("more")]}]
    )
    bot.do["action"] = lambda ack, body, **_: (
        ack(),
        bot.client.views_open(trigger_id=body["trigger_id"], view=modal()),
    )
    pia.press({"channel": posted["channel"], "ts": posted["ts"]}, "more")
    pia.fill(pia.wait_for_modal(), {"name": "x"})
    body = bot.bodies("view")[0]
    assert (body["team"]["id"], extract_team_id(body)) == (PARTNER_TEAM_ID, TEAM_ID)
