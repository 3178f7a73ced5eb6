"""Emoji as quick answers: what the app hears, and what it may give itself."""

import pytest
from slack_sdk import WebClient

from bot.workspace import limits
from bot.workspace.person import Person, RefusedError
from bot.workspace.server import MEMBER, Workspace
from tests.workspace.slackside import Bot, Json, error, everything, picture


def shared_picture(bot: Bot, ben: Person) -> Json:
    """A message of the bot's with a picture in it, as a person sees it."""
    channel = bot.workspace.channel_id("campaigns")
    bot.client.files_upload_v2(channel=channel, content=picture(), filename="mug.png")
    return ben.wait_for(
        lambda: next((m for m in reversed(ben.messages("#campaigns")) if m.get("files")), None)
    )


def test_a_reaction_and_its_end_are_told(bot: Bot, ben: Person) -> None:
    posted = bot.client.chat_postMessage(channel="#campaigns", text="Row 7")
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    ben.react(where, "white_check_mark")
    ben.react(where, "white_check_mark")  # once is enough
    ben.react(where, "white_check_mark", remove=True)
    ben.react(where, "white_check_mark", remove=True)
    ben.wait_for(lambda: bot.events("reaction_removed"))
    (added,), (removed,) = bot.events("reaction_added"), bot.events("reaction_removed")
    for event in (added, removed):
        assert (event["user"], event["reaction"]) == (MEMBER, "white_check_mark")
        assert event["item_user"] == bot.workspace.bot_user_id
        assert event["item"] == {"type": "message"} | where
    assert float(removed["event_ts"]) > float(added["event_ts"])


def test_a_reaction_in_a_thread_names_the_reply(bot: Bot, ben: Person) -> None:
    top = bot.client.chat_postMessage(channel="#campaigns", text="Gallery")
    reply = bot.client.chat_postMessage(channel="#campaigns", thread_ts=top["ts"], text="Page 1")
    ben.react({"channel": reply["channel"], "ts": reply["ts"]}, "x")
    ben.wait_for(lambda: bot.events("reaction_added"))
    assert bot.events("reaction_added")[0]["item"]["ts"] == reply["ts"]
    assert ben.thread("#campaigns", top["ts"])[1]["reactions"][0]["users"] == [MEMBER]


def test_thumbs_have_one_name(bot: Bot, ben: Person) -> None:
    posted = bot.client.chat_postMessage(channel="#campaigns", text="Row 8")
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    ben.react(where, "thumbsup")
    ben.react(where, ":thumbsdown::skin-tone-3:")
    ben.wait_for(lambda: len(bot.events("reaction_added")) == 2)
    assert [event["reaction"] for event in bot.events("reaction_added")] == ["+1", "-1::skin-tone-3"]
    assert error(bot.client.reactions_remove, **_item(posted), name="+1") == "no_reaction"


def test_a_picture_can_be_reacted_to_itself(bot: Bot, ben: Person) -> None:
    message = shared_picture(bot, ben)
    file = message["files"][0]
    ben.react(file, "heart")
    ben.wait_for(lambda: bot.events("reaction_added"))
    event = bot.events("reaction_added")[0]
    assert event["item"] == {"type": "file", "file": file["id"]}
    assert event["item_user"] == bot.workspace.bot_user_id
    assert bot.client.reactions_get(file=file["id"])["file"]["reactions"][0]["name"] == "heart"
    ben.react(message, "eyes")
    ben.wait_for(lambda: len(bot.events("reaction_added")) == 2)
    assert bot.events("reaction_added")[1]["item"]["type"] == "message", "most people react to the message"


def _item(posted: Json) -> Json:
    return {"channel": posted["channel"], "timestamp": posted["ts"]}


def test_the_app_is_sent_its_own_reactions_too_and_bolt_drops_them(bot: Bot, ben: Person) -> None:
    said = ben.say("#campaigns", "the sheet")
    bot.client.reactions_add(channel=said["channel"], timestamp=said["ts"], name="eyes")
    ben.react(said, "heart")
    ben.wait_for(lambda: bot.events("reaction_added"))
    sent = [body["event"] for body in bot.workspace.sent("events_api")]
    users = [event["user"] for event in sent if event["type"] == "reaction_added"][-2:]
    assert users == [bot.workspace.bot_user_id, MEMBER]
    assert [event["user"] for event in bot.events("reaction_added")] == [MEMBER]


def test_no_more_than_slack_takes(bot: Bot, ben: Person, ana: Person) -> None:
    posted = bot.client.chat_postMessage(channel="#general", text="Row 9")
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    for n in range(limits.REACTIONS_PER_PERSON):
        ben.react(where, f"a{n}")
    with pytest.raises(RefusedError, match="too_many_reactions"):
        ben.react(where, "one-more")
    for n in range(limits.REACTIONS_PER_PERSON):
        bot.client.reactions_add(**_item(posted), name=f"b{n}")
    assert error(bot.client.reactions_add, **_item(posted), name="b-more") == "too_many_reactions"
    for n in range(limits.EMOJI_PER_ITEM - 2 * limits.REACTIONS_PER_PERSON):
        ana.react(where, f"c{n}")
    with pytest.raises(RefusedError, match="too_many_emoji"):
        ana.react(where, "c-more")
    ana.react(where, "a0")
    shown = bot.client.reactions_get(**_item(posted))["message"]["reactions"]
    assert (len(shown), shown[0]["count"]) == (limits.EMOJI_PER_ITEM, 2)


def test_what_cannot_be_reacted_to(bot: Bot, ben: Person, workspace: Workspace) -> None:
    client = bot.client
    assert error(client.reactions_add, channel="#general", timestamp="1.1", name="x") == "message_not_found"
    assert error(client.api_call, "reactions.add", params={"name": "x"}) == "no_item_specified"
    assert error(client.reactions_get, file="F0NONE") == "file_not_found"
    elsewhere = workspace.add_channel("without-bot", bot=False)
    assert error(client.reactions_add, channel=elsewhere, timestamp="1.1", name="x") == "not_in_channel"
    client.chat_postEphemeral(channel="#campaigns", user=MEMBER, text="psst")
    with pytest.raises(RefusedError, match="cant_react"):
        ben.react(ben.wait_for_message("#campaigns", "psst"), "x")


def test_without_the_scope_nothing_is_heard() -> None:
    scopes = [scope for scope in limits.EVERY_SCOPE if scope != "reactions:read"]
    with everything(scopes=scopes) as workspace, Person(workspace.url, MEMBER) as ben:
        said = ben.say("#general", "hm")
        ben.react(said, "eyes")
        client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        assert error(client.reactions_get, channel=said["channel"], timestamp=said["ts"]) == "missing_scope"
        client.reactions_add(channel=said["channel"], timestamp=said["ts"], name="eyes")
        kinds = [payload["event"]["type"] for payload in workspace.sent("events_api")]
        assert "reaction_added" not in kinds
