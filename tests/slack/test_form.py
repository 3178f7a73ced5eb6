"""The form of a new batch: what it shows, what it asks, and what it keeps."""

from __future__ import annotations

from typing import Any

import pytest

from bot.slack.form import AGAIN
from bot.workspace.person import RefusedError
from tests.slack.house import PRODUCTS, TEMPLATE, House, words
from tests.slack.test_journeys import SHEET

OTHER_NAMES = b"SKU,Product title,Main colour\nM-1,Mug,red\nB-2,Bag,blue\n"


def fields_of(view: Any) -> dict[str, Any]:
    return {b["block_id"].partition("~")[0]: b for b in view["blocks"] if b["type"] == "input"}


def shows(home: House, *said: str) -> Any:
    """The modal once it says all of this."""
    return home.ana.wait_for(lambda: (v := home.ana.modal()) and all(s in words(v) for s in said) and v)


def kept(home: House) -> Any:
    """What is put aside of Ana's form, once something is."""
    return home.ana.wait_for(lambda: home.ctx.shelf.draft("T0LOOPBACK", home.ana.user_id))


def from_message(home: House, content: bytes = PRODUCTS.encode()) -> Any:
    """The form of a sheet somebody posted, once it is looked at."""
    posted = home.ben.say(home.room, "the products", files=[("products.csv", content)])
    home.ana.shortcut("batch_from_message", posted)
    return shows(home, "New image batch", "Columns: ")


def test_the_first_prompt_is_shown_while_the_template_is_written(home: House) -> None:
    form = from_message(home)
    home.ana.press(form, "form_template", "A {{ color }} {{ name }} {on wood|on linen}")
    form = shows(home, "First prompt: A red Mug on wood")
    assert "The choices make 2 prompts of every row." in words(form)
    home.ana.press(form, "form_template", "A {{ color }} {{ name }} {% if sku %}")
    assert "never closed" in words(shows(home, "never closed"))


def test_a_column_of_another_name_is_guessed_shown_and_kept(home: House) -> None:
    form = from_message(home, OTHER_NAMES)
    home.ana.press(form, "form_template", TEMPLATE)
    form = shows(home, "First prompt: Studio photo of a red Mug")
    asked = fields_of(form)["map_name"]["element"]
    assert asked["initial_option"]["value"] == "Product title"
    home.ana.press(form, "form_map_name", "SKU")
    form = shows(home, "First prompt: Studio photo of a red M-1")
    assert home.ana.fill(form, {"lane": "live"}) is None
    home.tick()
    assert home.job().spec["mapping"] == {"name": "SKU", "color": "Main colour"}
    assert "First prompt: Studio photo of a red M-1" in words(home.card())


