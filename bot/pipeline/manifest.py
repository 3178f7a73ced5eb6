"""What is in an export: one line for each file, as CSV and as JSON, written while the files are."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import BinaryIO

from bot.intake.outgoing import Cell, writing_table
from bot.pipeline.delivered import Made
from storage.records import Item

COLUMNS = (
    "file",
    "sku",
    "row",
    "picture",
    "variant",
    "version",
    "preset",
    "width",
    "height",
    "bytes",
    "sha256",
    "alt_text",
    "prompt",
    "provider",
    "model",
    "cost_usd",
    "approved_by",
    "note",
)
"""`cost_usd` is what this version of the picture cost, not each of its files; empty where nobody knows."""


class Manifest:
    """Two temporary files that grow; `close` gives them up."""

    def __init__(self, approved_by: Callable[[Item], str]) -> None:
        self._approved_by = approved_by
        self._stack = ExitStack()
        self._csv: BinaryIO = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # the stack closes it
        self._json: BinaryIO = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # the stack closes it
        self._writing = ExitStack()
        self._table = self._writing.enter_context(writing_table(self._csv, "csv"))
        self._table.row(COLUMNS)
        self._lines = 0

    def add(self, name: str, made: Made) -> None:
        """One more file; `name` is empty where there is none."""
        item = made.item
        values: tuple[Cell, ...] = (
            name,
            item.key,
            item.row,
            item.first,
            item.variant,
            item.version,
            made.preset,
            made.width,
            made.height,
            len(made.content),
            hashlib.sha256(made.content).hexdigest() if name else "",
            item.alt_text,
            item.prompt,
            item.provider,
            item.model,
            item.cost,
            self._approved_by(item),
            made.note,
        )
        self._table.row(values)
        line = dict(zip(COLUMNS, values, strict=True))
        line["cost_usd"] = None if item.cost is None else str(item.cost.normalize() + 0)
        self._json.write(b",\n " if self._lines else b"[\n ")
        self._json.write(json.dumps(line, ensure_ascii=False).encode())
        self._lines += 1

    def files(self) -> Iterator[tuple[str, BinaryIO]]:
        """The two as they stand, each with its ending, from the beginning."""
        self._writing.close()
        self._json.write(b"\n]\n" if self._lines else b"[]\n")
        for ending, file in (("csv", self._csv), ("json", self._json)):
            file.seek(0)
            yield ending, file

    def close(self) -> None:
        self._writing.close()
        self._stack.close()
