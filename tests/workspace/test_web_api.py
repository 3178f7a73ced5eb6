"""The Web API as the stock slack_sdk sees it."""

import json
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.workspace import limits
from bot.workspace.person import Person
from bot.workspace.server import ADMIN, MEMBER, Workspace
from tests.workspace.slackside import error, everything, section

# --- tokens, scopes, arguments --------------------------------------------------------------------------


def test_the_bot_token_says_who_the_bot_is(client: WebClient, workspace: Workspace) -> None:
    answer = client.auth_test()
    assert answer["user_id"] == workspace.bot_user_id
    assert answer["bot_id"].startswith("B")
    assert answer["team_id"].startswith("T")


@pytest.mark.parametrize(
    ("token", "expected"),
    [("xoxb-wrong", "invalid_auth"), ("", "not_authed"), ("xapp-loopback-app", "not_allowed_token_type")],
)
def test_a_bad_token_is_refused(workspace: Workspace, token: str, expected: str) -> None:
    assert error(WebClient(token, base_url=workspace.api_url).auth_test) == expected


def test_only_the_app_token_opens_a_socket(workspace: Workspace, client: WebClient) -> None:
    assert error(client.apps_connections_open, app_token=workspace.bot_token) == "not_allowed_token_type"
    assert client.apps_connections_open(app_token=workspace.app_token)["url"].startswith("ws://127.0.0.1:")


@pytest.mark.parametrize(
    "scope", ["chat:write", "files:write", "files:read", "users:read", "reactions:write"]
)
def test_a_missing_scope_is_named(scope: str) -> None:
    calls = {
        "chat:write": ("chat.postMessage", {"channel": "#general", "text": "hi"}),
        "files:write": ("files.getUploadURLExternal", {"filename": "a", "length": 1}),
        "files:read": ("files.info", {"file": "F1"}),
        "users:read": ("users.info", {"user": MEMBER}),
        "reactions:write": ("reactions.add", {"channel": "#general", "timestamp": "1", "name": "x"}),
    }
    with everything(scopes=[s for s in limits.EVERY_SCOPE if s != scope]) as workspace:
        method, args = calls[scope]
        with pytest.raises(SlackApiError) as caught:
            WebClient(workspace.bot_token, base_url=workspace.api_url).api_call(method, params=args)
        assert caught.value.response["error"] == "missing_scope"
        assert caught.value.response["needed"] == scope


def test_the_manifest_allows_reading_of_channels_and_not_of_direct_messages() -> None:
    with Workspace() as workspace:
        client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        channel = workspace.channel_id("general")
        assert client.conversations_info(channel=channel)["channel"]["is_ext_shared"] is False
        assert error(client.conversations_info, channel=MEMBER) == "missing_scope"
        assert client.conversations_history(channel=channel)["messages"] == []


def test_an_unknown_method_is_named(client: WebClient) -> None:
    assert error(client.api_call, "chat.shout") == "unknown_method"


@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize("way", ["query", "form", "json", "multipart"])
def test_arguments_come_in_any_way(workspace: Workspace, verb: str, way: str) -> None:
    args: dict[str, Any] = {"channel": "#general", "text": f"{verb} {way}"}
    blocks = [section("hello")]
    given: dict[str, Any] = {
        "query": {"params": args | {"blocks": json.dumps(blocks)}},
        "form": {"data": args | {"blocks": json.dumps(blocks)}},
        "multipart": {"files": {k: (None, v) for k, v in (args | {"blocks": json.dumps(blocks)}).items()}},
        "json": {"json": args | {"blocks": blocks}},
    }[way]
    headers = {"Authorization": f"Bearer {workspace.bot_token}"}
    answer = httpx.request(verb, f"{workspace.api_url}chat.postMessage", headers=headers, **given).json()
    assert answer["ok"], answer
    assert answer["message"]["text"] == f"{verb} {way}"
    assert answer["message"]["blocks"][0]["text"]["text"] == "hello"


def test_the_token_may_be_an_argument_and_is_not_recorded(workspace: Workspace) -> None:
    answer = httpx.post(f"{workspace.api_url}auth.test", data={"token": workspace.bot_token}).json()
    assert answer["ok"]
    assert workspace.bot_token not in repr(workspace.calls("auth.test")[-1])