def test_a_fresh_upload_with_other_names_is_asked_about_in_a_second_step(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new")
    form = home.ana.wait_for_modal("New image batch")
    step = home.ana.fill(form, {"sheet": ("p.csv", OTHER_NAMES), "template": "{{ name }} in {{ weather }}"})
    assert step is not None
    assert step["title"]["text"] == "Check columns"
    assert "initial_option" not in fields_of(step)["map_weather"]["element"]
    assert home.ana.fill(step, {"map_weather": "(blank)"}) is None
    home.tick()
    job = home.job()
    assert job.spec["mapping"] == {"name": "Product title", "weather": ""}
    assert "First prompt: Mug in" in words(home.card())
    assert home.ctx.shelf.draft(form["team_id"], home.ana.user_id) is None


def test_a_column_chosen_in_the_second_step_stands_in_the_form_below_too(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new")
    form = home.ana.wait_for_modal("New image batch")
    step = home.ana.fill(form, {"sheet": ("p.csv", OTHER_NAMES), "template": "{{ name }} in {{ color }}"})
    assert step is not None
    home.ana.press(step, "form_map_name", "SKU")
    shows(home, "Check columns", "First prompt: M-1 in red")
    home.ana.press(step, "form_map_name", "Product title")
    shows(home, "Check columns", "First prompt: Mug in red")
    home.ana.back(step)
    form = shows(home, "New image batch", "First prompt: Mug in red")
    home.ana.press(form, "form_template", "A {{ color }} {{ name }}")
    shows(home, "First prompt: A red Mug")


def test_several_models_are_a_comparison(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new size=64x64 lane=live")
    form = home.ana.wait_for_modal("New image batch")
    groups = fields_of(form)["model"]["element"]["option_groups"]
    values = [option["value"] for group in groups for option in group["options"]]
    assert home.ana.fill(form, {"sheet": SHEET, "template": TEMPLATE, "model": values}) is None
    home.tick()
    assert home.job().items == 4 * len(values)


def test_further_options_come_behind_a_button_and_are_read(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new size=64x64 budget=9")
    form = home.ana.wait_for_modal("New image batch")
    assert "budget" not in fields_of(form)
    home.ana.press(form, "form_more", values={"template": TEMPLATE})
    form = home.ana.wait_for(lambda: (v := home.ana.modal()) and "budget" in fields_of(v) and v)
    assert fields_of(form)["budget"]["element"]["initial_value"] == "9"
    given = {
        "sheet": SHEET,
        "variants": "2",
        "prefix": "On brand:",
        "route": "sketch",
        "delivery": "shopify",
        "pilot": "1",
        "title": "Spring",
        "quorum": "2",
        "review_by": "Friday 17:00",
    }
    assert home.ana.fill(form, given) is None
    home.tick()
    job = home.job()
    assert (job.title, job.items, job.spec["route"], job.spec["delivery"]) == (
        "Spring",
        8,
        ["sketch"],
        "shopify",
    )
    assert (job.spec["pilot"], job.spec["budget_usd"]) == (1, "9")
    assert (job.spec["quorum"], job.spec["review_by"]) == (2, "Friday 17:00")
    assert "First prompt: On brand: Studio photo" in words(home.card())


def test_hidden_options_count_though_nobody_looked_at_them(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new variants=3 title=Hidden prefix=“Brand first.”")
    form = home.ana.wait_for_modal("New image batch")
    assert "variants" not in fields_of(form)
    home.ana.fill(form, {"sheet": SHEET, "template": TEMPLATE})
    home.tick()
    job = home.job()
    assert (job.title, job.items, job.spec["prefix"]) == ("Hidden", 12, "Brand first.")


def test_mistakes_in_further_options_are_told_by_their_fields(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new")
    home.ana.press(home.ana.wait_for_modal(), "form_more")
    form = home.ana.wait_for(lambda: (v := home.ana.modal()) and "route" in fields_of(v) and v)
    wrong = {"sheet": SHEET, "template": TEMPLATE, "route": "nobody", "deadline": "soon", "rush": ["rush"]}
    with pytest.raises(RefusedError) as refused:
        home.ana.fill(form, wrong)
    assert set(refused.value.errors) == {"route", "deadline"}
    assert "There is no provider “nobody” here" in refused.value.errors["route"]


def test_quality_offers_what_the_model_has(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new")
    form = home.ana.wait_for_modal("New image batch")
    home.ana.press(form, "form_more")
    form = home.ana.wait_for(lambda: (v := home.ana.modal()) and "budget" in fields_of(v) and v)
    (card, *_) = next(iter(home.ctx.providers.values())).models.values()
    assert ("quality" in fields_of(form)) == bool(card.qualities)


# --- nothing is lost -----------------------------------------------------------------------------------


def test_a_closed_form_is_offered_again(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new")
    form = home.ana.wait_for_modal("New image batch")
    home.ana.press(form, "form_template", TEMPLATE)
    kept(home)
    home.ana.dismiss(form)
    home.ana.command(home.room, "/imgbatch", "new")
    form = shows(home, "This is what you had filled in")
    assert fields_of(form)["template"]["element"]["initial_value"] == TEMPLATE
    home.ana.press(form, "form_afresh")
    form = home.ana.wait_for(
        lambda: (v := home.ana.modal()) and "had filled in" not in words(v) and v,
    )
    assert "initial_value" not in fields_of(form)["template"]["element"]


def test_a_draft_is_its_owners_alone_and_goes_when_it_is_handed_in(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "new")
    form = home.ana.wait_for_modal("New image batch")
    home.ana.press(form, "form_template", TEMPLATE)
    kept(home)
    home.ben.command(home.room, "/imgbatch", "new")
    assert "had filled in" not in words(home.ben.wait_for_modal("New image batch"))
    home.ana.fill(form, {"sheet": SHEET})
    home.ana.command(home.room, "/imgbatch", "new")
    assert "had filled in" not in words(home.ana.wait_for_modal("New image batch"))


def test_a_sheet_that_cannot_be_used_gives_the_form_back(home: House) -> None:
    """No row is good: that is found only by reading all of it, in the inbox."""
    home.ana.command(home.room, "/imgbatch", "new title=Kept")
    form = home.ana.wait_for_modal("New image batch")
    bad = b"sku,name,color,size\nA-1,Mug,red,tiny\nA-2,Bag,blue,huge\n"
    assert home.ana.fill(form, {"sheet": ("bad.csv", bad), "template": TEMPLATE}) is None
    home.tick()
    answer = home.ana.wait_for_message(home.room, "Not one of the 2 rows")
    home.ana.press(answer, "form_again")
    form = shows(home, "Sheet: bad.csv", "First prompt")
    assert fields_of(form)["template"]["element"]["initial_value"] == TEMPLATE
    home.ana.press(form, "form_other_sheet")
    form = home.ana.wait_for(lambda: (v := home.ana.modal()) and "sheet" in fields_of(v) and v)
    assert home.ana.fill(form, {"sheet": SHEET}) is None
    home.tick()
    assert home.job().title == "Kept"


def test_a_slow_file_is_looked_at_by_the_inbox(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.slack.listeners.forms.GLANCE_SECONDS", 0.0)
    home.ana.command(home.room, "/imgbatch", "new")
    form = home.ana.wait_for_modal("New image batch")
    assert home.ana.fill(form, {"sheet": ("p.csv", OTHER_NAMES), "template": "{{ name }}"}) is None
    home.tick()
    answer = home.ana.wait_for_message(home.room, "is not a column")
    home.ana.press(answer, "form_again")
    form = shows(home, "First prompt: Mug")
    assert home.ana.fill(form) is None
    home.tick()
    assert home.job().spec["mapping"] == {"name": "Product title"}


@pytest.mark.parametrize("said", ["@imgbatch", "@imgbatch lane=live size=128x128 {{ name }} on oak"])
def test_a_sheet_without_words_that_can_be_used_opens_the_form(home: House, said: str) -> None:
    """Dropped with nothing said, or in words the sheet does not have: one press instead of a second try."""
    message = home.ana.say(home.room, said, files=[("home.csv", OTHER_NAMES)])
    home.arrived()
    home.tick()
    answer = home.ana.wait_for(lambda: _answer_with_a_button(home))
    assert "I cannot make a batch of this yet." in words(answer)
    if "{{" not in said:
        example = "“Studio photo of {{ product_title }}, {{ main_colour }}”"
        assert f"Write a prompt template with home.csv, such as {example}" in words(answer)
    assert home.ben.modal() is None
    home.ana.press(answer, AGAIN)
    form = shows(home, "New image batch", "Columns: SKU, Product title, Main colour")
    if "{{" in said:
        asked = fields_of(form)["map_name"]["element"]
        assert asked["initial_option"]["value"] == "Product title"
    else:
        home.ana.press(form, "form_template", "{{ product_title }} on oak")
        form = shows(home, "First prompt: Mug on oak")
    home.ana.fill(form, {"lane": "live"})
    home.tick()
    thread = home.ctx.mail.thread(home.job().id)
    assert thread is not None
    assert thread.ts == message["ts"], "told below the message with the sheet"


def _answer_with_a_button(home: House) -> Any:
    return next((m for m in home.ana.messages(home.room) if AGAIN in str(m.get("blocks"))), None)
