"""Each of Slack's limits on blocks and views: the most that is taken, and the least that is refused."""

from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block, block_elements

from bot.workspace import blocks, limits
from bot.workspace.person import Person
from bot.workspace.server import MEMBER, Workspace
from tests.workspace.slackside import (
    Json,
    button,
    error,
    modal,
    mrkdwn,
    plain,
    ready_file,
    section,
    text_input,
)

URL = "https://example.com/a.png"


def refusal(call: Any, **given: Any) -> tuple[str, str]:
    """Slack's error, and its messages in one string."""
    with pytest.raises(SlackApiError) as caught:
        call(**given)
    response = caught.value.response
    return response["error"], " ".join(response.get("response_metadata", {}).get("messages", []))


def option(n: int = 0, text: str = "", value: str = "") -> Json:
    return {"text": plain(text or f"Option {n}"), "value": value or f"v{n}"}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def image(**more: Any) -> Json:
    return {"type": "image", "image_url": URL, "alt_text": "A mug"} | more


def card(buttons: int = 1, **more: Any) -> Json:
    given = {"type": "card", "title": mrkdwn("Row 7"), "actions": [button(f"b{n}") for n in range(buttons)]}
    return given | more


def select(count: int, kind: str = "static_select") -> Json:
    return {"type": kind, "action_id": "pick", "options": [option(n) for n in range(count)]}


def confirm(**more: Any) -> Json:
    return {
        "title": plain("Sure?"),
        "text": mrkdwn("Really"),
        "confirm": plain("Yes"),
        "deny": plain("No"),
    } | more


def table(rows: int, columns: int = 1) -> Json:
    cell = {"type": "raw_text", "text": "a"}
    return {"type": "table", "rows": [[cell] * columns for _ in range(rows)]}


def container(count: int = 1, **more: Any) -> Json:
    return {"type": "container", "title": plain("Log"), "child_blocks": [section("a")] * count} | more


def icon_button(n: int = 0, **more: Any) -> Json:
    given = {"type": "icon_button", "action_id": f"i{n}", "icon": "trash", "text": plain("Remove")}
    return given | more


def feedback(**more: Any) -> Json:
    sides = {
        "positive_button": {"text": plain("Good"), "value": "up"},
        "negative_button": {"text": plain("Bad"), "value": "down"},
    }
    return {"type": "feedback_buttons", "action_id": "feedback"} | sides | more


def context_actions(*elements: Json) -> Json:
    return {"type": "context_actions", "elements": list(elements)}


def groups(count: int, label: str = "Sizes") -> Json:
    group = {"label": plain(label), "options": [option()]}
    return {"type": "static_select", "action_id": "pick", "option_groups": [group] * count}


def picker(kind: str, initial: str) -> Json:
    return {"type": f"{kind}picker", "action_id": "pick", f"initial_{kind}": initial}


def rooms(**more: Any) -> Json:
    return {"type": "conversations_select", "action_id": "where"} | more


def data_table(rows: int, text: str = "a", **more: Any) -> Json:
    cells = [[{"type": "raw_text", "text": text}]] * rows
    return {"type": "data_table", "caption": "Costs", "rows": cells} | more


def chart(**more: Any) -> Json:
    segments = [{"label": "ready", "value": 9}, {"label": "failed", "value": 1}]
    pie = {"type": "pie", "segments": segments}
    return {"type": "data_visualization", "title": "Results", "chart": pie} | more


def task(status: str) -> Json:
    return {"type": "task_card", "task_id": "t", "title": "Make", "status": status}


def plan(count: int) -> Json:
    return {"type": "plan", "title": "Batch", "tasks": [task("pending")] * count}


def rich(kind: str) -> Json:
    return {"type": "rich_text", "elements": [{"type": kind, "elements": [{"type": "text", "text": "a"}]}]}


