"""Presets of a channel: saved by words or by form, and used where nobody says otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from bot.intake.preset import Defaults
from bot.workspace.person import RefusedError
from storage.shelved import Preset
from tests.slack.house import PRODUCTS, TEMPLATE, House, words
from tests.slack.test_form import fields_of, shows
from tests.slack.test_journeys import SHEET, drop

TEAM = "T0LOOPBACK"


def said(home: House) -> str:
    return words([m for m in home.ana.messages(home.room) if m.get("is_ephemeral")][-1])


def save(home: House, text: str) -> str:
    home.ana.command(home.room, "/imgbatch", f"preset save {text}")
    return said(home)


def preset(home: House, name: str) -> Preset | None:
    return home.ctx.shelf.preset(TEAM, home.channel, name)


def test_presets_are_saved_shown_listed_and_dropped_by_words(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "preset")
    assert "no presets yet" in said(home)
    assert "is saved" in save(home, 'packshots size=64x64 lane=live prefix="On brand." approval=50')
    home.ana.command(home.room, "/imgbatch", "preset show packshots")
    assert "64x64, made now, prompts begin “On brand.”, a second person's word above $50.00" in said(home)
    home.ana.command(home.room, "/imgbatch", "preset")
    assert "packshots: 64x64" in said(home)
    home.ana.command(home.room, "/imgbatch", "preset show packshot")
    assert "did you mean packshots?" in said(home)
    home.ana.command(home.room, "/imgbatch", "preset drop packshots")
    assert "is gone" in said(home)
    assert preset(home, "packshots") is None


def test_reviewers_are_named_by_mentions(home: House) -> None:
    save(home, "default lane=live approvers=@ben")
    found = preset(home, "default")
    assert found is not None
    assert Defaults.of_json(found.body).approvers == (home.ben.user_id,)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("preset save x", "What shall the preset “x” hold?"),
        ("preset save x size=huge", "“huge” is not a size"),
        ("preset save x preset=y", "cannot be made of another"),
        ("preset forget x", "is nothing a preset can do"),
        ("preset drop", "Say which preset"),
        ("preset drop nosuch", "There is no preset “nosuch” in this channel"),
        ("new preset=nosuch", "There is no preset “nosuch” in this channel"),
    ],
)
def test_mistakes_are_answered_in_sentences(home: House, text: str, answer: str) -> None:
    home.ana.command(home.room, "/imgbatch", text)
    assert answer in said(home)


def test_a_mention_uses_the_named_preset_over_the_default(home: House) -> None:
    save(home, "default size=64x64 lane=live quorum=2 suffix=“Soft light.”")
    save(home, "wide size=128x64")
    drop(home, f"@imgbatch preset=wide {TEMPLATE}")
    spec = home.job().spec
    assert spec["quorum"] == 2
    assert (spec["size"], spec["lane"], spec["suffix"]) == (
        {"width": 128, "height": 64},
        "live",
        "Soft light.",
    )
    assert "First prompt: Studio photo of a red Mug Soft light." in words(home.card())


def test_a_preset_may_hold_the_template(home: House) -> None:
    save(home, "default size=64x64 lane=live Photo of a {{ color }} {{ name }}")
    drop(home, "@imgbatch")
    assert "First prompt: Photo of a red Mug" in words(home.card())


def test_an_unknown_preset_in_a_mention_makes_no_job(home: House) -> None:
    home.ana.say(home.room, f"@imgbatch preset=nope {TEMPLATE}", files=[("a.csv", PRODUCTS.encode())])
    home.arrived()
    home.tick()
    assert "There is no preset “nope”" in said(home)
    assert home.jobs() == []


def test_the_form_begins_with_the_default_and_changes_with_the_choice(home: House) -> None:
    save(home, "default size=64x64 lane=live title=Usual")
    save(home, "wide size=1920x1080 lane=batch template=“A wide {{ name }}”")
    home.ana.command(home.room, "/imgbatch", "new")
    form = home.ana.wait_for_modal("New image batch")
    shown = fields_of(form)
    assert shown["size"]["element"]["initial_option"]["value"] == "64x64"
    assert shown["lane"]["element"]["initial_option"]["value"] == "live"
    home.ana.press(form, "form_preset", "wide")

    def changed() -> Any:
        view = home.ana.modal()
        return view if fields_of(view)["size"]["element"]["initial_option"]["value"] == "1920x1080" else None

    form = home.ana.wait_for(changed)
    assert fields_of(form)["template"]["element"]["initial_value"] == "A wide {{ name }}"
    assert home.ana.fill(form, {"sheet": SHEET}) is None
    home.tick()
    job = home.job()
    assert (job.lane, job.spec["size"]) == ("batch", {"width": 1920, "height": 1080})


def test_the_form_of_a_preset_saves_changes_and_renames(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "preset save packshots")
    home.ana.press([m for m in home.ana.messages(home.room) if m.get("is_ephemeral")][-1], "preset_edit")
    form = home.ana.wait_for_modal("Edit preset")
    given = {
        "size": "800x800",
        "lane": "off_peak",
        "prefix": "Clean look.",
        "budget": "40",
        "approval": "25",
        "approvers": [home.ben.user_id],
        "quorum": "1",
        "delivery": "shopify",
    }
    assert home.ana.fill(form, given) is None
    found = preset(home, "packshots")
    assert found is not None
    held = Defaults.of_json(found.body)
    assert (held.changes.off_peak, str(held.changes.size), held.changes.delivery) == (
        True,
        "800x800",
        "shopify",
    )
    assert (held.approvers, str(held.approval_usd), held.quorum) == ((home.ben.user_id,), "25", 1)
    answer = home.ana.wait_for_message(home.room, "is saved")
    home.ana.press(answer, "preset_edit")
    form = shows(home, "Edit preset")
    assert fields_of(form)["prefix"]["element"]["initial_value"] == "Clean look."
    assert home.ana.fill(form, {"name": "shop", "size": ""}) is None
    assert preset(home, "packshots") is None
    renamed = preset(home, "shop")
    assert renamed is not None
    assert Defaults.of_json(renamed.body).changes.size is None


def test_the_form_of_a_preset_says_what_is_wrong(home: House) -> None:
    home.ana.command(home.room, "/imgbatch", "preset")
    home.ana.press([m for m in home.ana.messages(home.room) if m.get("is_ephemeral")][-1], "preset_edit")
    form = home.ana.wait_for_modal("New preset")
    with pytest.raises(RefusedError) as refused:
        home.ana.fill(form, {"name": "a b", "size": "big", "template": "{% for %}"})
    assert set(refused.value.errors) == {"name", "size", "template"}
    with pytest.raises(RefusedError) as refused:
        home.ana.fill(form, {"name": "ok", "size": "", "template": ""})
    assert "at least one field" in refused.value.errors["name"]
