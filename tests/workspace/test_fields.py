"""The fields of a form: what they dispatch, offer, hold and refuse, with the stock Bolt app behind them."""

from typing import Any

import pytest

from bot.workspace import limits
from bot.workspace.person import Person, RefusedError
from bot.workspace.server import ADMIN, MEMBER, Workspace
from tests.workspace.slackside import Bot, Json, button, modal, mrkdwn, plain, section, text_input

MODELS = ("Alder", "Birch", "Cedar")


def option(name: str) -> Json:
    return {"text": plain(name), "value": name.lower()}


def field(block_id: str, kind: str, **more: Any) -> Json:
    """An input whose element has the action_id of its block."""
    of_block = {k: more.pop(k) for k in ("optional", "dispatch_action") if k in more}
    return text_input(block_id, element={"type": kind, "action_id": block_id} | more, **of_block)


def chosen(kind: str, block_id: str, *names: str, **more: Any) -> Json:
    return field(block_id, kind, options=[option(name) for name in names], **more)


def actions(bot: Bot) -> list[Json]:
    return [body["actions"][0] for body in bot.bodies("action")]


# --- the skeleton that is filled --------------------------------------------------------------------------


def test_a_skeleton_opens_at_once_and_is_filled(bot: Bot, ben: Person) -> None:
    def slow(ack: Any, body: Json, **_: Any) -> None:
        ack()
        opened = bot.client.views_open(
            trigger_id=body["trigger_id"],
            view={
                "type": "modal",
                "title": plain("New batch"),
                "external_id": "draft-1",
                "blocks": [section("Loading ...")],
            },
        )["view"]
        full = modal(field("name", "plain_text_input"), title=plain("New batch"), external_id="draft-1")
        filled = bot.client.views_update(view_id=opened["id"], hash=opened["hash"], view=full)["view"]
        longer = modal(*full["blocks"], section("3 columns found"), title=full["title"])
        bot.client.views_update(external_id="draft-1", hash=filled["hash"], view=longer)

    bot.do["command"] = slow
    ben.command("#campaigns", "/imgbatch", "new")
    view = ben.wait_for(lambda: (v := ben.modal()) and len(v["blocks"]) == 2 and v)
    assert [block["type"] for block in view["blocks"]] == ["input", "section"]
    assert ben.submit(view, {"name": "Summer"}) is None


def test_values_leave_with_their_fields(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal(field("name", "plain_text_input"), field("size", "plain_text_input")))
    ben.enter(view, {"name": "Summer", "size": "800x800"})
    for fields in (["name"], ["name", "size"]):
        kept = modal(*(field(name, "plain_text_input", optional=True) for name in fields))
        answer = bot.client.views_update(view_id=view["id"], view=kept)
    values = answer["view"]["state"]["values"]
    assert values == {"name": {"name": {"type": "plain_text_input", "value": "Summer"}}}
    renamed = field("name", "plain_text_input", optional=True)
    renamed["element"]["action_id"] = "name-2"
    assert bot.client.views_update(view_id=view["id"], view=modal(renamed))["view"]["state"]["values"] == {}


# --- fields that tell at once -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "heard"),
    [
        (None, ["with enter"]),
        (["on_enter_pressed"], ["with enter"]),
        (["on_character_entered"], ["typed", "with enter"]),
        (["on_character_entered", "on_enter_pressed"], ["typed", "with enter", "with enter"]),
    ],
)
def test_a_text_tells_by_character_or_by_enter(
    bot: Bot, ben: Person, opened: Any, config: list[str] | None, heard: list[str]
) -> None:
    more: Json = {"dispatch_action_config": {"trigger_actions_on": config}} if config else {}
    view = opened(modal(field("template", "plain_text_input", dispatch_action=True, **more)))
    ben.type(view, "template", "typed")
    ben.type(view, "template", "with enter", enter=True)
    assert [action["value"] for action in actions(bot)] == heard
    body = bot.bodies("action")[0]
    assert body["actions"][0]["type"] == "plain_text_input"
    assert body["container"] == {"type": "view", "view_id": view["id"]}
    assert body["view"]["state"]["values"]["template"]["template"]["value"] == heard[0]
    assert body["trigger_id"]
    assert "response_url" not in body


