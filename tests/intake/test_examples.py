"""The examples a newcomer tries first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bot.intake.rows import read_rows
from bot.intake.sheet import open_sheet
from bot.intake.spec import BadRow, JobSpec, Wish
from bot.intake.template import compile_template
from bot.pipeline.prompts import lint
from providers.catalogue import load

EXAMPLES = Path(__file__).parents[2] / "examples"
CARDS = load()


def read(name: str) -> tuple[list[Wish], list[BadRow]]:
    sheet = open_sheet(EXAMPLES / name)
    assert sheet.warnings == ()
    template = compile_template(
        (EXAMPLES / name).with_suffix(".prompt.txt").read_text("utf-8"), sheet.columns
    )
    found = list(read_rows(sheet, JobSpec(), template, cards=CARDS))
    wishes = [wish for row in found if not isinstance(row, BadRow) for wish in row[1]]
    for wish in wishes:
        for models in CARDS.values():
            for card in models.values():
                problem = lint(wish.prompt, card)
                assert problem is None or card.prompt_limit < len(wish.prompt), problem
    return wishes, [row for row in found if isinstance(row, BadRow)]


def test_the_shoe_campaign_shows_a_bad_row_duplicates_a_refusal_and_a_retry() -> None:
    wishes, bad = read("shoes.csv")
    assert len(wishes) + len(bad) == 24
    assert [row.line for row in bad] == [16]
    assert "huge" in bad[0].problem
    prompts = Counter((wish.prompt, wish.size) for wish in wishes)
    assert len(wishes) - len(prompts) == 3
    assert len({wish.key for wish in wishes}) == 23
    assert sum("moderated" in wish.prompt for wish in wishes) == 1
    assert sum("[flaky]" in wish.prompt for wish in wishes) == 1


def test_the_mug_campaign_makes_four_views_of_each_mug() -> None:
    wishes, bad = read("mugs.xlsx")
    assert not bad
    assert len(wishes) == 12 * 4
    assert len({wish.prompt for wish in wishes}) == 48
    assert {wish.key for wish in wishes} == {str(number) for number in range(201, 213)}
