"""Commands, modals, buttons, shortcuts and response URLs, between a person and the stock Bolt app."""

from typing import Any

import httpx
import pytest
from slack_sdk.webhook import WebhookClient

from bot.workspace.person import Person, RefusedError
from bot.workspace.server import MEMBER, Workspace
from tests.workspace.slackside import (
    Bot,
    Json,
    button,
    error,
    modal,
    mrkdwn,
    plain,
    section,
    text_input,
)

ALL_FIELDS = [
    text_input("file", element={"type": "file_input", "action_id": "v"}),
    text_input("prompt", element={"action_id": "v", "multiline": True, "min_length": 3, "max_length": 20}),
    text_input(
        "count",
        element={
            "type": "number_input", "action_id": "v", "is_decimal_allowed": False,
            "min_value": "1", "max_value": "4",
        },
    ),
    text_input("date", optional=True, element={"type": "datepicker", "action_id": "v"}),
    text_input("at", optional=True, element={"type": "datetimepicker", "action_id": "v"}),
]  # fmt: skip


def choice(kind: str, *values: str, **more: Any) -> Json:
    return {
        "type": kind,
        "action_id": "v",
        "options": [{"text": plain(v), "value": v} for v in values],
    } | more


def posts(bot: Bot, blocks: list[Json], channel: str = "#campaigns", **more: Any) -> Json:
    answer = bot.client.chat_postMessage(channel=channel, text="a message", blocks=blocks, **more)
    return {"channel": answer["channel"], "ts": answer["ts"]}


def buttons(*elements: Json) -> list[Json]:
    return [{"type": "actions", "block_id": "acts", "elements": list(elements)}]


# --- commands -------------------------------------------------------------------------------------------


def test_a_command_carries_text_and_no_files(bot: Bot, ben: Person, workspace: Workspace) -> None:
    ben.command("#campaigns", "/imgbatch", "status @ana in #general")
    body = bot.bodies("command")[0]
    assert (body["command"], body["channel_id"]) == ("/imgbatch", workspace.channel_id("campaigns"))
    assert body["text"].startswith("status <@U0ANAFERREIRA|ana> in <#C0")
    assert body["text"].endswith("|general>")
    assert {"files", "thread_ts"}.isdisjoint(body)
    assert body["response_url"].startswith(workspace.url)


def test_a_direct_answer_is_for_the_asker(bot: Bot, ben: Person, ana: Person) -> None:
    bot.do["command"] = lambda ack, **_: ack("only for you")
    ben.command("#campaigns", "/imgbatch")
    assert ben.wait_for_message("#campaigns", "only for you")["is_ephemeral"]
    bot.do["command"] = lambda ack, **_: ack(
        text="for all", response_type="in_channel", blocks=[section("for all")]
    )
    ben.command("#campaigns", "/imgbatch")
    assert ana.wait_for_message("#campaigns", "for all")
    assert "only for you" not in [message["text"] for message in ana.messages("#campaigns")]


# --- modals ---------------------------------------------------------------------------------------------


def test_a_filled_form_arrives_as_state_values(
    bot: Bot, ben: Person, opened: Any, workspace: Workspace
) -> None:
    fields = [
        *ALL_FIELDS,
        text_input("provider", element=choice("static_select", "openai", "gemini")),
        text_input("lane", element=choice("radio_buttons", "batch", "live")),
        text_input("kinds", element=choice("checkboxes", "webp", "jpeg")),
        text_input(
            "where",
            element={
                "type": "conversations_select",
                "action_id": "v",
                "default_to_current_conversation": True,
                "response_url_enabled": True,
            },
        ),
    ]
    view = opened(modal(*fields, private_metadata="draft-1"))
    sheet = ("rows.csv", b"sku\n1\n")
    filled = {"file": [sheet], "prompt": "A {name}", "count": 2, "date": "2026-12-01", "at": 1_795_000_000}
    filled |= {"provider": "gemini", "lane": "live", "kinds": ["webp", "jpeg"]}
    assert ben.fill(view, filled) is None
    body = bot.bodies("view")[0]
    values = {block: state["v"] for block, state in body["view"]["state"]["values"].items()}
    assert values["prompt"] == {"type": "plain_text_input", "value": "A {name}"}
    assert values["count"]["value"] == "2"
    assert values["date"]["selected_date"] == "2026-12-01"
    assert values["at"]["selected_date_time"] == 1_795_000_000
    assert values["provider"]["selected_option"]["value"] == "gemini"
    assert values["lane"]["selected_option"]["value"] == "live"
    assert [option["value"] for option in values["kinds"]["selected_options"]] == ["webp", "jpeg"]
    assert values["where"]["selected_conversation"] == workspace.channel_id("campaigns")
    file = values["file"]["files"][0]
    assert (file["name"], file["mimetype"], file["size"]) == ("rows.csv", "text/csv", 6)
    headers = {"Authorization": f"Bearer {workspace.bot_token}"}
    assert httpx.get(file["url_private_download"], headers=headers).content == b"sku\n1\n"
    assert body["view"]["private_metadata"] == "draft-1"
    assert body["response_urls"][0]["channel_id"] == workspace.channel_id("campaigns")
    assert WebhookClient(body["response_urls"][0]["response_url"]).send(text="from the form").body == "ok"
    ben.wait_for_message("#campaigns", "from the form")