def test_broken_json_is_refused(workspace: Workspace) -> None:
    headers = {"Authorization": f"Bearer {workspace.bot_token}", "Content-Type": "application/json"}
    url = f"{workspace.api_url}auth.test"
    assert httpx.post(url, headers=headers, content="{").json()["error"] == "invalid_json"
    assert httpx.post(url, headers=headers, content="[]").json()["error"] == "json_not_object"


def test_api_test_echoes_and_fails_on_demand(client: WebClient) -> None:
    assert client.api_test(foo="bar")["args"]["foo"] == "bar"
    assert error(client.api_test, error="my_error") == "my_error"


def test_every_call_is_recorded_with_its_answer(workspace: Workspace, client: WebClient) -> None:
    workspace.forget_calls()
    client.chat_postMessage(channel="#general", text="recorded")
    error(client.chat_postMessage, channel="#nowhere", text="recorded")
    good, bad = workspace.calls("chat.postMessage")
    assert (good.ok, good.args["text"]) == (True, "recorded")
    assert (bad.ok, bad.answer["error"]) == (False, "channel_not_found")
    assert [call.method for call in workspace.calls()] == ["chat.postMessage"] * 2


# --- messages -------------------------------------------------------------------------------------------


def test_a_message_is_posted_changed_and_deleted(client: WebClient, ben: Person) -> None:
    posted = client.chat_postMessage(channel="#general", text="one")
    channel, ts = posted["channel"], posted["ts"]
    client.chat_update(channel=channel, ts=ts, text="two")
    seen = ben.wait_for_message("#general", "two")
    assert seen["edited"]
    assert seen["bot_id"]
    client.chat_delete(channel=channel, ts=ts)
    assert ts not in [m["ts"] for m in ben.messages("#general")]
    assert error(client.chat_update, channel=channel, ts=ts, text="three") == "message_not_found"


def test_an_update_replaces_the_whole_message(client: WebClient) -> None:
    posted = client.chat_postMessage(channel="#general", text="one", blocks=[section("block")])
    changed = client.chat_update(channel=posted["channel"], ts=posted["ts"], text="two")
    assert "blocks" not in changed["message"]


def test_other_peoples_messages_are_not_the_bots_to_change(client: WebClient, ben: Person) -> None:
    said = ben.say("#general", "mine")
    where = {"channel": said["channel"], "ts": said["ts"]}
    assert error(client.chat_update, **where, text="x") == "cant_update_message"
    assert error(client.chat_delete, **where) == "cant_delete_message"


def test_a_message_must_say_something(client: WebClient) -> None:
    assert error(client.api_call, "chat.postMessage", params={"channel": "#general"}) == "no_text"


def test_where_the_bot_is_not_it_cannot_post(client: WebClient, workspace: Workspace) -> None:
    public = workspace.add_channel("without-bot", bot=False)
    private = workspace.add_channel("secret", private=True, bot=False)
    assert error(client.chat_postMessage, channel=public, text="x") == "not_in_channel"
    assert error(client.chat_postMessage, channel=private, text="x") == "channel_not_found"
    assert error(client.conversations_history, channel=public) == "not_in_channel"
    client.conversations_join(channel=public)
    assert client.chat_postMessage(channel=public, text="x")["ok"]


def test_an_archived_channel_takes_nothing(client: WebClient, workspace: Workspace) -> None:
    channel = workspace.add_channel("old-campaign")
    workspace.archive(channel)
    assert error(client.chat_postMessage, channel=channel, text="x") == "is_archived"


def test_text_is_cut_on_post_and_refused_on_update(client: WebClient) -> None:
    posted = client.chat_postMessage(channel="#general", text="x" * 40_001)
    assert len(posted["message"]["text"]) == 40_000
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    assert client.chat_update(**where, text="x" * 4_000)["ok"]
    assert error(client.chat_update, **where, text="x" * 4_001) == "msg_too_long"


def test_markdown_text_stands_alone_and_has_its_length(client: WebClient) -> None:
    assert client.chat_postMessage(channel="#general", markdown_text="x" * 12_000)["ok"]
    assert error(client.chat_postMessage, channel="#general", markdown_text="x" * 12_001) == "msg_too_long"
    both = {"channel": "#general", "markdown_text": "a", "text": "b"}
    assert error(client.chat_postMessage, **both) == "markdown_text_conflict"