EDGES: dict[str, tuple[Json | list[Json], Json | list[Json]]] = {
    "section text": (section("x" * 3000), section("x" * 3001)),
    "section text is not empty": (section("x"), section("")),
    "section needs text or fields": ({"type": "section", "fields": [mrkdwn("a")]}, {"type": "section"}),
    "fields": (
        {"type": "section", "fields": [mrkdwn("a")] * 10},
        {"type": "section", "fields": [mrkdwn("a")] * 11},
    ),
    "field text": (
        {"type": "section", "fields": [mrkdwn("x" * 2000)]},
        {"type": "section", "fields": [mrkdwn("x" * 2001)]},
    ),
    "header text": (
        {"type": "header", "text": plain("x" * 150)},
        {"type": "header", "text": plain("x" * 151)},
    ),
    "header is plain": ({"type": "header", "text": plain("x")}, {"type": "header", "text": mrkdwn("x")}),
    "context elements": (
        {"type": "context", "elements": [mrkdwn("a")] * 10},
        {"type": "context", "elements": [mrkdwn("a")] * 11},
    ),
    "alt_text": (image(alt_text="x" * 2000), image(alt_text="x" * 2001)),
    "alt_text is required": (image(), {"type": "image", "image_url": URL}),
    "alt_text is not empty": (image(), image(alt_text="")),
    "image has one source": (image(), image(slack_file={"id": "F1"})),
    "image has a source": (image(), {"type": "image", "alt_text": "a"}),
    "image url": (image(image_url="h" * 3000), image(image_url="h" * 3001)),
    "image title": (image(title=plain("x" * 2000)), image(title=plain("x" * 2001))),
    "what Slack added to an image": (image(), image(image_width=10, fallback="A mug")),
    "actions elements": (
        actions(*(button(f"b{n}") for n in range(25))),
        actions(*(button(f"b{n}") for n in range(26))),
    ),
    "actions are not empty": (actions(button()), actions()),
    "action_id is unique": (actions(button("a"), button("b")), actions(button("a"), button("a"))),
    "action_id": (actions(button("x" * 255)), actions(button("x" * 256))),
    "block_id": (section("a") | {"block_id": "x" * 255}, section("a") | {"block_id": "x" * 256}),
    "button text": (actions(button(text=plain("x" * 75))), actions(button(text=plain("x" * 76)))),
    "button text is plain": (actions(button()), actions(button(text=mrkdwn("x")))),
    "button value": (actions(button(value="x" * 2000)), actions(button(value="x" * 2001))),
    "button url": (actions(button(url="x" * 3000)), actions(button(url="x" * 3001))),
    "button label": (
        actions(button(accessibility_label="x" * 75)),
        actions(button(accessibility_label="x" * 76)),
    ),
    "button style": (actions(button(style="danger")), actions(button(style="success"))),
    "confirm title": (
        actions(button(confirm=confirm(title=plain("x" * 100)))),
        actions(button(confirm=confirm(title=plain("x" * 101)))),
    ),
    "confirm text": (
        actions(button(confirm=confirm(text=mrkdwn("x" * 300)))),
        actions(button(confirm=confirm(text=mrkdwn("x" * 301)))),
    ),
    "confirm button": (
        actions(button(confirm=confirm(confirm=plain("x" * 30)))),
        actions(button(confirm=confirm(confirm=plain("x" * 31)))),
    ),
    "overflow options": (actions(select(5, "overflow")), actions(select(6, "overflow"))),
    "select options": (actions(select(100)), actions(select(101))),
    "radio options": (actions(select(10, "radio_buttons")), actions(select(11, "radio_buttons"))),
    "checkbox options": (actions(select(10, "checkboxes")), actions(select(11, "checkboxes"))),
    "option text": (
        actions(select(1) | {"options": [option(text="x" * 75)]}),
        actions(select(1) | {"options": [option(text="x" * 76)]}),
    ),
    "option value": (
        actions(select(1) | {"options": [option(value="x" * 150)]}),
        actions(select(1) | {"options": [option(value="x" * 151)]}),
    ),
    "initial option is one of them": (
        actions(select(2) | {"initial_option": option(1)}),
        actions(select(2) | {"initial_option": option(9)}),
    ),
    "placeholder": (
        actions(select(1) | {"placeholder": plain("x" * 150)}),
        actions(select(1) | {"placeholder": plain("x" * 151)}),
    ),
    "card buttons": (card(3), card(4)),
    "card title": (card(title=mrkdwn("x" * 150)), card(title=mrkdwn("x" * 151))),
    "card body": (card(body=mrkdwn("x" * 200)), card(body=mrkdwn("x" * 201))),
    "card says something": (card(), {"type": "card", "subtitle": mrkdwn("x")}),
    "card takes buttons alone": (card(), card(actions=[select(2)])),
    "carousel cards": (
        {"type": "carousel", "elements": [card()] * 10},
        {"type": "carousel", "elements": [card()] * 11},
    ),
    "carousel holds cards": (
        {"type": "carousel", "elements": [card()]},
        {"type": "carousel", "elements": [section("a")]},
    ),
    "container children": (container(10), container(11)),
    "container holds no cards": (container(), container(child_blocks=[card()])),
    "container title": (container(title=plain("x" * 150)), container(title=plain("x" * 151))),
    "table rows": (table(100), table(101)),
    "table columns": (table(1, 20), table(1, 21)),
    "markdown": ({"type": "markdown", "text": "x" * 12_000}, {"type": "markdown", "text": "x" * 12_001}),
    "context_actions": (
        {"type": "context_actions", "elements": [icon_button(n) for n in range(5)]},
        {"type": "context_actions", "elements": [icon_button(n) for n in range(6)]},
    ),
    "icon": (context_actions(icon_button()), context_actions(icon_button(icon="pencil"))),
    "icon_button users": (
        context_actions(icon_button(visible_to_user_ids=["U1"] * 10)),
        context_actions(icon_button(visible_to_user_ids=["U1"] * 11)),
    ),
    "feedback_buttons have two sides": (
        context_actions(feedback()),
        context_actions({k: v for k, v in feedback().items() if k != "negative_button"}),
    ),
    "feedback_buttons need values": (
        context_actions(feedback()),
        context_actions(feedback(positive_button={"text": plain("Good")})),
    ),
    "option description": (
        actions(select(1) | {"options": [option() | {"description": plain("x" * 75)}]}),
        actions(select(1) | {"options": [option() | {"description": plain("x" * 76)}]}),
    ),
    "a select's options are plain": (
        actions(select(1)),
        actions(select(1) | {"options": [{"text": mrkdwn("a"), "value": "a"}]}),
    ),
    "option urls are for menus": (
        actions(select(1, "overflow") | {"options": [option() | {"url": URL}]}),
        actions(select(1) | {"options": [option() | {"url": URL}]}),
    ),
    "options or groups": (
        actions(groups(1)),
        actions(groups(1) | {"options": [option()]}),
    ),
    "option groups": (actions(groups(100)), actions(groups(101))),
    "group label": (actions(groups(1, "x" * 75)), actions(groups(1, "x" * 76))),
    "max_selected_items": (
        actions(select(3, "multi_static_select") | {"max_selected_items": 1}),
        actions(select(3, "multi_static_select") | {"max_selected_items": 0}),
    ),
    "initial date": (actions(picker("date", "2026-12-01")), actions(picker("date", "1/12/2026"))),
    "initial time": (actions(picker("time", "09:30")), actions(picker("time", "half past"))),
    "conversations filter": (
        actions(rooms(filter={"include": ["public", "private"]})),
        actions(rooms(filter={"include": ["secret"]})),
    ),
    "known fields of elements": (actions(button(value="1")), actions(button(tooltip="1"))),
    "one table": ([table(1)], [table(1), table(1)]),
    "data table rows": (data_table(101), data_table(102)),
    "data table has a row beneath its head": (data_table(2), data_table(1)),
    "data table page": (data_table(2, page_size=100), data_table(2, page_size=101)),
    "data table characters": (data_table(2, "x" * 10_000), data_table(2, "x" * 10_001)),
    "two charts": ([chart()] * 2, [chart()] * 3),
    "chart title": (chart(title="x" * 50), chart(title="x" * 51)),
    "task status": (task("complete"), task("done")),
    "plan tasks": (plan(50), plan(51)),
    "rich text parts": (rich("rich_text_section"), rich("section")),
    "card icon": (
        card(slack_icon={"type": "icon", "name": "star"}),
        card(icon=image(), slack_icon={"type": "icon", "name": "star"}),
    ),
    "known blocks": (section("a"), {"type": "paragraph", "text": "a"}),
    "known fields": (section("a"), section("a") | {"txt": "a"}),
    "known elements": (actions(button()), actions({"type": "knob", "action_id": "a"})),
    "alerts are for modals": (section("a"), {"type": "alert", "text": mrkdwn("a")}),
    "file inputs are for modals": (
        text_input("a"),
        text_input("a", element={"type": "file_input", "action_id": "f"}),
    ),
}