def test_slacks_client_checks_before_it_sends(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal(*ALL_FIELDS))
    for filled, block, words in (
        ({}, "file", "required"),
        ({"prompt": "ab"}, "prompt", "at least 3"),
        ({"prompt": "x" * 21}, "prompt", "at most 20"),
        ({"count": "2.5"}, "count", "whole number"),
        ({"count": "five"}, "count", "Enter a number"),
        ({"count": 5}, "count", "4 or less"),
        ({"count": 0}, "count", "1 or more"),
        ({"file": [("big.csv", b"x" * 10_000_001)]}, "file", "10 MB"),
        ({"file": [(f"{n}.csv", b"x") for n in range(11)]}, "file", "at most 10 files"),
    ):
        with pytest.raises(RefusedError) as caught:
            ben.fill(view, filled)
        assert words in caught.value.errors[block]
    assert bot.bodies("view") == []


def test_the_apps_errors_stand_by_their_fields(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal(text_input("name"), text_input("size")))
    bot.do["view"] = lambda ack, **_: ack(response_action="errors", errors={"size": "Too big"})
    with pytest.raises(RefusedError) as caught:
        ben.fill(view, {"name": "a", "size": "9"})
    assert caught.value.errors == {"size": "Too big"}
    shown = ben.modal()
    assert shown is not None
    assert shown["errors"] == {"size": "Too big"}
    assert shown["state"]["values"]["name"]["value"]["value"] == "a", "what was typed stays"


def test_errors_must_name_inputs(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal(text_input("name"), section("just words") | {"block_id": "words"}))
    bot.do["view"] = lambda ack, **_: ack(response_action="errors", errors={"words": "Nobody can see this"})
    with pytest.raises(RefusedError, match="trouble connecting"):
        ben.fill(view, {"name": "a"})


def test_an_update_shows_another_view_in_place(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal())
    bot.do["view"] = lambda ack, **_: ack(
        response_action="update", view=modal(section("..."), title=plain("Checking"))
    )
    after = ben.fill(view, {"name": "a"})
    assert after is not None
    assert (after["id"], after["title"]["text"]) == (view["id"], "Checking")
    assert after["hash"] != view["hash"]


def test_a_broken_update_is_trouble(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal())
    bot.do["view"] = lambda ack, **_: ack(response_action="update", view=modal(title=plain("x" * 25)))
    with pytest.raises(RefusedError, match="trouble connecting"):
        ben.fill(view, {"name": "a"})


def test_views_stack_three_high(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal())
    for title in ("Second", "Third"):
        bot.do["view"] = lambda ack, title=title, **_: ack(
            response_action="push", view=modal(title=plain(title))
        )
        pushed = ben.fill(view, {"name": "a"})
        assert pushed is not None
        assert pushed["title"]["text"] == title
        assert pushed["previous_view_id"] == view["id"]
        view = pushed
    with pytest.raises(RefusedError, match="push_limit_reached"):
        ben.fill(view, {"name": "a"})
    bot.do["view"] = lambda ack, **_: ack()
    back = ben.fill(view, {"name": "a"})
    assert back is not None
    assert back["title"]["text"] == "Second", "an empty answer closes the top view alone"
    bot.do["view"] = lambda ack, **_: ack(response_action="clear")
    assert ben.fill(back, {"name": "a"}) is None


def test_views_push_needs_room_as_well(bot: Bot, ben: Person, opened: Any) -> None:
    refusals = []

    def push(ack: Any, body: Json, **_: Any) -> None:
        ack()
        push_now = bot.client.views_push
        given = {"trigger_id": body["trigger_id"], "view": modal(*acts, title=plain("Pushed"))}
        refusals.append(error(push_now, **given) if len(refusals) == 2 else push_now(**given) and None)

    acts = buttons(button("more"))
    view = opened(modal(*acts))
    bot.do["action"] = push
    for _ in range(3):
        ben.press(ben.modal() or view, "more")
    ben.wait_for(lambda: len(refusals) == 3)
    assert refusals == [None, None, "push_limit_reached"]


