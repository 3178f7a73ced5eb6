"""XLSX, real ones made with openpyxl and hostile ones made by hand."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from bot.intake.records import SAMPLE_RECORDS
from bot.intake.sheet import SheetError, open_sheet
from bot.intake.spec import BadRow, SheetRow

Table = list[list[Any]]


def book(folder: Path, *tables: tuple[str, Table], name: str = "book.xlsx") -> Path:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for title, rows in tables:
        worksheet = workbook.create_sheet(title)
        for row in rows:
            worksheet.append(row)
    workbook.save(folder / name)
    return folder / name


def with_part(path: Path, part: str, content: bytes) -> Path:
    """The same workbook with one part replaced."""
    changed = path.with_name("changed.xlsx")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            target.writestr(info.filename, content if info.filename == part else source.read(info))
    return changed


def test_cells_come_as_a_person_reads_them(tmp_path: Path) -> None:
    row = [
        12,
        12.5,
        4006381333931,
        True,
        date(2027, 3, 1),
        datetime(2027, 3, 1, 9, 30),  # noqa: DTZ001 - spreadsheets know no zone
        time(9, 30),
        timedelta(hours=30),
        " x\ny ",
    ]
    sheet = open_sheet(book(tmp_path, ("A", [[f"c{i}" for i in range(len(row))], row])))
    (found,) = sheet.rows()
    assert list(found.cells.values()) == [
        "12", "12.5", "4006381333931", "TRUE",
        "2027-03-01", "2027-03-01T09:30:00", "09:30:00", "30:00:00", "x\ny",
    ]  # fmt: skip


def test_line_numbers_are_those_of_the_spreadsheet(tmp_path: Path) -> None:
    sheet = open_sheet(book(tmp_path, ("A", [[], [None, "sku"], [None, "A1"], [], [None, "A2"]])))
    assert [(row.number, row.line) for row in sheet.rows()] == [(1, 3), (2, 5)]


def test_a_table_that_begins_in_a_later_column_leaves_no_empty_one_in_front(tmp_path: Path) -> None:
    sheet = open_sheet(book(tmp_path, ("A", [[None, "sku", "name"], [None, "A1", "x"]])))
    assert sheet.columns == ("sku", "name")
    assert [dict(row.cells) for row in sheet.rows()] == [{"sku": "A1", "name": "x"}]


def test_the_first_worksheet_with_cells_is_read_and_the_others_are_told(tmp_path: Path) -> None:
    path = book(tmp_path, ("Empty", []), ("Shoes", [["sku"], ["A1"]]), ("Prices", [["x"], [1]]))
    sheet = open_sheet(path)
    assert sheet.columns == ("sku",)
    assert sheet.warnings == (
        "The workbook has 2 worksheets; only the first, “Shoes”, is read, not “Prices”.",
    )


def test_a_hidden_worksheet_is_not_read(tmp_path: Path) -> None:
    path = book(tmp_path, ("Secret", [["x"], [1]]), ("Shoes", [["sku"], ["A1"]]))
    workbook = openpyxl.load_workbook(path)
    workbook["Secret"].sheet_state = "hidden"
    workbook.active = 1
    workbook.save(path)
    assert open_sheet(path).columns == ("sku",)


def test_a_column_of_formulas_never_calculated_is_told(tmp_path: Path) -> None:
    sheet = open_sheet(book(tmp_path, ("A", [["sku", "sum"], ["A1", "=1+1"], ["A2", "=2+2"]])))
    assert "Column “sum” is empty in every row" in sheet.warnings[0]


def test_a_column_that_fills_only_far_down_is_not_called_empty(tmp_path: Path) -> None:
    rows: Table = [["sku", "sum"], *[[f"A{i}", "=1+1"] for i in range(SAMPLE_RECORDS * 2)], ["B", 7]]
    assert open_sheet(book(tmp_path, ("A", rows))).warnings == ()


def test_a_row_wider_than_the_header_is_bad(tmp_path: Path) -> None:
    rows: Table = [["sku"], *[["A"]] * (SAMPLE_RECORDS + 5), ["B", "stray"]]
    assert isinstance(list(open_sheet(book(tmp_path, ("A", rows))).rows())[-1], BadRow)


def test_a_workbook_without_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="no visible worksheet with cells"):
        open_sheet(book(tmp_path, ("A", [])))


def test_a_header_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="a header and no rows"):
        open_sheet(book(tmp_path, ("A", [["sku"]])))


def test_a_zip_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "s.xlsx", "w") as archive:
        archive.writestr("a.txt", "hi")
    with pytest.raises(SheetError, match="is a zip archive, not an XLSX workbook"):
        open_sheet(tmp_path / "s.xlsx")


def test_an_empty_zip_and_a_broken_one_are_refused(tmp_path: Path) -> None:
    zipfile.ZipFile(tmp_path / "empty.xlsx", "w").close()
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04" + b"x" * 500)
    for name in ("empty.xlsx", "broken.xlsx"):
        with pytest.raises(SheetError):
            open_sheet(tmp_path / name)


def test_a_workbook_cut_short_on_the_way_is_refused(tmp_path: Path) -> None:
    path = book(tmp_path, ("A", [["sku"], ["A1"]]))
    whole = path.read_bytes()
    for part in (0.3, 0.6, 0.95):
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(SheetError, match="is damaged"):
            open_sheet(path)


def test_a_password_is_told_apart_from_an_old_workbook(tmp_path: Path) -> None:
    container = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
    (tmp_path / "s.xlsx").write_bytes(container + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(SheetError, match="is protected by a password"):
        open_sheet(tmp_path / "s.xlsx")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
        with archive.open("xl/sharedStrings.xml", "w") as part:
            for _ in range(600):
                part.write(bytes(1 << 20))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(SheetError, match="unpacks to 629 MB"):
        open_sheet(path)


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = book(tmp_path, ("A", [["sku"], ["A1"]]))
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02", 0, content.rindex(b"xl/worksheets/sheet1.xml"))
    content[at + 24 : at + 28] = (40).to_bytes(4, "little")  # the directory's uncompressed size
    path.write_bytes(content)
    with pytest.raises(SheetError, match="is damaged"):
        open_sheet(path)


@pytest.mark.parametrize(
    "cells",
    [
        b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        b"<row r='1'><c t='n' r='A1'/></row><row r='1048576'><c s='1' r='XFD1048576'><v>1</v></c></row>",
        b'<row r="1"><c><v>1</v></c></row><row r="1048576">' + b"<c><v>1</v></c>" * 500 + b"</row>",
        b'<row r="4294967295"><c r="A4294967295"><v>1</v></c></row>',
    ],
)
def test_two_cells_far_apart_do_not_ask_for_all_memory(tmp_path: Path, cells: bytes) -> None:
    path = book(tmp_path, ("A", [["sku"], ["A1"]]))
    namespace = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    sheet = b"<worksheet " + namespace + b"><sheetData>" + cells + b"</sheetData></worksheet>"
    with pytest.raises(SheetError, match="delete stray cells"):
        open_sheet(with_part(path, "xl/worksheets/sheet1.xml", sheet))


def test_a_damaged_worksheet_is_refused(tmp_path: Path) -> None:
    path = book(tmp_path, ("A", [["sku"], ["A1"]]))
    with pytest.raises(SheetError):
        open_sheet(with_part(path, "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row"))


def test_the_ending_of_the_name_does_not_matter(tmp_path: Path) -> None:
    path = book(tmp_path, ("A", [["sku"], ["A1"]]), name="upload.csv")
    (row,) = open_sheet(path).rows()
    assert isinstance(row, SheetRow)
