"""From lines to wishes: overrides, keys, variants, references, alt text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.intake.references import MAX_REFERENCES, read_references
from bot.intake.rows import MAX_ALT_CHARACTERS, alt_text_from, read_rows
from bot.intake.sheet import open_sheet
from bot.intake.spec import BadRow, JobSpec, SheetRow, Wish
from bot.intake.template import TemplateError, compile_template
from providers.base import Size
from providers.catalogue import Cards, load

CARDS = load()
PROVIDER = next(iter(CARDS))
MODEL = next(iter(CARDS[PROVIDER]))
Found = list[tuple[SheetRow, list[Wish]] | BadRow]


def found(
    folder: Path,
    content: str,
    template: str | None = None,
    spec: JobSpec | None = None,
    cards: Cards | None = None,
) -> Found:
    path = folder / "s.csv"
    path.write_text(content, encoding="utf-8")
    sheet = open_sheet(path)
    return list(
        read_rows(sheet, spec or JobSpec(), compile_template(template) if template else None, cards=cards)
    )


def wishes(rows: Found) -> list[Wish]:
    assert not any(isinstance(row, BadRow) for row in rows), rows
    return [wish for row in rows if not isinstance(row, BadRow) for wish in row[1]]


def problem(rows: Found) -> str:
    (bad,) = [row for row in rows if isinstance(row, BadRow)]
    assert bad.problem.endswith((".", "?"))
    assert "\n" not in bad.problem
    return bad.problem


def test_a_row_becomes_a_wish_by_the_template(tmp_path: Path) -> None:
    (wish,) = wishes(found(tmp_path, "sku,name\nA1,Runner\n", "A {{ name }}"))
    assert (wish.row, wish.key, wish.variant, wish.prompt, wish.alt_text) == (
        1,
        "A1",
        1,
        "A Runner",
        "A Runner",
    )


def test_a_rows_own_prompt_is_taken_literally_and_wins_over_the_template(tmp_path: Path) -> None:
    rows = found(tmp_path, "prompt,name\nA {{ name }} {a|b},x\n,y\n", "The {{ name }}")
    assert [wish.prompt for wish in wishes(rows)] == ["A {{ name }} {a|b}", "The y"]


def test_a_row_overrides_the_spec_and_an_empty_cell_does_not(tmp_path: Path) -> None:
    spec = JobSpec(size=Size(512, 512), quality="low", variants=1, provider=PROVIDER, model=MODEL)
    content = "prompt,Size,QUALITY,N\nx,1024 × 768,high,2\ny,,,\n"
    one, two, three = wishes(found(tmp_path, content, spec=spec))
    assert (one.size, one.quality, one.variant, two.variant) == (Size(1024, 768), "high", 1, 2)
    assert (three.size, three.quality, three.model) == (Size(512, 512), "low", MODEL)


def test_a_row_without_sku_or_id_is_called_by_its_number(tmp_path: Path) -> None:
    assert [w.key for w in wishes(found(tmp_path, "prompt,id\nx,A1\ny,\n"))] == ["A1", "row-2"]


def test_variants_run_through_over_choices(tmp_path: Path) -> None:
    made = wishes(found(tmp_path, "sku,n\nA1,2\n", "{front|side} of {sku}"))
    assert [(w.variant, w.prompt) for w in made] == [
        (1, "front of A1"), (2, "front of A1"), (3, "side of A1"), (4, "side of A1"),
    ]  # fmt: skip
    assert made[2].choice == {"choice_1": "side"}


def test_alt_text_comes_from_its_column_or_the_prompt(tmp_path: Path) -> None:
    made = wishes(found(tmp_path, "prompt,Alt Text\nA red shoe,Our red shoe\nA blue\t shoe,\n"))
    assert [w.alt_text for w in made] == ["Our red shoe", "A blue shoe"]


@given(st.text(max_size=600))
def test_alt_text_is_short_and_on_one_line(text: str) -> None:
    alt = alt_text_from(text)
    assert len(alt) <= MAX_ALT_CHARACTERS
    assert "\n" not in alt


def test_alt_text_is_cut_at_a_word() -> None:
    assert alt_text_from("word " * 80) == "word " * 48 + "word…"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "prompt,size\nx,huge\n",
            "“huge” is not a size; write width x height in pixels, like 1024x1024; rename the column",
        ),
        ("prompt,size\nx,99999x10\n", "is too large"),
        ("prompt,n\nx,0\n", "“0” is not a number of pictures; write one from 1 to 20."),
        ("prompt,variants\nx,21\n", "“21” is not a number"),
        ("prompt,n\nx,two\n", "“two” is not a number"),
        ("prompt,n\nx,١\n", "is not a number"),
        ("prompt,quality\nx,very very good\n", "is not a quality we know; write one word"),
        ("prompt,model\nx,Air Max 90\n", "rename the column “model”"),
        ("prompt,reference\nx,http://a.com/x.png\n", "begins with http:"),
        (
            "prompt,name\n,x\n",
            "cell is empty and there is no template; fill the cell in, or write a template",
        ),
        (
            "sku,name\nA1,x\n",
            "There is no prompt for the row; add a column called “prompt”, or write a template",
        ),
    ],
)
def test_a_mistake_in_a_row_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    assert sentence in problem(found(tmp_path, content))


@pytest.mark.parametrize(
    ("column", "word", "sentence"),
    [
        ("provider", "opnai", "did you mean openai"),
        ("provider", "zzz", "“zzz” is not a provider we know; write one of"),
        ("model", "Air Max 90", "“Air Max 90” is not a model we know; write one of"),
        ("quality", "hihg", "did you mean high"),
        ("quality", "splendid", "is not a quality we know; write one of"),
    ],
)
def test_words_that_are_not_in_the_catalogue_are_told_with_the_closest(
    tmp_path: Path, column: str, word: str, sentence: str
) -> None:
    assert sentence in problem(found(tmp_path, f"prompt,{column}\nx,{word}\n", cards=CARDS))


def test_a_rows_model_brings_its_provider_and_a_rows_provider_drops_the_specs_model(tmp_path: Path) -> None:
    other = next(name for name in CARDS if name != PROVIDER)
    model = next(iter(CARDS[other]))
    spec = JobSpec(provider=PROVIDER, model=MODEL)
    rows = found(
        tmp_path, f"prompt,provider,model\na,,{model}\nb,{other.upper()},\nc,,\n", spec=spec, cards=CARDS
    )
    assert [(w.provider, w.model) for w in wishes(rows)] == [(other, model), (other, None), (PROVIDER, MODEL)]


def test_a_background_is_an_option_only_when_it_is_one(tmp_path: Path) -> None:
    made = wishes(found(tmp_path, "sku,background\nA,Transparent\nB,on a beach\n", "x {{ background }}"))
    assert [w.background for w in made] == ["transparent", None]
    assert made[1].prompt == "x on a beach"


def test_a_bad_row_does_not_stop_the_others(tmp_path: Path) -> None:
    rows = found(tmp_path, "prompt,size\na,huge\nb,1x1\nc,1x1,extra\nd,1x1\n")
    assert [isinstance(row, BadRow) for row in rows] == [True, False, True, False]


def test_a_template_for_another_sheet_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="not a column"):
        found(tmp_path, "sku\nA1\n", "A {{ name }}")


def test_a_prompt_too_long_for_one_row_is_that_rows_problem(tmp_path: Path) -> None:
    rows = found(tmp_path, f"sku\nA1\n{'x' * 30_000}\n", "{{ sku }}" * 4)
    assert "the limit is 100,000" in problem(rows)


@pytest.mark.parametrize(
    ("cell", "references"),
    [
        ("https://cdn.shop.com/a.png", ("https://cdn.shop.com/a.png",)),
        ("a.png b.JPG", ("a.png", "b.JPG")),
        ("a.png;b.png, c.webp\nd.png;", ("a.png", "b.png", "c.webp", "d.png")),
        ("https://a.com/x,y;z.png;https://b.com/2.png", ("https://a.com/x,y;z.png", "https://b.com/2.png")),
        ("https://a.com:8443/x?y=1&z=2#f", ("https://a.com:8443/x?y=1&z=2#f",)),
        ("a.png a.png", ("a.png",)),
        ("https://8.8.8.8/x.png", ("https://8.8.8.8/x.png",)),
        ("https://münchen.de/x.png", ("https://münchen.de/x.png",)),
        (" ", ()),
    ],
)
def test_references_are_taken_apart(cell: str, references: tuple[str, ...]) -> None:
    assert read_references(cell) == references


@pytest.mark.parametrize(
    "address",
    [
        "https://localhost/x", "https://LOCALHOST./x", "https://a.localhost/x", "https://intranet/x",
        "https://127.0.0.1/x", "https://127.1/x", "https://0177.0.0.1/x", "https://0x7f.0.0.1/x",
        "https://2130706433/x", "https://0.0.0.0/x", "https://10.1.2.3/x", "https://172.16.0.1/x",
        "https://172.31.255.255/x", "https://192.168.1.1/x", "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/x", "https://224.0.0.1/x", "https://[::1]/x", "https://[fc00::1]/x",
        "https://[fe80::1]/x", "https://[::ffff:127.0.0.1]/x", "https://[::ffff:8.8.8.8]/x",
        "https://[64:ff9b::7f00:1]/x", "https://[2002:7f00:1::]/x", "https://[::127.0.0.1]/x",
        "https://１２７.０.０.１/x", "https://127。0。0。1/x", "https://metadata.google.internal/x",
        "https://printer.local/x", "https://a.home.arpa/x", "https://%31%32%37.0.0.1/x",
        "https://user:pass@a.com/x", "https://a.com@127.0.0.1/x", "https://a.com\\@127.0.0.1/x",
        "https:///x", "https://", "https:a.com", "https://[bad/x", "https://a.com:99999/x",
        "http://a.com/x.png", "file:///etc/passwd", "ftp://a.com/x.png", "data:image/png;base64,AAAA",
        "javascript:alert(1)", "//a.com/x.png", "/etc/passwd.png", "..\\x.png", "../x.png", ".png", "x.exe",
        "shoe", "https://a.com/" + "x" * 3000,
    ],
)  # fmt: skip
def test_an_address_that_could_reach_inside_is_refused(address: str) -> None:
    sentence = read_references(address)
    assert isinstance(sentence, str)
    assert sentence.startswith("The reference ")
    assert sentence.endswith(".")


def test_too_many_references_are_refused() -> None:
    assert "take some away" in str(read_references(" ".join(f"{i}.png" for i in range(MAX_REFERENCES + 1))))


@given(st.text(max_size=60))
def test_any_reference_cell_is_read_or_refused(cell: str) -> None:
    assert isinstance(read_references(cell), (str, tuple))