def test_a_hundred_attachments_are_the_most(client: WebClient) -> None:
    given = {"channel": "#general", "text": "x"}
    assert client.chat_postMessage(**given, attachments=[{"text": "a"}] * 100)["ok"]
    assert (
        error(client.chat_postMessage, **given, attachments=[{"text": "a"}] * 101) == "too_many_attachments"
    )


def test_threads_hang_on_parents_only(client: WebClient) -> None:
    parent = client.chat_postMessage(channel="#general", text="parent")
    reply = client.chat_postMessage(channel="#general", text="reply", thread_ts=parent["ts"])
    assert reply["message"]["thread_ts"] == parent["ts"]
    deeper = {"channel": "#general", "text": "x", "thread_ts": reply["ts"]}
    assert error(client.chat_postMessage, **deeper) == "cannot_reply_to_message"
    nowhere = {"channel": "#general", "text": "x", "thread_ts": "1.000001"}
    assert error(client.chat_postMessage, **nowhere) == "thread_not_found"


def test_a_broadcast_reply_stands_in_the_channel_too(client: WebClient, ben: Person) -> None:
    parent = client.chat_postMessage(channel="#general", text="parent")
    client.chat_postMessage(channel="#general", text="quiet", thread_ts=parent["ts"])
    client.chat_postMessage(channel="#general", text="loud", thread_ts=parent["ts"], reply_broadcast=True)
    top = [m["text"] for m in ben.messages("#general")]
    assert "loud" in top
    assert "quiet" not in top
    thread = ben.thread("#general", parent["ts"])
    assert [m["text"] for m in thread] == ["parent", "quiet", "loud"]
    assert thread[0]["reply_count"] == 2


def test_metadata_is_kept_and_given_on_request(client: WebClient) -> None:
    metadata = {"event_type": "job", "event_payload": {"job": "J-1", "seq": 3}}
    posted = client.chat_postMessage(channel="#general", text="meta", metadata=metadata)
    where = {"channel": posted["channel"], "latest": posted["ts"], "inclusive": True, "limit": 1}
    assert "metadata" not in client.conversations_history(**where)["messages"][0]
    told = client.conversations_history(**where, include_all_metadata=True)["messages"][0]
    assert told["metadata"] == metadata
    client.chat_postMessage(channel="#general", text="reply", thread_ts=posted["ts"], metadata=metadata)
    parent = {"channel": posted["channel"], "ts": posted["ts"]}
    thread = client.conversations_replies(**parent, include_all_metadata=True)
    assert [m["metadata"] for m in thread["messages"]] == [metadata, metadata]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"event_type": "job"}, "invalid_metadata_format"),
        ({"event_type": "", "event_payload": {}}, "invalid_metadata_schema"),
        ({"event_type": "job", "event_payload": {"deep": {"er": 1}}}, "invalid_metadata_schema"),
    ],
)
def test_metadata_has_a_shape(client: WebClient, metadata: Any, expected: str) -> None:
    assert error(client.chat_postMessage, channel="#general", text="x", metadata=metadata) == expected


def test_an_ephemeral_message_is_seen_by_one_person_and_kept_nowhere(
    client: WebClient, ben: Person, ana: Person, workspace: Workspace
) -> None:
    channel = workspace.channel_id("campaigns")
    posted = client.chat_postEphemeral(channel=channel, user=MEMBER, text="just you")
    assert ben.wait_for_message("#campaigns", "just you")["is_ephemeral"]
    assert "just you" not in [m["text"] for m in ana.messages("#campaigns")]
    assert "just you" not in [m["text"] for m in client.conversations_history(channel=channel)["messages"]]
    kept = {"channel": channel, "ts": posted["message_ts"]}
    assert error(client.chat_update, **kept, text="x") == "message_not_found"
    elsewhere = {"channel": workspace.add_channel("no-ben", members=[ADMIN]), "user": MEMBER}
    assert error(client.chat_postEphemeral, **elsewhere, text="x") == "user_not_in_channel"


def test_a_permalink_leads_to_the_page(client: WebClient) -> None:
    posted = client.chat_postMessage(channel="#general", text="link me")
    link = client.chat_getPermalink(channel=posted["channel"], message_ts=posted["ts"])["permalink"]
    assert posted["ts"].replace(".", "") in link
    assert httpx.get(link, follow_redirects=True).status_code == 200


