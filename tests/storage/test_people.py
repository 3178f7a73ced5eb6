"""A person's data: found wherever the id stands, handed out, and erased so that sums and decisions stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.letting_go import show_or_prune
from bot.persons import alias_of, erase, erase_person, export_person
from bot.pipeline.audit import audit
from bot.runtime import Context
from storage.people import swap
from storage.records import Job, Thread
from storage.reviews import Pick
from storage.shelved import Permit, Preset, Schedule, ScheduleState
from storage.states import ReviewEvent
from tests.parts import START, make_context, run_to_end, sheet, started
from tests.storage.test_store import ctx  # noqa: F401  fixtures

ANA, BEN = "U0ANA7777", "U0BEN8888"


def filled(ctx: Context, folder: Path) -> Job:  # noqa: F811
    """A job that Ana decided about in every way, and what she put aside."""
    job = started(ctx, sheet(folder, [{"prompt": "a red mug"}, {"prompt": "a blue mug"}]))
    run_to_end(ctx, job)
    ctx.mail.open_thread(Thread(job.id, "T1", "C1", ANA))
    ctx.reviews.decide(job.id, Pick([(1, 2)]), ReviewEvent.APPROVE, ANA, START)
    ctx.shelf.permit(Permit(job.id, ANA, START))
    ctx.mail.receive("k1", "verb", {"where": {"person": ANA}, "text": f"for <@{ANA}> and {ANA}X"}, START)
    ctx.shelf.keep_draft("T1", ANA, {"template": "x"}, START)
    ctx.shelf.keep_preset(Preset("T1", "C1", "mine", {"template": "x"}, ANA, START))
    ctx.shelf.keep_preset(Preset("T1", "C1", "default", {"approvers": [ANA, BEN]}, ANA, START))
    ctx.shelf.keep_schedule(
        Schedule("s1", "T1", "C1", ANA, "daily", {}, {}, "k", "n", ScheduleState.ACTIVE, START, START)
    )
    ctx.blobs.put(f"{job.id}/told/summary.json", f'{{"text": "by <@{ANA}>"}}'.encode())
    return job


def rows(ctx: Context, person: str) -> dict[str, int]:  # noqa: F811
    found: dict[str, int] = {}
    for name, _ in ctx.shelf.everything(person):
        found[name] = found.get(name, 0) + 1
    return found


def test_everything_about_a_person_is_found_and_nothing_is_left_after(
    ctx: Context,  # noqa: F811
    tmp_path: Path,
) -> None:
    job = filled(ctx, tmp_path)
    before = audit(ctx, job)
    assert rows(ctx, ANA) == {
        "draft": 1, "event": 2, "inbox": 1, "item": 2, "permit": 1, "preset": 2, "schedule": 1, "thread": 1,
        "vote": 2,
    }  # fmt: skip
    counts = erase(ctx, ANA)
    alias = alias_of(ctx, ANA)
    assert counts["messages kept"] == 1
    assert rows(ctx, ANA) == {}
    assert ctx.shelf.draft("T1", alias) is None
    assert [preset.name for preset in ctx.shelf.presets("T1")] == ["default"], "it binds the channel"
    assert ctx.shelf.presets("T1")[0].body == {"approvers": [alias, BEN]}
    schedule = ctx.shelf.schedule("s1")
    assert schedule is not None
    assert (schedule.state, schedule.person) == (ScheduleState.ENDED, alias)
    heard = ctx.mail.entry("k1")
    assert heard is not None
    assert heard.payload["text"] == f"for <@{alias}> and {ANA}X", "another person's id stays"
    assert [vote.person for vote in ctx.reviews.votes(job.id, [1, 2])] == [alias, alias]
    after = audit(ctx, job)
    assert [{**one, "person": ANA} if one["person"] == alias else one for one in after["decisions"]] == (
        before["decisions"]
    )
    assert (after["holds"], after["settled_usd"]) == (True, before["settled_usd"])
    said = ctx.blobs.read(f"{job.id}/told/summary.json").decode()
    assert ANA not in said
    assert alias in said
    assert erase(ctx, ANA) == {}, "done again, it finds nothing"


def test_who_speaks_again_after_an_erasure_has_the_same_name(ctx: Context, tmp_path: Path) -> None:  # noqa: F811
    job = filled(ctx, tmp_path)
    erase(ctx, ANA)
    ctx.reviews.decide(job.id, Pick([(1, 1)]), ReviewEvent.REJECT, ANA, START)
    ctx.shelf.permit(Permit(job.id, ANA, START))
    erase(ctx, ANA)
    assert [permit.person for permit in ctx.shelf.permits(job.id)] == [alias_of(ctx, ANA)]
    assert rows(ctx, ANA) == {}


@pytest.mark.parametrize(
    ("value", "after"),
    [
        (f"<@{ANA}>", "<@X>"),
        (f"{ANA},{BEN}", f"X,{BEN}"),
        (f"{ANA}9", f"{ANA}9"),
        ({"a": [ANA], "n": 1}, {"a": ["X"], "n": 1}),
        (None, None),
    ],
)
def test_only_the_whole_id_is_replaced(value: Any, after: Any) -> None:
    assert swap(value, ANA, "X") == after


def test_the_commands_hand_out_erase_and_say_what_would_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMGBATCH_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "ana.json"
    assert export_person(ANA, out) == 0
    assert not out.exists(), "nothing is stored about her yet"
    with make_context(tmp_path / "data") as store:
        store.shelf.permit(Permit("job123", ANA, store.clock()))
    assert export_person(ANA, out) == 0
    assert f'"person": "{ANA}"' in out.read_text()
    assert erase_person(ANA, yes=True) == 0
    assert "1 in permit" in capsys.readouterr().out
    assert erase_person(ANA, yes=True) == 0
    assert f"Nothing that is stored names {ANA}." in capsys.readouterr().out
    assert show_or_prune(dry_run=True, as_json=False) == 0
    assert "all files" in capsys.readouterr().out
    assert show_or_prune(dry_run=False, as_json=False) == 0