def test_a_live_preview_follows_the_template(bot: Bot, ben: Person, opened: Any) -> None:
    config = {"dispatch_action_config": {"trigger_actions_on": ["on_character_entered"]}}
    template = field("template", "plain_text_input", dispatch_action=True, multiline=True, **config)
    view = opened(modal(template, section("Nothing yet")))

    def preview(ack: Any, body: Json, **_: Any) -> None:
        ack()
        written = body["actions"][0]["value"]
        shown = modal(template, section(f"First row: {written.replace('{{ name }}', 'Mug')}"))
        bot.client.views_update(view_id=body["view"]["id"], hash=body["view"]["hash"], view=shown)

    bot.do["action"] = preview
    ben.type(view, "template", "Photo of a {{ name }}")
    after = ben.wait_for(lambda: (v := ben.modal()) and "Mug" in str(v["blocks"]) and v)
    assert after["blocks"][1]["text"]["text"] == "First row: Photo of a Mug"
    assert after["state"]["values"]["template"]["template"]["value"] == "Photo of a {{ name }}"
    ben.submit(after)
    assert bot.bodies("view")[0]["view"]["hash"] == after["hash"]


def test_what_does_not_dispatch_is_silent(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal(chosen("static_select", "model", *MODELS), field("note", "plain_text_input")))
    ben.choose(view, "model", "birch")
    ben.type(view, "note", "hello", enter=True)
    with pytest.raises(RefusedError, match="not_dispatched"):
        ben.press(view, "model", "cedar")
    assert bot.bodies("action") == []
    ben.submit(view)
    values = bot.bodies("view")[0]["view"]["state"]["values"]
    assert values["model"]["model"]["selected_option"]["value"] == "birch"
    assert values["note"]["note"]["value"] == "hello"


def test_everything_one_can_choose_tells_at_once(bot: Bot, ben: Person, opened: Any) -> None:
    room = bot.workspace.channel_id("general")
    live = {"dispatch_action": True}
    fields = [
        chosen("static_select", "model", *MODELS, **live),
        chosen("multi_static_select", "sizes", *MODELS, **live),
        chosen("checkboxes", "kinds", *MODELS, **live),
        chosen("radio_buttons", "lane", *MODELS, **live),
        field("day", "datepicker", **live),
        field("hour", "timepicker", **live),
        field("moment", "datetimepicker", **live),
        field("who", "users_select", **live),
        field("many", "multi_users_select", **live),
        field("where", "conversations_select", **live),
        field("rooms", "multi_channels_select", **live),
    ]
    view = opened(modal(*fields))
    told = {
        "model": ("cedar", "selected_option", option("Cedar")),
        "sizes": (["alder", "cedar"], "selected_options", [option("Alder"), option("Cedar")]),
        "kinds": (["birch"], "selected_options", [option("Birch")]),
        "lane": ("birch", "selected_option", option("Birch")),
        "day": ("2026-12-01", "selected_date", "2026-12-01"),
        "hour": ("09:30", "selected_time", "09:30"),
        "moment": (1_795_000_000, "selected_date_time", 1_795_000_000),
        "who": (ADMIN, "selected_user", ADMIN),
        "many": ([ADMIN, MEMBER], "selected_users", [ADMIN, MEMBER]),
        "where": (room, "selected_conversation", room),
        "rooms": ([room], "selected_channels", [room]),
    }
    for name, (value, key, expected) in told.items():
        ben.choose(view, name, value)
        action = actions(bot)[-1]
        assert (action["action_id"], action[key]) == (name, expected)
    ben.submit(view)
    state = bot.bodies("view")[0]["view"]["state"]["values"]
    assert {name: state[name][name][key] for name, (_, key, _) in told.items()} == {
        name: expected for name, (_, _, expected) in told.items()
    }


def test_elements_outside_inputs_always_tell(bot: Bot, ben: Person, opened: Any) -> None:
    select = {"type": "static_select", "action_id": "filter", "options": [option("Failed"), option("All")]}
    menu = {"type": "overflow", "action_id": "more", "options": [option("Undo"), option("Details")]}
    view = opened(
        modal({"type": "actions", "elements": [select, menu]}, section("Row") | {"accessory": button()})
    )
    ben.choose(view, "filter", "failed")
    ben.click(view, "Details")
    ben.click(view, "Go")
    assert [action["action_id"] for action in actions(bot)] == ["filter", "more", "go"]
    assert actions(bot)[1]["selected_option"]["value"] == "details"
    assert ben.labels(view) == ["Undo", "Details", "Go"]
    with pytest.raises(LookupError, match="Undo"):
        ben.click(view, "Redo")


