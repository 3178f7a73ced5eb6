"""Forms, galleries and the Home tab in a real browser, at a desk and on a phone."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bot.workspace.person import Person
from bot.workspace.server import ADMIN, MEMBER, Workspace
from tests.workspace.pageside import BROWSER, acts, message, place, post, sticks_out, write
from tests.workspace.slackside import Bot, Json, button, modal, mrkdwn, picture, plain, ready_file, section
from tests.workspace.test_fields import chosen, field, option

pytestmark = BROWSER

TREES = ("Alder", "Birch", "Cedar", "Elm")
SHOTS = os.environ.get("WORKSPACE_SHOTS")
"""A folder for screenshots, for those who want to look at the page."""


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def opens(bot: Bot, page: Page, view: Json) -> Any:
    """The form that a command opens."""
    bot.do["command"] = lambda ack, body, **_: (
        ack(),
        bot.client.views_open(trigger_id=body["trigger_id"], view=view),
    )
    write(page, "/imgbatch new")
    form = page.get_by_role("dialog", name=view["title"]["text"])
    expect(form).to_be_visible()
    return form


def state(bot: Bot) -> Json:
    """What the last submission held, by block; each action_id is its block's."""
    values = bot.bodies("view")[-1]["view"]["state"]["values"]
    return {block: entry[block] for block, entry in values.items()}


def test_a_full_form_is_filled_and_sent(page: Page, bot: Bot, tmp_path: Path) -> None:
    sheet = tmp_path / "rows.csv"
    sheet.write_text("sku,name\n1,Mug\n")
    bot.do["options"] = lambda ack, body, **_: ack(
        options=[option(name) for name in TREES if body["value"].lower() in name.lower()]
    )
    fields = [
        field("sheet", "file_input", filetypes=["csv", "xlsx"], max_files=1),
        field("prompt", "plain_text_input", multiline=True, focus_on_load=True),
        field("model", "external_select", min_query_length=1, placeholder=plain("Find a model")),
        chosen("multi_static_select", "sizes", *TREES, max_selected_items=3),
        field("who", "multi_users_select", placeholder=plain("Who approves?")),
        field("rooms", "multi_conversations_select", filter={"include": ["public"]}),
        chosen("checkboxes", "kinds", "WebP", "JPEG"),
        chosen("radio_buttons", "lane", "Live", "Batch"),
        field("due", "datepicker"),
        field("at", "timepicker"),
        field("when", "datetimepicker"),
        field("mail", "email_text_input"),
        field("link", "url_text_input"),
        field("count", "number_input", is_decimal_allowed=True, min_value="0.5"),
    ]
    form = opens(bot, page, modal(*fields, title=plain("New batch")))
    expect(form.locator('[data-block="prompt"]')).to_be_focused()
    form.locator('input[type="file"]').set_input_files(sheet)
    expect(form.locator(".chosen")).to_contain_text("rows.csv")
    form.locator('[data-block="prompt"]').fill("A {{ name }}")
    model = form.locator('[data-block="model"]')
    model.locator("summary").click()
    expect(model).to_contain_text("Type at least 1 letters")
    model.get_by_role("searchbox").fill("e")
    expect(model.locator("li")).to_have_count(3)
    model.get_by_text("Cedar").click()
    expect(model.locator("summary")).to_contain_text("Cedar")
    expect(model.locator("ul")).to_be_hidden()
    sizes = form.locator('[data-block="sizes"]')
    sizes.locator("summary").click()
    for name in ("Birch", "Elm"):
        sizes.get_by_role("searchbox").fill(name[:2])
        sizes.get_by_label(name).check()
    expect(sizes.locator(".chip")).to_have_text(["Birch", "Elm"])
    who = form.locator('[data-block="who"]')
    who.locator("summary").click()
    expect(sizes.locator("ul")).to_be_hidden()
    who.get_by_label("Ana Ferreira").check()
    page.keyboard.press("Escape")
    expect(form).to_be_visible()
    rooms = form.locator('[data-block="rooms"]')
    rooms.locator("summary").click()
    expect(rooms).not_to_contain_text("imgbatch (you)")
    rooms.get_by_label("#general").check()
    form.get_by_label("WebP").check()
    form.get_by_label("Batch", exact=True).check()
    form.locator('[data-block="due"]').fill("2026-12-01")
    form.locator('[data-block="at"]').fill("09:30")
    form.locator('[data-block="when"]').fill("2026-12-01T10:30")
    form.locator('[data-block="mail"]').fill("ana at example")
    form.locator('[data-block="link"]').fill("https://example.com")
    form.locator('[data-block="count"]').fill("2.5")
    shot(page, "form")
    form.get_by_role("button", name="Send").click()
    expect(form.locator(".error")).to_have_text(["Enter an email address."])
    expect(form.locator(".chosen")).to_contain_text("rows.csv")
    expect(model.locator("summary")).to_contain_text("Cedar")
    form.locator('[data-block="mail"]').fill("ana@example.com")
    form.get_by_role("button", name="Send").click()
    expect(form).to_have_count(0)
    sent = state(bot)
    assert sent["sheet"]["files"][0]["name"] == "rows.csv"
    assert sent["prompt"]["value"] == "A {{ name }}"
    assert sent["model"]["selected_option"] == option("Cedar")
    assert [o["value"] for o in sent["sizes"]["selected_options"]] == ["birch", "elm"]
    assert sent["who"]["selected_users"] == [ADMIN]
    assert sent["rooms"]["selected_conversations"] == [bot.workspace.channel_id("general")]
    assert (sent["mail"]["value"], sent["count"]["value"]) == ("ana@example.com", "2.5")
    assert (sent["due"]["selected_date"], sent["at"]["selected_time"]) == ("2026-12-01", "09:30")


