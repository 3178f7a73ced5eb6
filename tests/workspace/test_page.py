"""The page in a real browser: what a person clicks, types and sees."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bot.workspace.person import Person
from bot.workspace.server import ADMIN, GUEST, MEMBER, Workspace
from tests.workspace.pageside import BROWSER, acts, message, place, post, write
from tests.workspace.slackside import (
    Bot,
    button,
    modal,
    mrkdwn,
    picture,
    plain,
    ready_file,
    section,
    text_input,
)

pytestmark = BROWSER


def test_a_command_opens_a_form_that_takes_a_file(page: Page, bot: Bot, tmp_path: Path) -> None:
    sheet = tmp_path / "rows.csv"
    sheet.write_text("sku,name\n1,Mug\n")
    fields = [
        text_input(
            "sheet", element={"type": "file_input", "action_id": "v", "filetypes": ["csv"], "max_files": 1}
        ),
        text_input("prompt", element={"action_id": "v", "multiline": True}),
        text_input(
            "count",
            element={"type": "number_input", "action_id": "v", "is_decimal_allowed": False, "min_value": "1"},
        ),
        text_input("due", optional=True, element={"type": "datepicker", "action_id": "v"}),
        text_input("start", optional=True, element={"type": "datetimepicker", "action_id": "v"}),
        text_input(
            "lane",
            element={
                "type": "radio_buttons",
                "action_id": "v",
                "options": [{"text": plain("Live"), "value": "live"}],
            },
        ),
        text_input(
            "kinds",
            element={
                "type": "checkboxes",
                "action_id": "v",
                "options": [{"text": plain("WebP"), "value": "webp"}],
            },
        ),
        text_input(
            "provider",
            element={
                "type": "static_select",
                "action_id": "v",
                "options": [{"text": plain("Fal"), "value": "fal"}],
            },
        ),
        text_input(
            "where",
            element={
                "type": "conversations_select",
                "action_id": "v",
                "default_to_current_conversation": True,
            },
        ),
    ]
    bot.do["command"] = lambda ack, body, **_: (
        ack(),
        bot.client.views_open(trigger_id=body["trigger_id"], view=modal(*fields, title=plain("New batch"))),
    )
    bot.do["view"] = lambda ack, **_: ack(response_action="errors", errors={"prompt": "No column {nmae}"})
    write(page, "/imgbatch new")
    form = page.get_by_role("dialog", name="New batch")
    form.get_by_role("button", name="Send").click()
    expect(form.locator(".error")).to_have_count(6)
    form.locator('input[type="file"]').set_input_files(sheet)
    expect(form.locator(".chosen")).to_contain_text("rows.csv")
    form.locator("textarea").fill("Studio photo of {nmae}")
    form.locator('input[type="number"]').fill("2")
    form.locator('input[type="date"]').fill("2026-12-01")
    form.locator('input[type="datetime-local"]').fill("2026-12-01T10:30")
    form.get_by_label("Live").check()
    form.get_by_label("WebP").check()
    form.locator('[data-block="provider"]').select_option("fal")
    form.get_by_role("button", name="Send").click()
    expect(form.locator(".error")).to_have_text(["No column {nmae}"])
    expect(form.locator("textarea")).to_have_value("Studio photo of {nmae}")
    expect(form.locator(".chosen")).to_contain_text("rows.csv")
    bot.do["view"] = lambda ack, **_: ack()
    form.locator("textarea").fill("Studio photo of {name}")
    form.get_by_role("button", name="Send").click()
    expect(form).to_have_count(0)
    values = {block: state["v"] for block, state in bot.bodies("view")[-1]["view"]["state"]["values"].items()}
    assert values["sheet"]["files"][0]["name"] == "rows.csv"
    assert values["prompt"]["value"] == "Studio photo of {name}"
    assert values["count"]["value"] == "2"
    assert values["due"]["selected_date"] == "2026-12-01"
    assert isinstance(values["start"]["selected_date_time"], int)
    assert values["lane"]["selected_option"]["value"] == "live"
    assert values["kinds"]["selected_options"][0]["value"] == "webp"
    assert values["provider"]["selected_option"]["value"] == "fal"
    assert values["where"]["selected_conversation"] == bot.workspace.channel_id("campaigns")


def test_a_file_can_be_dropped_on_the_form(page: Page, bot: Bot, ben: Person) -> None:
    field = text_input("sheet", element={"type": "file_input", "action_id": "v"})
    bot.do["shortcut"] = lambda ack, body, **_: (
        ack(),
        bot.client.views_open(trigger_id=body["trigger_id"], view=modal(field)),
    )
    page.click('#composer [aria-label="Shortcuts"]')
    page.get_by_role("button", name="New image batch").click()
    data = page.evaluate_handle(
        "() => { const d = new DataTransfer(); d.items.add(new File(['sku'], 'dropped.csv')); return d; }"
    )
    page.dispatch_event(".dropzone", "drop", {"dataTransfer": data})
    expect(page.locator(".chosen")).to_contain_text("dropped.csv")
    page.keyboard.press("Escape")
    expect(page.locator(".modal")).to_have_count(0)
    assert ben.modal() is None


def test_a_form_keeps_what_was_typed_while_it_changes(page: Page, bot: Bot) -> None:
    pick = text_input(
        "provider",
        dispatch_action=True,
        element={
            "type": "static_select",
            "action_id": "v",
            "options": [{"text": plain("Fal"), "value": "fal"}, {"text": plain("Gemini"), "value": "gemini"}],
        },
    )
    bot.do["command"] = lambda ack, body, **_: (
        ack(),
        bot.client.views_open(trigger_id=body["trigger_id"], view=modal(text_input("name"), pick)),
    )
    bot.do["action"] = lambda ack, body, **_: (
        ack(),
        bot.client.views_update(
            view_id=body["view"]["id"],
            view=modal(text_input("name"), pick, section("Gemini has *no* vector lane")),
        ),
    )
    write(page, "/imgbatch new")
    page.fill('[data-block="name"]', "Summer")
    page.select_option('[data-block="provider"]', "gemini")
    expect(page.locator(".modal-body")).to_contain_text("Gemini has no vector lane")
    expect(page.locator('[data-block="name"]')).to_have_value("Summer")
    expect(page.locator('[data-block="provider"]')).to_have_value("gemini")
    page.get_by_role("button", name="Cancel").click()


def test_a_button_is_pressed_once_confirmed(page: Page, bot: Bot) -> None:
    confirm = {
        "title": plain("Start?"),
        "text": mrkdwn("This costs $1"),
        "confirm": plain("Start"),
        "deny": plain("No"),
    }
    where = post(bot, acts(button("start", text=plain("Start it"), value="1", confirm=confirm)))
    message(page, where).get_by_role("button", name="Start it").click()
    expect(page.locator("#confirm")).to_contain_text("This costs $1")
    page.locator("#confirm").get_by_role("button", name="No").click()
    assert bot.bodies("action") == []
    bot.do["action"] = lambda ack, respond, **_: (
        ack(),
        respond(text="Started by Ben", replace_original=True),
    )
    message(page, where).get_by_role("button", name="Start it").click()
    page.locator("#confirm").get_by_role("button", name="Start", exact=True).click()
    expect(message(page, where)).to_contain_text("Started by Ben")
    expect(message(page, where)).to_contain_text("(edited)")
    assert bot.bodies("action")[0]["actions"][0]["value"] == "1"


def test_menus_and_selects_in_a_message_act(page: Page, bot: Bot) -> None:
    options = [
        {"text": plain("Show prompts"), "value": "prompts"},
        {"text": plain("Urgent"), "value": "urgent"},
    ]
    where = post(
        bot,
        section("Plan") | {"accessory": {"type": "overflow", "action_id": "more", "options": options}},
        acts({"type": "static_select", "action_id": "priority", "options": options}),
    )
    message(page, where).locator('[data-overflow="more"]').click()
    message(page, where).get_by_role("button", name="Show prompts").click()
    message(page, where).locator("select").select_option("urgent")
    page.wait_for_function("() => true")
    expect(message(page, where).locator("select")).not_to_have_class(re.compile("busy"))
    chosen = [body["actions"][0]["selected_option"]["value"] for body in bot.bodies("action")]
    assert chosen == ["prompts", "urgent"]


def test_a_refused_press_is_shown(page: Page, bot: Bot, workspace: Workspace) -> None:
    where = post(bot, acts(button("go", text=plain("Go on"))))
    workspace._site.delivery.ack_seconds = 0.1
    bot.do["action"] = lambda **_: None
    workspace.drop_next_ack(kind="interactive")
    message(page, where).get_by_role("button", name="Go on").click()
    expect(page.locator(".toast")).to_contain_text("operation_timeout")
    workspace._site.delivery.ack_seconds = 3.0


def test_a_thread_opens_beside_and_takes_replies(page: Page, bot: Bot, ana: Person) -> None:
    where = post(bot, section("Job J-1"))
    bot.client.chat_postMessage(channel=where["channel"], thread_ts=where["ts"], text="Progress 1 of 2")
    message(page, where).get_by_role("button", name="1 reply").click()
    thread = page.get_by_role("complementary", name="Thread")
    expect(thread).to_contain_text("Progress 1 of 2")
    write(page, "Thanks :tada:", "#thread-composer")
    expect(thread).to_contain_text("Thanks 🎉")
    ana.say("#campaigns", "Seen live", thread=where["ts"])
    expect(thread).to_contain_text("Seen live")
    expect(message(page, where)).to_contain_text("3 replies")
    write(page, "/imgbatch status", "#thread-composer")
    expect(page.locator(".toast")).to_contain_text("not supported in threads")
    page.reload()
    expect(thread).to_contain_text("Seen live")
    thread.get_by_role("button", name="Close thread").click()
    expect(thread).to_be_hidden()


def test_a_picture_opens_large(page: Page, bot: Bot) -> None:
    file_id = ready_file(bot.client, content=picture(size=(640, 480)))
    image = {
        "type": "image",
        "slack_file": {"id": file_id},
        "alt_text": "A blue mug",
        "title": plain("Row 7"),
    }
    where = post(bot, image, text="Row 7")
    thumb = message(page, where).get_by_role("img", name="A blue mug")
    expect(thumb).to_be_visible()
    page.wait_for_function("img => img.complete && img.naturalWidth > 0", arg=thumb.element_handle())
    thumb.click()
    large = page.locator("#lightbox img")
    expect(large).to_be_visible()
    page.wait_for_function("img => img.naturalWidth === 640", arg=large.element_handle())
    page.keyboard.press("Escape")
    expect(large).to_be_hidden()


def test_cards_slide_and_decide(page: Page, bot: Bot) -> None:
    file_id = ready_file(bot.client)
    hero = {"type": "image", "slack_file": {"id": file_id}, "alt_text": "Mug"}
    cards = [
        {
            "type": "card",
            "hero_image": hero,
            "title": mrkdwn(f"*Row {n}*"),
            "actions": [button("approve", text=plain("Approve"), value=str(n))],
        }
        for n in range(6)
    ]
    where = post(bot, {"type": "carousel", "elements": cards}, text="Gallery")
    carousel = message(page, where).locator(".carousel")
    assert carousel.evaluate("e => e.scrollWidth > e.clientWidth")
    carousel.get_by_role("button", name="Approve").nth(5).click()
    expect(carousel.locator(".busy")).to_have_count(0)
    assert bot.bodies("action")[0]["actions"][0]["value"] == "5"


def test_writing_with_files_mentions_and_suggestions(page: Page, bot: Bot, ben: Person) -> None:
    page.locator('#composer input[type="file"]').set_input_files(
        {"name": "sheet.csv", "mimeType": "text/csv", "buffer": b"sku\n1\n"}
    )
    expect(page.locator("#composer .attached")).to_contain_text("sheet.csv")
    page.locator("#composer textarea").press_sequentially("please @img")
    expect(page.locator("#composer .suggest")).to_contain_text("@imgbatch")
    page.keyboard.press("Tab")
    expect(page.locator("#composer textarea")).to_have_value("please @imgbatch ")
    page.keyboard.press("Enter")
    expect(page.locator("#stream .message").last).to_contain_text("sheet.csv")
    ben.wait_for(lambda: bot.events("app_mention"))
    assert bot.events("app_mention")[0]["files"][0]["name"] == "sheet.csv"
    page.locator("#composer textarea").press_sequentially("/img")
    expect(page.locator("#composer .suggest")).to_contain_text("/imgbatch")


def test_reactions_and_message_shortcuts(page: Page, bot: Bot, ana: Person) -> None:
    said = ana.say("#campaigns", "the sheet", files=[("rows.csv", b"sku")])
    box = message(page, said)
    box.hover()
    box.get_by_label("Add reaction").click()
    box.locator('.menu-emoji [data-react="eyes"]').click()
    expect(box.locator(".reactions")).to_contain_text("1")
    box.locator(".reactions button").click()
    expect(box.locator(".reactions")).to_have_count(0)
    box.hover()
    box.get_by_label("More actions").click()
    box.get_by_role("button", name="Run as image batch").click()
    ana.wait_for(lambda: bot.bodies("shortcut"))
    assert bot.bodies("shortcut")[0]["message"]["ts"] == said["ts"]


def test_ephemeral_messages_say_so(page: Page, bot: Bot, workspace: Workspace) -> None:
    channel = workspace.channel_id("campaigns")
    bot.client.chat_postEphemeral(channel=channel, user=MEMBER, text="Budget: $200")
    expect(page.locator(".ephemeral").last).to_contain_text("Only visible to you")
    page.goto(place(workspace, ADMIN))
    expect(page.locator("#stream")).not_to_contain_text("Budget: $200")


def test_home_and_messages_of_the_app(page: Page, bot: Bot) -> None:
    view = {
        "type": "home",
        "blocks": [{"type": "header", "text": plain("Your batches")}, acts(button("new"))],
    }
    bot.do["event"] = lambda body, **_: bot.client.views_publish(user_id=MEMBER, view=view)
    page.locator("#rooms").get_by_text("imgbatch").click()
    page.get_by_role("tab", name="Home").click()
    expect(page.locator(".app-home")).to_contain_text("Your batches")
    expect(page.locator("#composer")).to_be_hidden()
    page.locator(".app-home").get_by_role("button", name="Go").click()
    page.get_by_role("tab", name="Messages").click()
    expect(page.locator("#composer")).to_be_visible()
    assert bot.bodies("action")[0]["view"]["type"] == "home"


def test_unread_rooms_stand_out_and_people_switch(page: Page, bot: Bot, workspace: Workspace) -> None:
    bot.client.chat_postMessage(channel="#alerts", text="failure rate 12%")
    alerts = page.locator("#rooms .room", has_text="alerts")
    expect(alerts).to_have_class(re.compile("unread"))
    alerts.click()
    expect(page.locator("#stream")).to_contain_text("failure rate 12%")
    expect(alerts).not_to_have_class(re.compile("unread"))
    page.locator("#who summary").click()
    page.locator("#who").get_by_text("Gus Park").click()
    expect(page.locator("#who summary")).to_contain_text("Gus Park")
    expect(page.locator("#rooms")).not_to_contain_text("alerts")
    assert GUEST in page.url


def test_every_kind_of_block_is_drawn(page: Page, bot: Bot) -> None:
    rich = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "rich words"}]}],
    }
    where = post(
        bot,
        {"type": "header", "text": plain("A heading")},
        {"type": "section", "fields": [mrkdwn("*Price*\n$1.28"), mrkdwn("*Rows*\n20")]},
        {"type": "context", "elements": [mrkdwn("asked by <@U0BENOKAFOR>")]},
        {"type": "divider"},
        rich,
        {
            "type": "table",
            "rows": [[{"type": "raw_text", "text": "SKU"}], [{"type": "raw_text", "text": "MUG-1"}]],
        },
        {"type": "markdown", "text": "**strong words**"},
        {
            "type": "container",
            "title": plain("Log"),
            "is_collapsible": True,
            "child_blocks": [section("inside")],
        },
        {"type": "task_card", "task_id": "t", "title": "A task", "status": "complete"},
    )
    drawn = message(page, where)
    for words in ("A heading", "$1.28", "@ben", "rich words", "MUG-1", "strong words", "inside", "A task"):
        expect(drawn).to_contain_text(words)
    drawn.get_by_text("Log").click()
    expect(drawn.get_by_text("inside")).to_be_hidden()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_nothing_sticks_out_sideways(
    page: Page, bot: Bot, workspace: Workspace, width: int, height: int
) -> None:
    where = post(bot, section("a-very-long-word" * 40), acts(*(button(f"b{n}") for n in range(12))))
    page.set_viewport_size({"width": width, "height": height})
    page.goto(place(workspace, thread=where["ts"]))
    expect(page.locator("#replies")).to_contain_text("a-very-long-word")
    for pane in ("#stream", "#replies"):
        assert (
            page.evaluate(
                "s => { const e = document.querySelector(s); return e.scrollWidth - e.clientWidth }", pane
            )
            <= 0
        )
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_the_rooms_slide_in(page: Page, workspace: Workspace) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    rooms = page.locator("#sidebar")
    expect(rooms).not_to_be_in_viewport()
    page.get_by_role("button", name="Conversations").click()
    expect(rooms).to_be_in_viewport()
    rooms.get_by_text("general").click()
    expect(page.locator("#heading")).to_contain_text("general")
    expect(rooms).not_to_be_in_viewport()
