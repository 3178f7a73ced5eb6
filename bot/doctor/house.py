"""What is on this machine: the data folder, the database and its form, room on the disk, fonts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bot.config import Settings
from bot.doctor.finding import Finding, State
from bot.health import LEAST_FREE_BYTES
from bot.imaging.lettering import can_draw
from bot.watch.words import count
from storage.engine import StoreError, known_forms, newest_form, open_engine, present_form
from storage.outlets import OutletTrouble, open_outlet
from storage.queries import Queries

SCRIPTS = {
    "Western": "Größe, façade, Łódź",
    "Greek": "Παπούτσια",
    "Cyrillic": "Красные туфли",
    "Chinese": "红色的鞋子",
    "Japanese": "赤い靴",
    "Korean": "빨간 신발",
    "Arabic": "حذاء أحمر",
    "Hindi": "लाल जूते",
}
"""A product's name in each: what captions under pictures and charts are made of."""


def data(settings: Settings) -> Iterator[Finding]:
    """The folder for everything, and where exports go."""
    folder = settings.imgbatch_data
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"imgbatch")
        yield Finding("data folder", State.GOOD, f"{folder} can be written.")
    except OSError as problem:
        said = f"IMGBATCH_DATA: {folder} cannot be written ({problem.strerror}); mend that or set another."
        yield Finding("data folder", State.WRONG, said)
    if settings.imgbatch_export_to:
        try:
            open_outlet(settings.imgbatch_export_to)
        except OutletTrouble as problem:
            yield Finding("exports", State.WRONG, f"IMGBATCH_EXPORT_TO: {problem}")


def database(settings: Settings) -> Iterator[Finding]:
    """Whether it answers, and whether its tables are in the form this program works with. Changes nothing."""
    file = settings.imgbatch_data / "imgbatch.db"
    if settings.imgbatch_database_url is None and not file.exists():
        yield Finding(
            "database", State.GOOD, f"There is none in {file.parent} yet; the first start makes it."
        )
        return
    try:
        engine = open_engine(settings.database_url)
    except StoreError as problem:
        yield Finding("database", State.WRONG, f"{problem}.")
        return
    try:
        present, newest = present_form(engine), newest_form()
        if present == newest:
            jobs = len(Queries(engine).jobs())
            yield Finding(
                "database", State.GOOD, f"It is ready, with {count(jobs, 'job')}, in form {newest}."
            )
        elif present is None:
            yield Finding("database", State.GOOD, "It has no tables yet; the first start makes them.")
        elif present in known_forms():
            said = (
                f"Its tables are in form {present}; the next start brings them to {newest}. Back it up first."
            )
            yield Finding("database", State.WARNING, said)
        else:
            said = f"Its tables are in form {present}, made by a newer imgbatch; use that version."
            yield Finding("database", State.WRONG, said)
    except StoreError as problem:
        yield Finding("database", State.WRONG, f"{problem}.")
    finally:
        engine.dispose()


def disk(settings: Settings) -> Iterator[Finding]:
    """Room for pictures."""
    folder = _existing(settings.imgbatch_data)
    try:
        usage = shutil.disk_usage(folder)
    except OSError as problem:
        yield Finding("disk", State.WRONG, f"{folder} cannot be looked at ({problem.strerror}).")
        return
    said = (
        f"{usage.free / 1e9:,.1f} of {usage.total / 1e9:,.1f} GB are free where {settings.imgbatch_data} lies"
    )
    if usage.free < LEAST_FREE_BYTES:
        yield Finding("disk", State.WRONG, f"{said}: too little to keep pictures. Make room.")
    elif usage.free < NEARLY_FULL_BYTES:
        yield Finding("disk", State.WARNING, f"{said}; 1,000 pictures take about 2 GB. Make room soon.")
    else:
        yield Finding("disk", State.GOOD, f"{said}.")


NEARLY_FULL_BYTES = 5 * 10**9
"""Where docs/monitoring/rules.yml alerts as well."""


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    folder = folder.absolute()
    return next((place for place in (folder, *folder.parents) if place.exists()), folder)


def fonts(_settings: Settings) -> Iterator[Finding]:
    """Which scripts captions and charts can be written in."""
    lacking = [script for script, words in SCRIPTS.items() if not can_draw(words)]
    if not lacking:
        yield Finding("fonts", State.GOOD, f"Captions can be written in {', '.join(SCRIPTS)}.")
        return
    said = (
        f"Captions under pictures cannot be written in {', '.join(lacking)} (shown as “…”); if your sheets "
        "have such names, install fonts, on Debian fonts-dejavu-core and fonts-noto-cjk."
    )
    yield Finding("fonts", State.MISSING, said)