def test_a_preview_follows_while_one_types(page: Page, bot: Bot, tmp_path: Path) -> None:
    config = {"dispatch_action_config": {"trigger_actions_on": ["on_character_entered"]}}
    template = field("template", "plain_text_input", dispatch_action=True, multiline=True, **config)
    sheet = field("sheet", "file_input", max_files=1)
    filler = [section(f"line {n}") for n in range(30)]

    def view(words: str) -> Json:
        return modal(sheet, *filler, template, section(words), title=plain("Template"))

    def preview(ack: Any, body: Json, **_: Any) -> None:
        ack()
        words = f"First row: {body['actions'][0]['value']}"
        bot.client.views_update(view_id=body["view"]["id"], view=view(words))

    form = opens(bot, page, view("Nothing yet"))
    bot.do["action"] = preview
    rows = tmp_path / "rows.csv"
    rows.write_text("sku\n1\n")
    form.locator('input[type="file"]').set_input_files(rows)
    expect(form.locator(".chosen")).to_contain_text("rows.csv")
    box = form.locator('[data-block="template"]')
    box.press_sequentially("Photo of a mug", delay=30)
    expect(form).to_contain_text("First row: Photo of a mug")
    expect(box).to_be_focused()
    assert box.evaluate("e => e.selectionStart") == len("Photo of a mug")
    assert form.locator(".modal-body").evaluate("e => e.scrollTop") > 0, "the form stays where it was"
    box.press_sequentially("!")
    expect(form).to_contain_text("First row: Photo of a mug!")
    expect(form.locator(".chosen")).to_contain_text("rows.csv")
    assert len(bot.bodies("action")) < len("Photo of a mug!"), "not one call for each letter"
    form.get_by_role("button", name="Send").click()
    expect(form).to_have_count(0)
    assert bot.bodies("view")[0]["view"]["state"]["values"]["sheet"]["sheet"]["files"]


def test_enter_applies_and_does_not_send(page: Page, bot: Bot, ben: Person) -> None:
    live = field("search", "plain_text_input", dispatch_action=True)
    form = opens(bot, page, modal(live, field("note", "plain_text_input", optional=True)))
    expect(form).to_contain_text("Press Enter to apply")
    form.locator('[data-block="note"]').fill("quiet")
    form.locator('[data-block="search"]').fill("mug")
    assert bot.bodies("action") == []
    page.keyboard.press("Enter")
    expect(form).to_be_visible()
    ben.wait_for(lambda: bot.bodies("action"))
    form.get_by_role("button", name="Send").click()
    expect(form).to_have_count(0)
    assert [body["actions"][0]["value"] for body in bot.bodies("action")] == ["mug"]
    assert bot.bodies("action")[0]["view"]["state"]["values"]["note"]["note"]["value"] == "quiet"


def test_several_options_tell_once_the_list_closes(page: Page, bot: Bot, ben: Person) -> None:
    sizes = chosen("multi_static_select", "sizes", *TREES)["element"]
    where = post(bot, acts(sizes, button("go")), text="Which sizes?")
    picker = message(page, where).locator(".picker")
    picker.locator("summary").click()
    picker.get_by_label("Alder").check()
    picker.get_by_label("Elm").check()
    assert bot.bodies("action") == []
    page.locator("#heading").click()
    ben.wait_for(lambda: bot.bodies("action"))
    told = [body["actions"][0]["selected_options"] for body in bot.bodies("action")]
    assert [[o["value"] for o in options] for options in told] == [["alder", "elm"]]