# --- selects whose options the app knows ------------------------------------------------------------------


@pytest.fixture
def offering(bot: Bot) -> Bot:
    def offer(ack: Any, body: Json, **_: Any) -> None:
        ack(options=[option(name) for name in MODELS if body["value"].lower() in name.lower()])

    bot.do["options"] = offer
    return bot


def test_an_external_select_asks_while_one_types(offering: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal(field("model", "external_select", min_query_length=1)))
    assert [o["value"] for o in ben.suggestions(view, "model", "r")] == ["alder", "birch", "cedar"]
    assert ben.suggestions(view, "model", "xyz") == []
    ben.choose(view, "model", "birch", query="bir")
    ben.submit(view)
    state = offering.bodies("view")[0]["view"]["state"]["values"]
    assert state["model"]["model"] == {"type": "external_select", "selected_option": option("Birch")}
    asked = offering.bodies("options")
    assert [body["value"] for body in asked] == ["r", "xyz", "bir"]
    assert (asked[0]["action_id"], asked[0]["block_id"]) == ("model", "model")
    assert asked[0]["view"]["id"] == view["id"]
    assert {"trigger_id", "response_url", "actions"}.isdisjoint(asked[0])


def test_several_can_be_taken_from_what_is_offered(offering: Bot, ben: Person, opened: Any) -> None:
    several = field("models", "multi_external_select", min_query_length=0, max_selected_items=2)
    view = opened(modal(several))
    ben.choose(view, "models", ["alder", "birch", "cedar"], query="")
    with pytest.raises(RefusedError) as caught:
        ben.submit(view)
    assert caught.value.errors == {"models": "Choose at most 2."}
    ben.choose(view, "models", ["alder", "cedar"], query="")
    ben.submit(view)
    state = offering.bodies("view")[0]["view"]["state"]["values"]
    assert [o["value"] for o in state["models"]["models"]["selected_options"]] == ["alder", "cedar"]


def test_too_few_letters_ask_nothing(offering: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal(field("model", "external_select")))
    assert ben.suggestions(view, "model", "x" * (limits.QUERY_LENGTH - 1)) == []
    assert offering.bodies("options") == []


def test_a_message_can_hold_an_external_select(offering: Bot, ben: Person) -> None:
    select = {"type": "external_select", "action_id": "model", "min_query_length": 0}
    posted = offering.client.chat_postMessage(
        channel="#campaigns", text="Which?", blocks=[{"type": "actions", "elements": [select]}]
    )
    message = ben.wait_for_message("#campaigns", "Which?")
    ben.choose(message, "model", "cedar", query="ced")
    assert actions(offering)[0]["selected_option"] == option("Cedar")
    asked = offering.bodies("options")[0]
    assert asked["container"]["message_ts"] == posted["ts"]
    assert asked["message"]["ts"] == posted["ts"]


def test_options_in_groups_and_wrong_ones(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal(field("model", "external_select", min_query_length=0)))
    group = {"label": plain("Trees"), "options": [option("Alder"), option("Birch")]}
    bot.do["options"] = lambda ack, **_: ack(option_groups=[group])
    assert [o["value"] for o in ben.suggestions(view, "model", "")] == ["alder", "birch"]
    for wrong in (
        {"options": [option(f"n{n}") for n in range(101)]},
        {"options": [{"text": mrkdwn("*a*"), "value": "a"}]},
        {"options": [option("x" * 76)]},
    ):
        bot.do["options"] = lambda ack, wrong=wrong, **_: ack(**wrong)
        with pytest.raises(RefusedError, match="invalid_options"):
            ben.suggestions(view, "model", "")


def test_a_made_up_option_cannot_be_chosen(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal(chosen("static_select", "model", *MODELS), field("more", "external_select")))
    for given in ({"model": "oak"}, {"more": "oak"}):
        with pytest.raises(RefusedError, match="no_such_option"):
            ben.submit(view, given)
    assert bot.bodies("view") == []