def test_closing_is_told_to_those_who_asked(bot: Bot, ben: Person, opened: Any) -> None:
    ben.dismiss(opened(modal()))
    assert ben.modal() is None
    ben.dismiss(opened(modal(notify_on_close=True)))
    ben.wait_for(lambda: bot.bodies("closed"))
    assert len(bot.bodies("closed")) == 1
    assert bot.bodies("closed")[0]["is_cleared"] is False


def test_a_trigger_opens_one_view(bot: Bot, ben: Person) -> None:
    outcomes: list[str] = []

    def twice(ack: Any, body: Json, **_: Any) -> None:
        ack()
        bot.client.views_open(trigger_id=body["trigger_id"], view=modal())
        outcomes.append(error(bot.client.views_open, trigger_id=body["trigger_id"], view=modal()))

    bot.do["command"] = twice
    ben.command("#campaigns", "/imgbatch")
    ben.wait_for(lambda: outcomes)
    assert outcomes == ["exchanged_trigger_id"]
    assert error(bot.client.views_open, trigger_id="made.up", view=modal()) == "invalid_trigger_id"


def test_a_view_refused_leaves_the_trigger_unused(bot: Bot, ben: Person) -> None:
    def again(ack: Any, body: Json, **_: Any) -> None:
        ack()
        assert error(bot.client.views_open, trigger_id=body["trigger_id"], view=modal(title=plain("x" * 25)))
        bot.client.views_open(trigger_id=body["trigger_id"], view=modal(title=plain("Shorter")))

    bot.do["command"] = again
    ben.command("#campaigns", "/imgbatch")
    assert ben.wait_for_modal("Shorter")


def test_a_trigger_does_not_live_long(bot: Bot, ben: Person, workspace: Workspace) -> None:
    ben.command("#campaigns", "/imgbatch")
    workspace.pass_time(3.1)
    late = {"trigger_id": bot.bodies("command")[0]["trigger_id"], "view": modal()}
    assert error(bot.client.views_open, **late) == "expired_trigger_id"


def test_a_stale_update_meets_a_conflict(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal())
    old = view["hash"]
    new = bot.client.views_update(view_id=view["id"], hash=old, view=modal(title=plain("Newer")))["view"][
        "hash"
    ]
    late = {"view_id": view["id"], "view": modal(title=plain("Older"))}
    assert error(bot.client.views_update, **late, hash=old) == "hash_conflict"
    assert bot.client.views_update(**late, hash=new)["ok"]
    ben.dismiss(view)
    assert error(bot.client.views_update, **late) == "not_found"


def test_external_ids_find_views_and_are_unique(bot: Bot, ben: Person, opened: Any) -> None:
    opened(modal(external_id="draft-9"))
    changed = modal(external_id="draft-9", title=plain("Found"))
    assert bot.client.views_update(external_id="draft-9", view=changed)["ok"]
    home = {"type": "home", "external_id": "draft-9", "blocks": [section("a")]}
    assert error(bot.client.views_publish, user_id=MEMBER, view=home) == "duplicate_external_id"


def test_what_was_typed_survives_an_update_under_the_same_ids(bot: Bot, ben: Person, opened: Any) -> None:
    pick = text_input("provider", dispatch_action=True, element=choice("static_select", "openai", "gemini"))
    view = opened(modal(text_input("name"), pick))

    def more(ack: Any, body: Json, **_: Any) -> None:
        ack()
        longer = modal(text_input("name"), pick, text_input("size", optional=True))
        bot.client.views_update(view_id=body["view"]["id"], hash=body["view"]["hash"], view=longer)

    bot.do["action"] = more
    ben.press(view, "v", "gemini", values={"name": "Summer"})
    action = bot.bodies("action")[0]
    assert action["actions"][0]["selected_option"]["value"] == "gemini"
    assert action["container"] == {"type": "view", "view_id": view["id"]}
    assert action["view"]["state"]["values"]["name"]["value"]["value"] == "Summer"
    longer = ben.wait_for(lambda: (v := ben.modal()) and len(v["blocks"]) == 3 and v)
    ben.fill(longer, {})
    values = bot.bodies("view")[0]["view"]["state"]["values"]
    assert values["name"]["value"]["value"] == "Summer"
    assert values["provider"]["v"]["selected_option"]["value"] == "gemini"