def test_history_comes_newest_first_and_in_pages(client: WebClient, workspace: Workspace) -> None:
    channel = workspace.add_channel("paged")
    for n in range(5):
        client.chat_postMessage(channel=channel, text=str(n))
    first = client.conversations_history(channel=channel, limit=2)
    assert [m["text"] for m in first["messages"]] == ["4", "3"]
    assert first["has_more"]
    cursor = first["response_metadata"]["next_cursor"]
    rest = client.conversations_history(channel=channel, limit=9, cursor=cursor)
    assert [m["text"] for m in rest["messages"]] == ["2", "1", "0"]
    oldest = first["messages"][1]["ts"]
    newer = client.conversations_history(channel=channel, oldest=oldest)
    assert [m["text"] for m in newer["messages"]] == ["4"]


# --- rooms and people -----------------------------------------------------------------------------------


def test_the_rooms_and_people_are_as_promised(client: WebClient, workspace: Workspace) -> None:
    names = [channel["name"] for channel in client.conversations_list()["channels"]]
    assert names[:4] == ["general", "campaigns", "product-images", "alerts"]
    people = {user["name"]: user for user in client.users_list()["members"]}
    assert people["ana"]["is_admin"]
    assert people["gus"]["is_restricted"]
    assert people["imgbatch"]["is_bot"]
    assert client.users_info(user=MEMBER)["user"]["real_name"] == "Ben Okafor"
    assert error(client.users_info, user="U0NOBODY") == "user_not_found"
    channel = workspace.channel_id("general")
    assert client.conversations_info(channel=channel)["channel"]["is_member"]
    assert MEMBER in client.conversations_members(channel=channel)["members"]
    mine = client.users_conversations(types="public_channel,im")["channels"]
    assert channel in [room["id"] for room in mine]


def test_groups_have_members(client: WebClient) -> None:
    group = client.usergroups_list()["usergroups"][0]
    assert group["handle"] == "brand-team"
    assert ADMIN in client.usergroups_users_list(usergroup=group["id"])["users"]
    assert error(client.usergroups_users_list, usergroup="S0NONE") == "no_such_subteam"


def test_a_direct_message_reaches_its_person_alone(client: WebClient, ben: Person, ana: Person) -> None:
    channel = client.conversations_open(users=[MEMBER])["channel"]["id"]
    client.chat_postMessage(channel=channel, text="psst")
    client.chat_postMessage(channel=MEMBER, text="by user id")
    assert [m["text"] for m in ben.messages("@imgbatch")][-2:] == ["psst", "by user id"]
    assert "psst" not in [m["text"] for m in ana.messages("@imgbatch")]
    assert error(client.conversations_open, users=["U0NOBODY"]) == "user_not_found"


def test_reactions_are_added_once_and_taken_back(client: WebClient, ben: Person) -> None:
    said = ben.say("#general", "react to me")
    where = {"channel": said["channel"], "timestamp": said["ts"]}
    client.reactions_add(**where, name="eyes")
    assert error(client.reactions_add, **where, name="eyes") == "already_reacted"
    assert error(client.reactions_add, **where, name="Not A Name") == "invalid_name"
    ben.react(said, "eyes")
    assert client.reactions_get(**where)["message"]["reactions"][0]["count"] == 2
    client.reactions_remove(**where, name="eyes")
    assert error(client.reactions_remove, **where, name="eyes") == "no_reaction"


# --- faults ---------------------------------------------------------------------------------------------


def test_an_answer_may_fail_before_the_work(client: WebClient, workspace: Workspace, ben: Person) -> None:
    workspace.fail_next("chat.postMessage", "fatal_error", times=2)
    for _ in range(2):
        assert error(client.chat_postMessage, channel="#alerts", text="never") == "fatal_error"
    assert client.chat_postMessage(channel="#alerts", text="then")["ok"]
    assert [m["text"] for m in ben.messages("#alerts")] == ["then"]


def test_an_answer_may_be_lost_after_the_work(client: WebClient, workspace: Workspace, ben: Person) -> None:
    workspace.lose_answer_next("chat.postMessage")
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel="#alerts", text="happened")
    assert caught.value.response.status_code == 503
    assert ben.wait_for_message("#alerts", "happened")
