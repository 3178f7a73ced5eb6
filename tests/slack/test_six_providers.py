"""One sheet whose rows go to six providers comes back as one gallery in its thread."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

from bot.pipeline.audit import audit
from bot.workspace.server import Workspace
from storage.states import JobState
from tests.parts import QUICK
from tests.six import VENDORS, sheet_over, six_vendors
from tests.slack.house import house, words

ROWS = 60


def as_csv(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def test_six_providers_and_one_gallery(tmp_path: Path, slack: Workspace) -> None:
    with six_vendors(tmp_path / "providers") as (vendors, providers):
        for simulator in vendors.values():
            simulator.faults.error_rate = 0.02
        rules = replace(QUICK, quality_gate=False)  # such small pictures look alike
        with house(tmp_path, slack, providers=providers, policy=rules) as home:
            rows = as_csv(sheet_over(VENDORS, ROWS))
            home.ana.say(home.room, "@imgbatch lane=live", files=[("products.csv", rows)])
            home.arrived()
            home.tick()
            home.ana.press(home.card(), "job_start")
            home.until(lambda: home.job().state is JobState.FINISHED, ticks=600)
            home.quiet()
            proof = audit(home.ctx, home.job())
            assert proof["holds"]
            assert proof["stored"] == ROWS
            assert {item.provider for item in home.ctx.queries.items(home.job().id)} == set(VENDORS)
            told = [words(reply) for reply in home.replies()]
            assert any("60 to review" in said for said in told), told
            blocks = [block for reply in home.replies() for block in reply.get("blocks", [])]
            alts = [b["alt_text"] for b in blocks if b["type"] == "image"]
            shown = [alt for alt in alts if alt.startswith("Contact sheet")]
            assert sum(int(n) for n in re.findall(r"(\d+) pictures ready", " ".join(shown))) == ROWS