@pytest.mark.parametrize("limit", EDGES)
def test_the_most_is_taken_and_one_more_is_refused(client: WebClient, limit: str) -> None:
    fine, too_much = (each if isinstance(each, list) else [each] for each in EDGES[limit])
    client.chat_postMessage(channel="#general", text="fallback", blocks=fine)
    assert (
        error(client.chat_postMessage, channel="#general", text="fallback", blocks=too_much)
        == "invalid_blocks"
    )


BEYOND_THE_SDK = ("alerts", "known", "one ", "two ", "data", "chart")
"""Rules about what a block holds together, and blocks that slack_sdk's models do not know."""


@pytest.mark.parametrize("limit", [name for name in EDGES if not name.startswith(BEYOND_THE_SDK)])
def test_what_is_taken_here_slack_sdk_takes_too(limit: str) -> None:
    """A second opinion on the accepted half: slack_sdk's own models find no fault with it."""
    fine = EDGES[limit][0]
    parsed = Block.parse(fine)
    assert parsed is not None
    parsed.to_dict()


def test_a_refusal_says_what_and_where(client: WebClient) -> None:
    given = [section("fine"), section("x" * 3001)]
    code, words = refusal(client.chat_postMessage, channel="#general", text="x", blocks=given)
    assert code == "invalid_blocks"
    assert words == "[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"