def gallery(bot: Bot, count: int = 8) -> Json:
    colours = [(200, 90, 60), (60, 120, 200), (90, 160, 90), (220, 180, 60)]
    cards = []
    for row in range(1, count + 1):
        drawn = picture(size=(640, 480), colour=colours[row % 4])
        file_id = ready_file(bot.client, f"row-{row}.png", drawn)
        cards.append(
            {
                "type": "card",
                "hero_image": {"type": "image", "slack_file": {"id": file_id}, "alt_text": f"Row {row}"},
                "title": mrkdwn(f"*Row {row}* · MUG-{row}"),
                "subtitle": mrkdwn("fast · 640x480 · $0.02"),
                "body": mrkdwn("Studio photo of a mug on a pale wooden table, soft light from the left"),
                "actions": [
                    button("approve", text=plain("Approve"), value=str(row), style="primary"),
                    button("reject", text=plain("Reject"), value=str(row)),
                    button("redo", text=plain("Redo"), value=str(row)),
                ],
            }
        )
    return {"type": "carousel", "elements": cards}


@pytest.mark.parametrize("width", [1280, 390])
def test_a_gallery_slides_and_every_card_decides(page: Page, bot: Bot, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    pages = [button("prev", text=plain("Previous")), button("next", text=plain("Next"))]
    where = post(bot, section("*Gallery*, page 1 of 3"), gallery(bot), acts(*pages), text="Gallery")
    shown = message(page, where)
    carousel, back = shown.locator(".carousel"), shown.get_by_role("button", name="Previous cards")
    expect(carousel.get_by_role("img", name="Row 1")).to_be_visible()
    expect(back).to_be_hidden()
    hero = carousel.get_by_role("img", name="Row 1").element_handle()
    page.wait_for_function("img => img.complete && img.naturalWidth > 0", arg=hero)
    shot(page, f"gallery-{width}")
    on = shown.get_by_role("button", name="Next cards")
    before = carousel.evaluate("e => e.scrollLeft")
    on.click()
    page.wait_for_function("([e, x]) => e.scrollLeft > x + 100", arg=[carousel.element_handle(), before])
    expect(back).to_be_visible()
    carousel.get_by_role("button", name="Reject").nth(7).click()
    expect(carousel.locator(".busy")).to_have_count(0)
    assert bot.bodies("action")[0]["actions"][0]["value"] == "8"
    assert sticks_out(page) == []


def test_a_forms_menu_and_thumbs_can_be_clicked(page: Page, bot: Bot) -> None:
    menu = {"type": "overflow", "action_id": "more", "options": [option("Undo"), option("Before and after")]}
    form = opens(
        bot, page, modal(section("Row 7 was approved by Ana") | {"accessory": menu}, title=plain("Row 7"))
    )
    form.locator("summary").click()
    form.get_by_role("button", name="Before and after").click()
    expect(form.locator("details[open]")).to_have_count(0)
    form.get_by_role("button", name="Close").first.click()
    thumbs = {
        "type": "feedback_buttons",
        "action_id": "verdict",
        "positive_button": {"text": plain("Good"), "value": "good"},
        "negative_button": {"text": plain("Bad"), "value": "bad"},
    }
    where = post(bot, section("Judge"), {"type": "context_actions", "elements": [thumbs]})
    message(page, where).get_by_role("button", name="Bad").click()
    expect(message(page, where).locator(".busy")).to_have_count(0)
    told = [body["actions"][0] for body in bot.bodies("action")]
    assert (told[0]["selected_option"]["value"], told[1]["value"]) == ("before and after", "bad")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_menu_opens_where_there_is_room(page: Page, bot: Bot, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    names = ("Only what failed", "Only what waits for me", "Everything", "Before and after")
    menu = {"type": "overflow", "action_id": "more", "options": [option(name) for name in names]}
    right = section("A menu at the right") | {"accessory": menu}
    where = post(bot, right, acts(menu, button("go")), text="Menus")
    for index in range(2):
        summary = message(page, where).locator("[data-overflow]").nth(index)
        summary.click()
        shown = message(page, where).locator("details[open] .menu")
        for name in names:
            expect(shown.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
        assert sticks_out(page) == []
        summary.click()


def test_groups_are_suggested(page: Page, bot: Bot) -> None:
    page.locator("#composer textarea").press_sequentially("ask @bra")
    expect(page.locator("#composer .suggest")).to_contain_text("Brand team")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#stream .message").last).to_contain_text("ask @brand-team")


HOME_SHOWN = ("2 jobs", "Spent this month")


def home(words: str) -> Json:
    menu = {"type": "overflow", "action_id": "job", "options": [option("Pause"), option("Cancel")]}
    select = chosen("static_select", "view", "Mine", "Everyone's")["element"]
    return {
        "type": "home",
        "blocks": [
            {"type": "header", "text": plain("Your batches")},
            section(f"*{words}*\nshoes.csv · 18 of 20 ready") | {"accessory": menu},
            {"type": "divider"},
            {
                "type": "section",
                "fields": [mrkdwn("*Spent this month*\n$41.20"), mrkdwn("*Waiting for you*\n7")],
            },
            acts(button("new", text=plain("New batch"), style="primary"), select) | {"block_id": "acts"},
            {"type": "context", "elements": [mrkdwn("Presets: <#C0CAMPAIGNS> 800x800, brand prefix on")]},
        ],
    }


@pytest.mark.parametrize("width", [1280, 390])
def test_the_home_tab_is_drawn_and_acts(page: Page, bot: Bot, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    bot.do["event"] = lambda body, **_: bot.client.views_publish(user_id=MEMBER, view=home("2 jobs"))
    if width < 760:
        page.get_by_role("button", name="Conversations").click()
    page.locator("#rooms").get_by_text("imgbatch").click()
    page.get_by_role("tab", name="Home").click()
    tab = page.locator(".app-home")
    for words in HOME_SHOWN:
        expect(tab).to_contain_text(words)
    shot(page, f"home-{width}")
    bot.do["action"] = lambda ack, **_: (ack(), bot.client.views_publish(user_id=MEMBER, view=home("1 job")))
    tab.locator("select").select_option("everyone's")
    expect(tab).to_contain_text("1 job")
    expect(tab.locator("select")).to_have_value("everyone's")
    tab.locator("summary").click()
    tab.get_by_role("button", name="Cancel").click()
    expect(tab.locator(".busy")).to_have_count(0)
    tab.get_by_role("button", name="New batch").click()
    expect(tab.locator(".busy")).to_have_count(0)
    assert sticks_out(page) == []
    ids = [body["actions"][0]["action_id"] for body in bot.bodies("action")]
    assert ids == ["view", "job", "new"]


def test_a_form_on_a_phone(page: Page, bot: Bot) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    fields = [
        field("prompt", "plain_text_input", multiline=True),
        chosen("multi_static_select", "sizes", *TREES),
        chosen("radio_buttons", "lane", "Now, $41-46, about 25 min", "By 08:00, $20-23, saves 50%"),
    ]
    form = opens(bot, page, modal(*fields, title=plain("New batch")))
    form.locator(".picker summary").click()
    form.get_by_label("Birch").check()
    shot(page, "form-390")
    assert sticks_out(page) == []
    expect(form.get_by_role("button", name="Send")).to_be_in_viewport()
    form.get_by_role("button", name="Cancel").click()
    expect(form).to_have_count(0)


def test_a_stranger_is_shown_as_one(page: Page, bot: Bot, workspace: Workspace) -> None:
    room = workspace.add_channel("with-partner", members=[MEMBER], shared=True)
    with Person(workspace.url, workspace.add_stranger("pia", ["with-partner"])) as pia:
        pia.say("#with-partner", "Hello", files=[("mug.png", picture())])
    page.goto(f"{workspace.url}/?user={MEMBER}&channel={room}")
    expect(page.locator("#stream .message")).to_contain_text("External")
    expect(page.locator("#stream").get_by_role("img", name="mug.png")).to_be_visible()
    page.goto(place(workspace, "U0PIA", "with-partner"))
    expect(page.locator("#stream")).to_contain_text("Hello")


def test_a_file_stays_when_the_form_changes_while_it_is_uploaded(page: Page, bot: Bot, ben: Person) -> None:
    sheet = field("sheet", "file_input", max_files=1)
    form = opens(bot, page, modal(sheet, title=plain("New batch")))

    def filled_meanwhile(route: Any) -> None:
        view = ben.modal()
        assert view is not None
        fuller = modal(sheet, section("Filled meanwhile"), title=plain("New batch"))
        bot.client.views_update(view_id=view["id"], view=fuller)
        expect(form).to_contain_text("Filled meanwhile")
        route.continue_()

    page.route("**/upload", filled_meanwhile)
    rows = {"name": "rows.csv", "mimeType": "text/csv", "buffer": b"sku\n1\n"}
    form.locator('input[type="file"]').set_input_files(rows)  # type: ignore[arg-type]
    expect(form.locator(".chosen")).to_contain_text("rows.csv")
    form.get_by_role("button", name="Send").click()
    expect(form).to_have_count(0)
    assert state(bot)["sheet"]["files"][0]["name"] == "rows.csv"
