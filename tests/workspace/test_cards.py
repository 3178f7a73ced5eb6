"""Cards and carousels, in workspaces that take them and in those that do not; thumbs below a picture."""

from collections.abc import Iterator
from typing import Any

import pytest

from bot.workspace.person import Person, words_in
from bot.workspace.server import MEMBER, Workspace
from tests.workspace.slackside import Bot, Json, button, error, modal, mrkdwn, plain, ready_file, section


def card(row: int, hero: Json | None = None) -> Json:
    verbs = ("Approve", "Reject", "Redo")
    done = {
        "type": "card",
        "title": mrkdwn(f"*Row {row}*"),
        "subtitle": mrkdwn("fast · 800x800"),
        "body": mrkdwn("A mug on a table"),
        "actions": [button(verb.lower(), text=plain(verb), value=f"row-{row}") for verb in verbs],
    }
    return done | ({"hero_image": hero} if hero else {})


def carousel(*cards: Json) -> Json:
    return {"type": "carousel", "elements": list(cards)}


@pytest.fixture
def dial(workspace: Workspace) -> Iterator[Any]:
    """Turns what the workspace takes, and back."""
    yield lambda position: setattr(workspace.faults, "carousels", position)
    workspace.faults.carousels = "taken"


def test_each_card_acts_for_itself(bot: Bot, ben: Person) -> None:
    hero = {"type": "image", "slack_file": {"id": ready_file(bot.client)}, "alt_text": "A mug"}
    where = bot.client.chat_postMessage(
        channel="#campaigns", text="Ten pictures", blocks=[carousel(*(card(n, hero) for n in range(10)))]
    )
    seen = ben.wait_for_message("#campaigns", "Row 9")
    assert ben.labels(seen) == ["Approve", "Reject", "Redo"] * 10
    ben.press(seen, "reject", "row-7")
    body = bot.bodies("action")[0]
    assert body["actions"][0]["value"] == "row-7"
    assert body["actions"][0]["block_id"] == seen["blocks"][0]["elements"][7]["block_id"]
    assert body["container"]["message_ts"] == where["ts"]
    assert len(body["message"]["blocks"][0]["elements"]) == 10


def test_a_file_in_a_card_can_be_seen_by_the_channel(bot: Bot, ben: Person, workspace: Workspace) -> None:
    file_id = ready_file(bot.client)
    hero = {"type": "image", "slack_file": {"id": file_id}, "alt_text": "A mug"}
    bot.client.chat_postMessage(channel="#campaigns", text="One", blocks=[carousel(card(1, hero))])
    assert ben.file({"id": file_id}).startswith(b"\x89PNG")
    svg = {"type": "image", "slack_file": {"id": ready_file(bot.client, "a.svg", b"<svg/>")}, "alt_text": "a"}
    post = bot.client.chat_postMessage
    assert error(post, channel="#campaigns", text="x", blocks=[carousel(card(1, svg))]) == "invalid_blocks"


@pytest.mark.parametrize("block", [carousel(card(1)), card(1)], ids=["carousel", "card"])
def test_an_older_workspace_refuses_cards(bot: Bot, dial: Any, block: Json) -> None:
    dial("refused")
    posted = bot.client.chat_postMessage
    assert error(posted, channel="#general", text="x", blocks=[section("a"), block]) == "invalid_blocks"
    answer = bot.workspace.calls("chat.postMessage")[-1].answer
    assert answer["errors"] == [f"unsupported type: {block['type']} [json-pointer:/blocks/1/type]"]
    where = posted(channel="#general", text="x", blocks=[section("a")])
    given = {"channel": where["channel"], "ts": where["ts"], "text": "x", "blocks": [block]}
    assert error(bot.client.chat_update, **given) == "invalid_blocks"
    home = {"type": "home", "blocks": [block]}
    assert error(bot.client.views_publish, user_id=MEMBER, view=home) == "invalid_arguments"
    dial("taken")
    assert bot.client.chat_update(**given)["ok"]


def test_a_workspace_may_take_cards_without_private_files(bot: Bot, dial: Any) -> None:
    dial("without_files")
    hero = {"type": "image", "slack_file": {"id": ready_file(bot.client)}, "alt_text": "A mug"}
    post = bot.client.chat_postMessage
    assert (
        error(post, channel="#general", text="x", blocks=[carousel(card(1), card(2, hero))])
        == "invalid_blocks"
    )
    assert bot.workspace.calls("chat.postMessage")[-1].answer["errors"] == [
        "invalid slack file [json-pointer:/blocks/0/elements/1/hero_image/slack_file]"
    ]
    by_url = {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "A mug"}
    assert post(channel="#general", text="x", blocks=[carousel(card(1, by_url))])["ok"]
    classic = [hero, {"type": "actions", "elements": card(1)["actions"]}]
    assert post(channel="#general", text="x", blocks=classic)["ok"], "image blocks still take them"


def test_a_card_may_stand_in_a_form_and_a_carousel_may_not(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal(card(1), title=plain("Row 1")))
    ben.click(view, "Redo")
    assert bot.bodies("action")[0]["actions"][0]["action_id"] == "redo"
    assert (
        error(bot.client.views_update, view_id=view["id"], view=modal(carousel(card(1))))
        == "invalid_arguments"
    )


def test_thumbs_and_bins_below_a_picture(bot: Bot, ben: Person) -> None:
    thumbs = {
        "type": "feedback_buttons",
        "action_id": "verdict",
        "positive_button": {"text": plain("Good"), "value": "good:7"},
        "negative_button": {"text": plain("Bad"), "value": "bad:7"},
    }
    remove = {
        "type": "icon_button",
        "action_id": "remove",
        "icon": "trash",
        "text": plain("Remove"),
        "value": "7",
    }
    bot.client.chat_postMessage(
        channel="#campaigns",
        text="Row 7",
        blocks=[section("Judge row 7"), {"type": "context_actions", "elements": [thumbs, remove]}],
    )
    seen = ben.wait_for_message("#campaigns", "Judge row 7")
    assert ben.labels(seen) == ["Good", "Bad", "Remove"]
    for label in ("Bad", "Good", "Remove"):
        ben.click(seen, label)
    told = [body["actions"][0] for body in bot.bodies("action")]
    assert [(a["type"], a["value"], a["text"]["text"]) for a in told] == [
        ("feedback_buttons", "bad:7", "Bad"),
        ("feedback_buttons", "good:7", "Good"),
        ("icon_button", "7", "Remove"),
    ]


def test_an_old_button_can_still_be_pressed(bot: Bot, ben: Person) -> None:
    posted = bot.client.chat_postMessage(
        channel="#campaigns", text="Page 1", blocks=[carousel(card(1), card(2))]
    )
    old = ben.wait_for_message("#campaigns", "Row 2")
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    bot.client.chat_update(**where, text="Page 1", blocks=[carousel(card(3))])
    ben.press(old, "approve", "row-2")
    body = bot.bodies("action")[0]
    assert body["actions"][0]["value"] == "row-2", "what the person saw"
    assert "Row 3" in words_in(body["message"]), "what Slack holds by now"