def test_fifty_blocks_are_the_most_of_a_message(client: WebClient) -> None:
    fifty = [{"type": "divider"}] * 50
    assert client.chat_postMessage(channel="#general", text="x", blocks=fifty)["ok"]
    code, words = refusal(
        client.chat_postMessage, channel="#general", text="x", blocks=[*fifty, {"type": "divider"}]
    )
    assert (code, "no more than 50 items" in words) == ("invalid_blocks", True)


def test_twelve_thousand_characters_are_the_most_of_a_message(client: WebClient) -> None:
    four = [section("x" * 3000)] * 4
    posted = client.chat_postMessage(channel="#general", text="x", blocks=four)
    more = [*four, section("x")]
    assert error(client.chat_postMessage, channel="#general", text="x", blocks=more) == "msg_blocks_too_long"
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    assert error(client.chat_update, **where, text="x", blocks=more) == "msg_blocks_too_long"


def test_alt_text_counts_too() -> None:
    assert blocks.characters_in([image(alt_text="1234"), section("12"), card(title=mrkdwn("123"))]) == 11


def test_block_ids_are_unique_in_a_message(client: WebClient) -> None:
    twice = [section("a") | {"block_id": "same"}, section("b") | {"block_id": "same"}]
    assert error(client.chat_postMessage, channel="#general", text="x", blocks=twice) == "invalid_blocks"


def test_blocks_that_slack_returned_cannot_be_sent_back(client: WebClient) -> None:
    shown = [{"type": "image", "slack_file": {"id": ready_file(client)}, "alt_text": "A mug"}]
    posted = client.chat_postMessage(channel="#general", text="x", blocks=shown)
    returned = posted["message"]["blocks"]
    assert returned[0]["image_width"] == 40
    assert error(client.chat_postMessage, channel="#general", text="x", blocks=returned) == "invalid_blocks"


def test_ids_are_made_up_where_the_app_gave_none(client: WebClient) -> None:
    nameless = {"type": "button", "text": plain("Go")}
    posted = client.chat_postMessage(channel="#general", text="x", blocks=[actions(nameless)])
    block = posted["message"]["blocks"][0]
    assert block["block_id"]
    assert block["elements"][0]["action_id"]


def test_blocks_that_are_no_json_are_refused(client: WebClient) -> None:
    assert (
        error(client.chat_postMessage, channel="#general", text="x", blocks="[{") == "invalid_blocks_format"
    )


def test_every_block_has_a_surface_and_the_limits_name_no_other() -> None:
    assert set(limits.BLOCK_FIELDS) <= set(limits.SURFACES)
    assert {kind for kind, _ in limits.BLOCK_COUNTS} <= set(limits.SURFACES)


# --- views ----------------------------------------------------------------------------------------------

LONG = "x" * 24


def dispatching(trigger: str) -> Json:
    return {"dispatch_action_config": {"trigger_actions_on": [trigger]}}