def test_fields_that_are_not_there_cannot_be_filled(ben: Person, opened: Any) -> None:
    with pytest.raises(RefusedError, match="no field"):
        ben.fill(opened(modal()), {"nothing": 1})


# --- buttons --------------------------------------------------------------------------------------------


def test_a_button_tells_who_pressed_what_where(bot: Bot, ben: Person) -> None:
    message = posts(bot, buttons(button("approve", value="7:2", style="primary")))
    ben.press(message, "approve")
    body = bot.bodies("action")[0]
    assert body["user"]["id"] == MEMBER
    assert body["actions"][0] | {"action_ts": ""} == {
        "type": "button",
        "action_id": "approve",
        "block_id": "acts",
        "text": plain("Go"),
        "value": "7:2",
        "style": "primary",
        "action_ts": "",
    }
    assert body["container"]["message_ts"] == message["ts"]
    assert body["message"]["blocks"][0]["block_id"] == "acts"
    assert body["trigger_id"]


def test_buttons_with_one_action_id_are_told_apart_by_value(bot: Bot, ben: Person) -> None:
    cards = [
        {"type": "card", "title": mrkdwn(f"Row {n}"), "actions": [button("approve", value=str(n))]}
        for n in range(3)
    ]
    message = posts(bot, [{"type": "carousel", "elements": cards}])
    ben.press(message, "approve", "2")
    assert bot.bodies("action")[0]["actions"][0]["value"] == "2"


def test_selects_and_overflows_carry_their_option(bot: Bot, ben: Person) -> None:
    more = choice("overflow", "show", "cancel") | {"action_id": "more"}
    message = posts(bot, buttons(choice("static_select", "low", "high"), more))
    ben.press(message, "v", "high")
    ben.press(message, "more", "cancel")
    chosen = [body["actions"][0]["selected_option"]["value"] for body in bot.bodies("action")]
    assert chosen == ["high", "cancel"]
    assert bot.bodies("action")[0]["state"]["values"]["acts"]["v"]["selected_option"]["value"] == "high"
    with pytest.raises(RefusedError, match="no option"):
        ben.press(message, "v", "highest")


def test_an_old_button_can_still_be_pressed(bot: Bot, ben: Person) -> None:
    message = posts(bot, buttons(button("approve", value="7:1")))
    bot.client.chat_update(**message, text="new", blocks=buttons(button("approve", value="7:2")))
    bot.client.chat_update(**message, text="decided", blocks=[section("Approved")])
    ben.press(message, "approve")
    body = bot.bodies("action")[0]
    assert body["actions"][0]["value"] == "7:2"
    assert "elements" not in body["message"]["blocks"][0], "the message is as it is now"
    with pytest.raises(RefusedError, match="nothing with action_id"):
        ben.press(message, "reject")


def test_a_button_in_a_thread_says_so(bot: Bot, ben: Person) -> None:
    parent = posts(bot, [section("parent")])
    reply = posts(bot, buttons(button("approve")), thread_ts=parent["ts"])
    ben.press(reply, "approve")
    assert bot.bodies("action")[0]["container"]["thread_ts"] == parent["ts"]


def test_an_ephemeral_message_is_not_sent_along(bot: Bot, ben: Person, workspace: Workspace) -> None:
    where = {"channel": workspace.channel_id("campaigns"), "user": MEMBER}
    posted = bot.client.chat_postEphemeral(**where, text="aside", blocks=buttons(button("dismiss")))
    bot.do["action"] = lambda ack, respond, **_: (ack(), respond(delete_original=True))
    ben.press({"channel": where["channel"], "ts": posted["message_ts"]}, "dismiss")
    body = bot.bodies("action")[0]
    assert body["container"]["is_ephemeral"] is True
    assert "message" not in body
    gone = lambda: posted["message_ts"] not in [m["ts"] for m in ben.messages("#campaigns")]  # noqa: E731
    assert ben.wait_for(gone)


def test_an_action_nobody_answers_is_an_error_for_the_person(
    workspace: Workspace, bot: Bot, ben: Person
) -> None:
    message = posts(bot, buttons(button("approve")))
    workspace.drop_next_ack(kind="interactive")
    with pytest.raises(RefusedError, match="operation_timeout"):
        ben.press(message, "approve")
    assert len(bot.bodies("action")) == 1


# --- response URLs --------------------------------------------------------------------------------------


def url_of(bot: Bot, ben: Person) -> str:
    ben.command("#campaigns", "/imgbatch")
    return str(bot.bodies("command")[-1]["response_url"])