# --- what the client refuses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "block", "said"),
    [
        ({"mail": "ana at example"}, "mail", "email"),
        ({"link": "example.com"}, "link", "https://"),
        ({"sizes": ["alder", "birch", "cedar"]}, "sizes", "at most 2"),
    ],
)
def test_the_client_checks_more_fields(
    bot: Bot, ben: Person, opened: Any, given: Json, block: str, said: str
) -> None:
    fields = [
        field("mail", "email_text_input", optional=True),
        field("link", "url_text_input", optional=True),
        chosen("multi_static_select", "sizes", *MODELS, max_selected_items=2, optional=True),
    ]
    with pytest.raises(RefusedError) as caught:
        ben.submit(opened(modal(*fields)), given)
    assert said in caught.value.errors[block]
    assert bot.bodies("view") == []
    fine = {"mail": "ana@example.com", "link": "https://example.com/a", "sizes": ["alder"]}
    assert ben.submit(ben.modal() or {}, fine) is None


# --- one form upon another --------------------------------------------------------------------------------


def test_back_leads_to_the_form_below_with_its_values(bot: Bot, ben: Person, opened: Any) -> None:
    below = modal(field("name", "plain_text_input"), {"type": "actions", "elements": [button("map")]})
    view = opened(below)
    bot.do["action"] = lambda ack, body, **_: (
        ack(),
        bot.client.views_push(
            trigger_id=body["trigger_id"], view=modal(title=plain("Columns"), notify_on_close=True)
        ),
    )
    ben.enter(view, {"name": "Summer"})
    ben.click(view, "Go")
    pushed = ben.wait_for_modal("Columns")
    assert (pushed["root_view_id"], pushed["previous_view_id"]) == (view["id"], view["id"])
    shown = ben.back(pushed)
    assert shown is not None
    assert shown["id"] == view["id"]
    assert shown["state"]["values"]["name"]["name"]["value"] == "Summer"
    ben.wait_for(lambda: bot.bodies("closed"))
    assert bot.bodies("closed")[0]["view"]["id"] == pushed["id"]


def test_closing_the_whole_stack_is_told_of_each(bot: Bot, ben: Person, opened: Any) -> None:
    view = opened(modal(notify_on_close=True))
    bot.do["view"] = lambda ack, **_: ack(
        response_action="push", view=modal(title=plain("Next"), notify_on_close=True)
    )
    pushed = ben.submit(view, {"name": "a"})
    assert pushed is not None
    ben.dismiss(pushed, whole_stack=True)
    assert ben.modal() is None
    ben.wait_for(lambda: len(bot.bodies("closed")) == 2)
    assert all(body["is_cleared"] for body in bot.bodies("closed"))


# --- the Home tab -----------------------------------------------------------------------------------------


def test_the_home_tab_acts_and_is_published_anew(bot: Bot, ben: Person) -> None:
    def home(words: str) -> Json:
        menu = {"type": "overflow", "action_id": "job", "options": [option("Pause"), option("Cancel")]}
        select = chosen("static_select", "view", *MODELS)["element"]
        row = section(words) | {"accessory": menu}
        acts = {"type": "actions", "block_id": "acts", "elements": [select, button()]}
        return {"type": "home", "blocks": [row, acts]}

    bot.do["event"] = lambda body, **_: (
        bot.client.views_publish(user_id=MEMBER, view=home("2 jobs"))
        if body["event"]["type"] == "app_home_opened"
        else None
    )
    ben.open_home()
    view = ben.wait_for_home("2 jobs")
    bot.do["action"] = lambda ack, body, **_: (
        ack(),
        bot.client.views_publish(user_id=MEMBER, hash=body["view"]["hash"], view=home("1 job")),
    )
    ben.click(view, "Cancel")
    after = ben.wait_for_home("1 job")
    ben.choose(after, "view", "birch")
    ben.click(after, "Go")
    told = [(a["action_id"], (a.get("selected_option") or {}).get("value")) for a in actions(bot)]
    assert told == [("job", "cancel"), ("view", "birch"), ("go", None)]
    assert bot.bodies("action")[0]["view"]["type"] == "home"
    assert bot.bodies("action")[2]["view"]["state"]["values"] != {}


def test_a_late_home_meets_a_conflict(bot: Bot, workspace: Workspace) -> None:
    view = {"type": "home", "blocks": [section("a")]}
    first = bot.client.views_publish(user_id=ADMIN, view=view)["view"]["hash"]
    bot.client.views_publish(user_id=ADMIN, view=view, hash=first)
    with pytest.raises(Exception, match="hash_conflict"):
        bot.client.views_publish(user_id=ADMIN, view=view, hash=first)
