"""Pictures are packed and handed over in the thread, or put into a store."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.pipeline.packing import pack
from bot.slack import cards
from bot.workspace.person import RefusedError
from storage.outlets import open_outlet
from storage.shelved import ExportState
from tests.slack.house import House, words
from tests.slack.test_journeys import drop

Json = dict[str, Any]


def finished(home: House, rows: int = 3) -> None:
    sheet = "sku,name,color\n" + "".join(f"S/{n},Mug {n},=red\n" for n in range(1, rows + 1))
    drop(home, "@imgbatch lane=live size=64x64 A {{ color }} {{ name }}", sheet)
    home.ana.press(home.card(), "job_start")
    home.quiet()


def write(home: House, text: str) -> None:
    thread = home.ctx.mail.thread(home.job().id)
    assert thread is not None
    home.ana.say(home.room, f"@imgbatch {text}", thread=thread.ts)
    home.arrived()
    home.quiet()


def archives(home: House) -> list[tuple[str, zipfile.ZipFile]]:
    files = [(m, f) for m in home.replies() for f in m.get("files", []) if f["name"].endswith(".zip")]
    return [(words(m), zipfile.ZipFile(io.BytesIO(home.ana.file(f)))) for m, f in files]


def thread_of(home: House) -> Json:
    thread = home.ctx.mail.thread(home.job().id)
    assert thread is not None
    return {"channel": thread.channel, "ts": thread.ts}


def test_approved_pictures_are_packed_with_a_manifest(home: House) -> None:
    finished(home)
    write(home, "export")
    home.ana.wait_for_reply(thread_of(home), "No picture of job")
    write(home, "approve 1, 3")
    write(home, 'export name="{sku}_{variant}_{w}x{h}"')
    ((said, archive),) = archives(home)
    assert "2 approved pictures of *products.csv*" in said
    names = archive.namelist()
    assert names == ["S-1_1_64x64.webp", "S-3_1_64x64.webp", "manifest.csv", "manifest.json"]
    assert archive.testzip() is None
    assert archive.getinfo(names[0]).compress_type == zipfile.ZIP_STORED
    lines = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode("utf-8-sig"))))
    assert json.loads(archive.read("manifest.json"))[0]["prompt"] == "A =red Mug 1"
    for line in lines:
        content = archive.read(line["file"])
        assert (line["bytes"], line["sha256"]) == (str(len(content)), hashlib.sha256(content).hexdigest())
        assert line["approved_by"] == "ana"
    assert [(line["sku"], line["row"], line["version"]) for line in lines] == [
        ("S/1", "1", "1"),
        ("S/3", "3", "1"),
    ]
    assert lines[0]["alt_text"] == "A =red Mug 1"
    assert all(call.ok for call in home.workspace.calls())


def test_presets_make_the_files_the_channels_take(home: House) -> None:
    finished(home, 2)
    home.ana.command(
        home.room, "/imgbatch", f"export {home.job().id} all preset=instagram-square,300x200.png"
    )
    home.quiet()
    ((_, archive),) = archives(home)
    pictures = [name for name in archive.namelist() if not name.startswith("manifest")]
    assert pictures == [
        "instagram-square/S-1_1_1080x1080.jpg",
        "300x200.png/S-1_1_300x200.png",
        "instagram-square/S-2_1_1080x1080.jpg",
        "300x200.png/S-2_1_300x200.png",
    ]
    assert Image.open(io.BytesIO(archive.read(pictures[0]))).size == (1080, 1080)


def test_a_large_export_comes_in_archives_that_open_by_themselves(home: House) -> None:
    finished(home, 6)
    items = list(home.ctx.reviews.current(home.job().id))
    most = 2 * max(item.byte_size or 0 for item in items) + 900
    policy = replace(home.ctx.policy, export_part_bytes=most)
    home.ana.command(home.room, "/imgbatch", f"export {home.job().id} all")
    small = replace(home.ctx, policy=policy)
    assert pack(small, home.clock()) == 1
    home.quiet()
    found = archives(home)
    assert len(found) > 1
    everything = [name for _, archive in found for name in archive.namelist()]
    assert len(everything) == len(set(everything)) == 6 + 2 * len(found)
    for number, (said, archive) in enumerate(found, 1):
        assert f"(part {number} of {len(found)}" in said
        manifest = next(name for name in archive.namelist() if name.endswith(".csv"))
        lines = list(csv.DictReader(io.StringIO(archive.read(manifest).decode("utf-8-sig"))))
        assert {line["file"] for line in lines} == {n for n in archive.namelist() if n.endswith(".webp")}
    (export,) = home.ctx.shelf.exports(home.job().id)
    assert export.state is ExportState.READY


def test_the_form_packs_what_is_chosen(home: House) -> None:
    finished(home)
    home.ana.press(home.card(), cards.EXPORT)
    form = home.ana.wait_for_modal(f"Export job {home.job().id}")
    assert "All that are made (3)" in words(form)
    with pytest.raises(RefusedError) as refused:
        home.ana.fill(form, {"pattern": "{colour}"})
    assert "is not known in a file name" in refused.value.errors["pattern"]
    home.ana.fill(form, {"which": "all", "presets": ["open-graph"], "pattern": "og/{sku}"})
    assert "3 pictures of job" in words(home.ana.modal())
    home.quiet()
    ((said, archive),) = archives(home)
    assert "3 pictures for open-graph" in said
    assert archive.namelist()[0] == "og/S-1.jpg"


def test_an_export_begun_before_a_restart_is_made_once(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(home)
    home.ana.command(home.room, "/imgbatch", f"export {home.job().id} all")
    with monkeypatch.context() as patched:
        patched.setattr(type(home.ctx.shelf), "change_export", _killed)
        with pytest.raises(KeyboardInterrupt):
            pack(home.ctx, home.clock())
    after = home.again()
    after.quiet()
    assert len(archives(after)) == 1
    after.ana.command(home.room, "/imgbatch", f"export {home.job().id} all")
    after.quiet()
    assert len(archives(after)) == 2, "asked for again, it is packed again"


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_into_a_folder_in_place_of_slack(home: House, tmp_path: Path) -> None:
    finished(home)
    job = home.job()
    home.ana.command(home.room, "/imgbatch", f"export {job.id} all to=store")
    home.ana.wait_for_message(home.room, "There is no place for exports set up here")
    object.__setattr__(home.ctx, "outlet", open_outlet(str(tmp_path / "out")))
    home.ana.command(home.room, "/imgbatch", f"export {job.id} all")
    home.quiet()
    (told,) = [m for m in home.replies() if "3 pictures of *products.csv* are in" in words(m)]
    folder = tmp_path / "out" / f"products.csv-{job.id}"
    assert str(folder) in words(told)
    assert sorted(path.name for path in folder.iterdir()) == [
        "S-1_1_64x64.webp",
        "S-2_1_64x64.webp",
        "S-3_1_64x64.webp",
        "manifest.csv",
        "manifest.json",
    ]