def test_a_response_url_works_five_times(bot: Bot, ben: Person) -> None:
    hook = WebhookClient(url_of(bot, ben))
    answers = [hook.send(text=f"use {n}") for n in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert answers[5].body == "used_url"


def test_a_response_url_dies_of_age(bot: Bot, ben: Person, workspace: Workspace) -> None:
    hook = WebhookClient(url_of(bot, ben))
    workspace.pass_time(29 * 60)
    assert hook.send(text="in time").body == "ok"
    workspace.pass_time(61)
    assert hook.send(text="late").body == "expired_url"
    assert WebhookClient(hook.url[:-4] + "zzzz").send(text="forged").status_code == 404


def test_a_response_is_for_the_asker_or_for_all(bot: Bot, ben: Person, ana: Person) -> None:
    hook = WebhookClient(url_of(bot, ben))
    hook.send(text="aside, please")
    hook.send(text="out loud", response_type="in_channel")
    assert ben.wait_for_message("#campaigns", "aside, please")["is_ephemeral"]
    assert ana.wait_for_message("#campaigns", "out loud")
    assert "aside, please" not in [message["text"] for message in ana.messages("#campaigns")]


def test_a_response_replaces_its_original(bot: Bot, ben: Person) -> None:
    message = posts(bot, buttons(button("approve")))
    bot.do["action"] = lambda ack, respond, **_: (
        ack(),
        respond(text="Approved by Ben", replace_original=True),
    )
    ben.press(message, "approve")
    assert ben.wait_for_message("#campaigns", "Approved by Ben")["ts"] == message["ts"]


def test_a_response_may_go_to_the_thread(bot: Bot, ben: Person) -> None:
    parent = posts(bot, [section("parent of responses")])
    WebhookClient(url_of(bot, ben)).send_dict(
        {"text": "below", "thread_ts": parent["ts"], "response_type": "in_channel"}
    )
    ben.wait_for_reply(parent, "below")


def test_a_response_works_where_the_bot_is_not(bot: Bot, ben: Person, workspace: Workspace) -> None:
    channel = workspace.add_channel("no-bot-here", bot=False)
    bot.do["command"] = lambda ack, respond, **_: (ack(), respond(text="still heard"))
    ben.command(channel, "/imgbatch")
    assert ben.wait_for_message(channel, "still heard")


def test_a_response_is_checked_too(bot: Bot, ben: Person) -> None:
    hook = WebhookClient(url_of(bot, ben))
    assert "invalid_blocks" in hook.send(text="x", blocks=[section("x" * 3001)]).body
    assert "no_text" in hook.send_dict({"text": ""}).body


# --- shortcuts and home ---------------------------------------------------------------------------------


def test_a_message_shortcut_brings_the_message_with_its_files(bot: Bot, ben: Person, ana: Person) -> None:
    said = ana.say("#campaigns", "the sheet", files=[("rows.csv", b"sku\n1\n")])
    ben.shortcut("batch_from_message", said)
    body = bot.bodies("shortcut")[0]
    assert body["type"] == "message_action"
    assert body["message"]["files"][0]["name"] == "rows.csv"
    assert body["user"]["id"] == MEMBER
    assert body["response_url"]
    assert body["trigger_id"]


def test_a_global_shortcut_has_no_channel(bot: Bot, ben: Person) -> None:
    bot.do["shortcut"] = lambda ack, body, **_: (
        ack(),
        bot.client.views_open(trigger_id=body["trigger_id"], view=modal(title=plain("By shortcut"))),
    )
    ben.shortcut("batch_new")
    assert ben.wait_for_modal("By shortcut")
    assert "channel" not in bot.bodies("shortcut")[0]
    with pytest.raises(RefusedError, match="no global shortcut"):
        ben.shortcut("batch_from_message")


def test_home_is_published_and_pressed(bot: Bot, ben: Person, ana: Person) -> None:
    view = {"type": "home", "blocks": [section("Your batches"), *buttons(button("open", value="J-1"))]}
    bot.do["event"] = lambda body, **_: bot.client.views_publish(user_id=body["event"]["user"], view=view)
    ben.open_home()
    home = ben.wait_for(ben.home)
    ben.press(home, "open")
    assert bot.bodies("action")[0]["view"]["type"] == "home"
    assert ana.home() is None
    bot.client.views_publish(user_id=MEMBER, view=view, hash=home["hash"])
    assert error(bot.client.views_publish, user_id=MEMBER, view=view, hash=home["hash"]) == "hash_conflict"
    ben.open_home()
    ben.wait_for(lambda: len(bot.events("app_home_opened")) == 2)
    assert bot.events("app_home_opened")[1]["view"]["type"] == "home"