VIEW_EDGES: dict[str, tuple[Json, Json]] = {
    "title": (modal(title=plain(LONG)), modal(title=plain(LONG + "x"))),
    "submit": (modal(submit=plain(LONG)), modal(submit=plain(LONG + "x"))),
    "close": (modal(close=plain(LONG)), modal(close=plain(LONG + "x"))),
    "submit is needed for inputs": (modal(), {k: v for k, v in modal().items() if k != "submit"}),
    "private_metadata": (modal(private_metadata="x" * 3000), modal(private_metadata="x" * 3001)),
    "callback_id": (modal(callback_id="x" * 255), modal(callback_id="x" * 256)),
    "external_id": (modal(external_id="x" * 255), modal(external_id="x" * 256)),
    "blocks": (modal(*[section("a")] * 100), modal(*[section("a")] * 101)),
    "no carousel": (modal(card()), modal({"type": "carousel", "elements": [card()]})),
    "no table": (modal(section("a")), modal(table(1))),
    "no markdown": (modal(section("a")), modal({"type": "markdown", "text": "a"})),
    "no container": (modal(section("a")), modal(container())),
    "alert text": (
        modal({"type": "alert", "text": mrkdwn("x" * 200)}),
        modal({"type": "alert", "text": mrkdwn("x" * 201)}),
    ),
    "label": (
        modal(text_input("a", label=plain("x" * 2000))),
        modal(text_input("a", label=plain("x" * 2001))),
    ),
    "label is plain": (modal(text_input("a")), modal(text_input("a", label=mrkdwn("a")))),
    "hint": (modal(text_input("a", hint=plain("x" * 2000))), modal(text_input("a", hint=plain("x" * 2001)))),
    "input length": (
        modal(text_input("a", element={"max_length": 3000})),
        modal(text_input("a", element={"max_length": 3001})),
    ),
    "number_input says whether decimals": (
        modal(text_input("a", element={"type": "number_input", "is_decimal_allowed": False})),
        modal(text_input("a", element={"type": "number_input"})),
    ),
    "file_input files": (
        modal(text_input("a", element={"type": "file_input", "max_files": 10})),
        modal(text_input("a", element={"type": "file_input", "max_files": 11})),
    ),
    "one element is focused": (
        modal(text_input("a", element={"focus_on_load": True}), text_input("b")),
        modal(*(text_input(name, element={"focus_on_load": True}) for name in "ab")),
    ),
    "when an input dispatches": (
        modal(text_input("a", element=dispatching("on_enter_pressed"), dispatch_action=True)),
        modal(text_input("a", element=dispatching("on_blur"), dispatch_action=True)),
    ),
    "min_length": (
        modal(text_input("a", element={"min_length": 3000})),
        modal(text_input("a", element={"min_length": 3001})),
    ),
    "no buttons in inputs": (modal(text_input("a")), modal(text_input("a", element=button()))),
}


@pytest.fixture
def trigger(workspace: Workspace, ben: Person) -> Any:
    """Makes trigger ids without an app: the workspace's own clockwork is tested elsewhere."""
    return lambda: workspace._call(lambda: workspace._site.state.open_trigger(MEMBER, None, 60))


@pytest.mark.parametrize("limit", VIEW_EDGES)
def test_a_view_has_limits_too(client: WebClient, limit: str, trigger: Any, workspace: Workspace) -> None:
    fine, too_much = VIEW_EDGES[limit]
    client.views_open(trigger_id=trigger(), view=fine)
    workspace._site.state.modals.clear()
    assert error(client.views_open, trigger_id=trigger(), view=too_much) == "invalid_arguments"


def test_a_view_is_at_most_a_quarter_megabyte(client: WebClient, trigger: Any) -> None:
    options = [{"text": plain("ü" * 75), "value": f"{n:03}" + "x" * 147} for n in range(100)]
    full = [
        {"type": "actions", "elements": [{"type": "static_select", "action_id": f"{n}", "options": options}]}
        for n in range(8)
    ]
    assert error(client.views_open, trigger_id=trigger(), view=modal(*full)) == "view_too_large"
    assert client.views_open(trigger_id=trigger(), view=modal(*full[:4]))["ok"]


def test_home_takes_what_a_modal_does_not_and_no_more(client: WebClient) -> None:
    home: Json = {"type": "home", "blocks": [{"type": "carousel", "elements": [card()]}, table(2)]}
    assert client.views_publish(user_id=MEMBER, view=home)["ok"]
    markdown = {"type": "home", "blocks": [{"type": "markdown", "text": "a"}]}
    assert error(client.views_publish, user_id=MEMBER, view=markdown) == "invalid_arguments"
    assert error(client.views_publish, user_id=MEMBER, view=modal()) == "invalid_arguments"


# --- the tables against the SDK's own -----------------------------------------------------------------------

FROM_ALL = {"type", "action_id", "confirm", "placeholder", "alt_text", "focus_on_load"}
"""What slack_sdk's classes hand down to elements that Slack's pages do not list it for."""


@pytest.mark.parametrize("kind", sorted(limits.ELEMENT_FIELDS))
def test_the_fields_of_an_element_are_those_slack_sdk_knows(kind: str) -> None:
    model = next(
        each
        for each in vars(block_elements).values()
        if isinstance(each, type) and getattr(each, "type", None) == kind
    )
    theirs = set(model.attributes.fget(object.__new__(model)))
    assert limits.ELEMENT_FIELDS[kind] <= theirs
    assert theirs - limits.ELEMENT_FIELDS[kind] <= FROM_ALL | {"agent_prompt", "agent_prompt_display"}
