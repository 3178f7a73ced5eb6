"""A template meets a sheet with other names."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.intake.glance import look, preview
from bot.intake.mapping import suggest
from bot.intake.options import Changes, CommandError
from bot.intake.preset import Defaults, filled, read_defaults
from bot.intake.rows import read_rows
from bot.intake.sheet import open_sheet
from bot.intake.spec import JobSpec
from bot.intake.template import TemplateError, compile_template
from providers.base import Lane

COLUMNS = ["SKU", "Product title", "Main colour", "Price"]


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "products.csv"
    path.write_text(f"{','.join(COLUMNS)}\nM-1,Mug,red,12\nB-2,Bag,blue,40\n")
    return path


@pytest.mark.parametrize(
    ("variables", "columns", "guesses"),
    [
        (["name", "color"], COLUMNS, {"name": "Product title", "color": "Main colour"}),
        (["skus"], COLUMNS, {"skus": "SKU"}),
        (["produkt_name"], ["Product name", "Price"], {"produkt_name": "Product name"}),
        (["weather"], COLUMNS, {}),
        (["name", "title"], ["Title", "Item"], {"title": "Title", "name": "Item"}),
    ],
)
def test_guesses_are_offered_and_each_column_once(
    variables: list[str], columns: list[str], guesses: dict[str, str]
) -> None:
    assert suggest(variables, columns) == guesses


def test_a_mapped_template_is_filled_and_dressed(sheet: Path) -> None:
    spec = JobSpec(
        template="a {{ color }} {{ name }}{% if note %}, {{ note }}{% endif %}",
        mapping={"name": "Product title", "color": "Main colour", "note": ""},
        prefix="On brand:",
        suffix="Soft light.",
    )
    opened = open_sheet(sheet)
    template = compile_template(spec.template or "", opened.columns, spec.mapping)
    rows = list(read_rows(opened, spec, template))
    prompts = [wishes[0].prompt for _, wishes in rows]  # type: ignore[misc, union-attr]
    assert prompts == ["On brand: a red Mug Soft light.", "On brand: a blue Bag Soft light."]
    assert rows[0][1][0].alt_text == "a red Mug"  # type: ignore[index, union-attr]
    assert preview(look(sheet, "x"), spec).prompt == prompts[0]


def test_a_mapping_to_a_column_that_is_gone_falls_back_to_the_name(sheet: Path) -> None:
    compile_template("{{ price }}", COLUMNS, {"price": "Preis"})
    with pytest.raises(TemplateError, match="name"):
        compile_template("{{ name }}", COLUMNS, {"name": "Titel"})


def test_the_preview_names_what_is_missing_or_wrong(sheet: Path) -> None:
    glance = look(sheet, "products.csv")
    assert preview(glance, JobSpec(template="{{ name }}")).missing == ("name",)
    assert "never closed" in str(preview(glance, JobSpec(template="{% if price %}")).problem)
    assert "Write a template" in str(preview(glance, JobSpec()).problem)
    assert preview(glance, JobSpec(template="{a|b} {{ price }}")).prompts == 2
    sheet.write_text("sku\n")
    assert "no rows" in str(look(sheet, "products.csv").problem)


def test_a_preset_fills_only_what_was_not_said() -> None:
    preset = Changes(model="m", provider="p", lane=Lane.LIVE, quality="high", variants=2, prefix="x")
    assert filled(Changes(), preset) == preset
    assert filled(Changes(model="other"), preset) == Changes(
        model="other", lane=Lane.LIVE, variants=2, prefix="x"
    )
    assert filled(Changes(off_peak=True), preset).lane is None


def test_a_preset_is_read_from_typed_text() -> None:
    name, defaults = read_defaults("Packshots lane=live approvers=<@U1|ana>, <!subteam^S2> approval=50")
    assert name == "packshots"
    assert defaults.approvers == ("U1", "S2")
    assert Defaults.of_json(defaults.to_json()) == defaults
    with pytest.raises(CommandError, match="Say what the preset holds"):
        read_defaults("packshots")
    with pytest.raises(CommandError, match="not a name"):
        read_defaults("Über/cool lane=live")
