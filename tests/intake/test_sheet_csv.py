"""CSV as people's programs write it."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.intake.columns import key_of
from bot.intake.delimited import MAX_OPEN_QUOTES, MAX_RECORD_LINES
from bot.intake.records import MAX_CELL_CHARACTERS, MAX_COLUMNS
from bot.intake.sheet import Sheet, SheetError, open_sheet
from bot.intake.spec import BadRow, SheetRow


def sheet_of(
    folder: Path, content: str | bytes, *, encoding: str | None = None, name: str = "s.csv"
) -> Sheet:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_sheet(path, encoding=encoding)


def cells(sheet: Sheet) -> list[list[str]]:
    rows = list(sheet.rows())
    assert all(isinstance(row, SheetRow) for row in rows), rows
    return [list(row.cells.values()) for row in rows]


def bad(sheet: Sheet) -> list[BadRow]:
    return [row for row in sheet.rows() if isinstance(row, BadRow)]


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-32", b""),
    ],
)
def test_a_sheet_reads_the_same_in_every_unicode_encoding(tmp_path: Path, encoding: str, bom: bytes) -> None:
    sheet = sheet_of(tmp_path, bom + "sku,name\nA1,café 日本 👟\n".encode(encoding))
    assert sheet.columns == ("sku", "name")
    assert cells(sheet) == [["A1", "café 日本 👟"]]
    assert sheet.warnings == ()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_recognised_and_told(tmp_path: Path, encoding: str) -> None:
    sheet = sheet_of(tmp_path, "sku,name\nA1,Каблук\n".encode(encoding))
    assert cells(sheet) == [["A1", "Каблук"]]
    assert encoding.upper() in sheet.warnings[0]


def test_western_windows_text_is_guessed_and_the_guess_is_told(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "sku,name\nA1,Crème brûlée – €5\n".encode("cp1252"))
    assert cells(sheet) == [["A1", "Crème brûlée – €5"]]
    assert "Windows-1252" in sheet.warnings[0]


def test_a_person_can_correct_the_guess(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "sku,name\nA1,Żółty\n".encode("cp1250"), encoding="cp1250")
    assert cells(sheet) == [["A1", "Żółty"]]
    assert sheet.warnings == ()


def test_a_correction_does_not_spoil_a_file_that_is_utf_8(tmp_path: Path) -> None:
    assert cells(sheet_of(tmp_path, "sku,name\nA1,Żółty\n", encoding="cp1250")) == [["A1", "Żółty"]]


@pytest.mark.parametrize(
    ("encoding", "sentence"),
    [
        ("klingon", "“klingon” is not a text encoding"),
        ("hex", "is not a text encoding"),
        ("ascii", "cannot be read as ascii"),
    ],
)
def test_a_wrong_correction_is_told(tmp_path: Path, encoding: str, sentence: str) -> None:
    with pytest.raises(SheetError, match=sentence):
        sheet_of(tmp_path, "sku,name\nA1,é\n".encode("cp1252"), encoding=encoding)


def test_bytes_that_no_windows_text_has_are_read_as_latin_1(tmp_path: Path) -> None:
    assert "Latin-1" in sheet_of(tmp_path, b"sku,name\nA1,\xe9\x81\n").warnings[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiter_and_line_ending_do_not_matter(tmp_path: Path, delimiter: str, newline: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL)
    writer.writerows([["sku", "note"], ["A1", 'say "hi", ok; yes|no'], ["A2", "two\nlines"]])
    sheet = sheet_of(tmp_path, text.getvalue())
    assert cells(sheet) == [["A1", 'say "hi", ok; yes|no'], ["A2", "two\nlines"]]


def test_prices_with_decimal_commas_do_not_win_over_semicolons(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "sku;price\nA1;2,50\nA2;3,00\n")
    assert cells(sheet) == [["A1", "2,50"], ["A2", "3,00"]]
    assert sheet.warnings == ("The cells are separated by semicolons.",)


def test_the_first_line_of_excel_that_names_the_separator_is_followed(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "sep=;\r\nsku;name\r\nA1;a,b\r\n")
    assert cells(sheet) == [["A1", "a,b"]]
    assert next(iter(sheet.rows())).line == 3


def test_a_list_of_prompts_in_one_column_keeps_its_commas(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "prompt\nA red shoe, on white\nA blue shoe, on black, high key\n")
    assert cells(sheet) == [["A red shoe, on white"], ["A blue shoe, on black, high key"]]
    assert "one column" in sheet.warnings[0]


def test_a_list_of_prompts_without_a_header_is_doubted(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "A red canvas shoe standing on white marble\nA blue one\n")
    assert any("does not look like one" in warning for warning in sheet.warnings)


def test_line_numbers_are_those_of_an_editor_whatever_is_skipped_or_quoted(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, '\n\nsku,name\nA1,"one\ntwo\nthree"\n\n,\nA2,x\n')
    assert [(row.number, row.line) for row in sheet.rows()] == [(1, 4), (2, 9)]


def test_rows_can_be_read_again(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "sku,name\nA1,x\n")
    assert cells(sheet) == cells(sheet)


def test_formulas_stay_text(tmp_path: Path) -> None:
    assert cells(sheet_of(tmp_path, 'sku,name\nA1,=1+1\nA2,"=HYPERLINK(""x"")"\n'))[1] == [
        "A2",
        '=HYPERLINK("x")',
    ]


def test_a_space_in_front_of_a_quote_does_not_break_the_cell(tmp_path: Path) -> None:
    assert cells(sheet_of(tmp_path, 'sku, note\nA1, "a, b"\n')) == [["A1", "a, b"]]


def test_inches_inside_a_cell_are_only_a_character(tmp_path: Path) -> None:
    assert cells(sheet_of(tmp_path, 'sku,note\nA1,a 5" heel\nA2,x\n')) == [["A1", 'a 5" heel'], ["A2", "x"]]


def test_a_second_column_of_the_same_name_is_renamed_and_told(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "name,name,name_2\na,b,c\n")
    assert sheet.columns == ("name", "name_3", "name_2")
    assert sheet.warnings == ("Two columns are called “name”; the second is read as “name_3”.",)


def test_a_column_without_a_name_is_numbered_and_told(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "sku,,note\na,b,c\n")
    assert sheet.columns == ("sku", "column_2", "note")
    assert "Column 2 has no name" in sheet.warnings[0]


def test_empty_columns_behind_the_table_are_dropped(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "sku,note,,,\na,b,,,\n")
    assert sheet.columns == ("sku", "note")
    assert sheet.warnings == ()


def test_a_short_row_is_filled_with_empty_cells(tmp_path: Path) -> None:
    assert cells(sheet_of(tmp_path, "sku,a,b\nA1\nA2,x\nA3,x,y\n")) == [
        ["A1", "", ""],
        ["A2", "x", ""],
        ["A3", "x", "y"],
    ]


def test_a_row_with_too_many_cells_is_bad_and_the_others_are_not(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "sku,a\nA1,x\nA2,x,y\nA3,x,,\nA4,x\n")
    (row,) = bad(sheet)
    assert (row.number, row.line) == (2, 3)
    assert "3 cells, the header 2" in row.problem
    assert "“y”" in row.problem


def test_a_quote_that_is_never_closed_costs_one_row_not_the_rest_of_the_file(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, 'sku,a\nA1,x\nA2,"x\nA3,x\nA4,"y"\n')
    rows = list(sheet.rows())
    assert [(type(row), row.line) for row in rows] == [
        (SheetRow, 2),
        (BadRow, 3),
        (SheetRow, 4),
        (SheetRow, 5),
    ]
    assert "never closed" in bad(sheet)[0].problem


def test_a_quote_that_is_never_closed_at_the_end_of_a_long_file_is_found(tmp_path: Path) -> None:
    many = "".join(f"A{i},x\n" for i in range(3 * MAX_RECORD_LINES))
    rows = list(sheet_of(tmp_path, f'sku,a\nB,"x\n{many}').rows())
    assert len(rows) == 3 * MAX_RECORD_LINES + 1
    assert [row.line for row in rows if isinstance(row, BadRow)] == [2]


def test_a_file_full_of_open_quotes_is_given_up(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "sku,a\n" + 'a","\n' * 5 * MAX_RECORD_LINES)
    with pytest.raises(SheetError, match=f"more than {MAX_OPEN_QUOTES} quotes that never close"):
        list(sheet.rows())


def test_text_behind_a_closing_quote_is_a_bad_row(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, 'sku,a\nA1,"Best" shoe\nA2,x\n')
    assert [row.line for row in bad(sheet)] == [2]
    assert len(list(sheet.rows())) == 2


@pytest.mark.parametrize("length", [MAX_CELL_CHARACTERS + 1, 140_000])
def test_a_cell_that_is_too_long_is_a_bad_row(tmp_path: Path, length: int) -> None:
    sheet = sheet_of(tmp_path, f"sku,a\nA1,{'x' * length}\nA2,x\n")
    rows = list(sheet.rows())
    assert isinstance(rows[0], BadRow)
    assert "characters" in rows[0].problem
    assert isinstance(rows[1], SheetRow)


def test_a_nul_character_is_a_bad_row(tmp_path: Path) -> None:
    padding = "".join(f"A{i},long enough not to be UTF-16\n" for i in range(20))
    assert "NUL" in bad(sheet_of(tmp_path, f"sku,a\n{padding}B,x\0y\n"))[0].problem


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b" \r\n\r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"sku,name\n", "has a header and no rows"),
        (b"\x89PNG\r\n\x1a\n....", "is a PNG picture"),
        (b"%PDF-1.7\n", "is a PDF"),
        (b"{\\rtf1 hello}", "is a text document"),
        (b"<!DOCTYPE html><html>Sign in to Slack", "is a web page"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old Excel format"),
        (b"\xff\xfes\x00k", "begins as UTF-16"),
        (bytes(range(256)) * 4, "not a text table"),
        (b'sku,"name\nA1,x\n', r"The header of s.csv \(line 1\) cannot be read"),
        (b"a," * MAX_COLUMNS + b"b\n1\n", "columns and the limit is 500"),
        (b"sku,a\n" + b"x" * 3_000_000, "more than a million characters"),
    ],
)
def test_what_is_not_a_sheet_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    with pytest.raises(SheetError, match=sentence) as caught:
        sheet_of(tmp_path, content)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "!"))


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="cannot be read"):
        open_sheet(tmp_path / "gone.csv")


def test_messages_say_the_name_the_person_knows(tmp_path: Path) -> None:
    (tmp_path / "spool-7f3a").write_bytes(b"")
    with pytest.raises(SheetError, match=r"^Spring shoes\.csv is empty"):
        open_sheet(tmp_path / "spool-7f3a", name="Spring shoes.csv")


def test_columns_are_recognised_whatever_their_case_and_spaces(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "SKU,Product Name,Reference Image,ALT  TEXT,N,2nd color,if\na,b,c,d,1,f,g\n")
    assert sheet.roles == {"key": "SKU", "variants": "N", "reference": "Reference Image", "alt": "ALT TEXT"}
    assert list(sheet.variables) == [
        "sku",
        "product_name",
        "reference_image",
        "alt_text",
        "n",
        "c_2nd_color",
        "if_",
    ]
    assert "Column “Product Name” is written {{ product_name }} in a template." in sheet.notes


def test_two_columns_of_the_same_meaning_are_told(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "reference,reference image,sku,id\na,b,c,d\n")
    assert sheet.roles["key"] == "sku"
    assert sheet.warnings == (
        "Column “reference” is used, and “reference image”, which means the same, is not.",
    )


@pytest.mark.parametrize("name", ["Art.-Nr.", "Article number", "Item No.", "Handle", "EAN"])
def test_a_shops_own_number_names_the_rows(tmp_path: Path, name: str) -> None:
    sheet = sheet_of(tmp_path, f"Product title,{name}\nMug,KG-2001\n")
    assert (sheet.roles["key"], key_of(sheet.columns)) == (name, name)


def test_an_id_of_our_own_name_is_stronger_than_a_shops_number(tmp_path: Path) -> None:
    assert sheet_of(tmp_path, "EAN,handle,id\n400,mug,7\n").roles["key"] == "id"
    assert key_of(["Product title", "Colour"]) is None


def test_columns_that_make_the_same_variable_are_kept_apart(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, "Product Name,product_name\na,b\n")
    assert sheet.variables == {"product_name": "Product Name", "product_name_2": "product_name"}


cell = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=12).map(
    lambda text: text.strip().replace("\ufeff", "")
)
named = cell.filter(bool)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(cell, min_size=2, max_size=2), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@example(rows=[['"', "'"], ["=1", ""]], delimiter=";", newline="\r\n", encoding="utf-16")
def test_any_table_survives_any_dialect(
    tmp_path: Path, rows: list[list[str]], delimiter: str, newline: str, encoding: str
) -> None:
    rows = [[first or "x", second] for first, second in rows]  # a blank row is skipped
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL)
    writer.writerows([["sku", "note"], *rows])
    sheet = sheet_of(tmp_path, text.getvalue().encode(encoding))
    assert sheet.columns == ("sku", "note")
    assert cells(sheet) == rows


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=300), st.text(alphabet='a",;\n\r\t| =', max_size=200).map(str.encode)
    )
)
def test_any_file_is_read_or_refused_never_a_crash(tmp_path: Path, content: bytes) -> None:
    with suppress(SheetError):
        sheet = sheet_of(tmp_path, content)
        for row in sheet.rows():
            assert set(row.cells) == set(sheet.columns)


def test_rows_are_streamed_not_held(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "big.csv"
    line = 'SH-1,Trail Runner,forest green,mesh,"on a rock\nby a stream",mist\n'
    path.write_text("sku,name,color,material,background,note\n" + line * 50_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in open_sheet(path).rows()) == 50_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000  # the file has 3.3 MB, as objects about 40 MB
