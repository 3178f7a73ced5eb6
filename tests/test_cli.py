"""The command line as a person meets it: one sentence for each mistake, the right status, no traceback."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from providers.registry import ENTRIES
from storage.reviews import Pick
from storage.shelved import Permit
from storage.states import ReviewEvent
from tests.parts import make_context, sheet
from tests.test_logs import SECRETS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty working folder with a small sheet in it."""
    rows = [
        {"sku": "A1", "name": "red mug", "size": ""},
        {"sku": "A2", "name": "blue hat", "size": ""},
        {"sku": "A3", "name": "red mug", "size": ""},
        {"sku": "=cmd", "name": "green chair", "size": "huge"},
    ]
    sheet(tmp_path, rows, "s.csv")
    return tmp_path


def imgbatch(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    clean |= {"PYTHONPATH": str(Path(__file__).resolve().parent.parent), **environment}
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@dataclass
class Said:
    """What a command said and how it ended."""

    returncode: int
    stdout: str
    stderr: str


def quickly(folder: Path, *arguments: str, **environment: str) -> Said:
    """The same command within this process, for the many mistakes; the environment is what is given."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        with contextlib.chdir(folder):
            result = CliRunner().invoke(app, list(arguments))
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Said(result.exit_code, result.stdout, result.stderr)


def test_cost_and_stats_tell_of_what_was_made(folder: Path) -> None:
    nothing = quickly(folder, "cost")
    assert nothing.returncode == 0
    assert "so nothing was spent" in nothing.stdout
    done = imgbatch(folder, "run", "s.csv", "-t", "a {{ name }}", "--size", "256x256", "--out", "out")
    assert done.returncode == 0, done.stderr
    costs = json.loads(quickly(folder, "cost", "--json").stdout)
    assert (costs["jobs"], costs["pictures"], costs["usd"], costs["unpriced"]) == (1, 3, 0.0, 0)
    assert [line["model"] for line in costs["models"]] == ["sketch/sketch"]
    assert "$0.00 for 3 pictures in 1 job" in quickly(folder, "cost", "me").stdout
    (figures,) = json.loads(quickly(folder, "stats", "--json").stdout)
    assert (figures["pictures"], figures["success_rate"], figures["late_jobs"]) == (3, 1.0, 0)
    assert [lane["price_against_list"] for lane in figures["lately"]] == [None], "it costs nothing"
    said = quickly(folder, "stats", "--days", "7").stdout
    assert "100.0% of 3 pictures came out. Of 2 that were sent none was refused; no retries." in said


def test_every_command_says_in_a_line_what_it_does_and_the_program_its_version(folder: Path) -> None:
    said = quickly(folder, "--help").stdout
    assert "imgbatch plan products.csv" in " ".join(said.split())
    listed = [line for line in said.partition("Commands:")[2].splitlines() if line.startswith("  ")]
    assert not [line for line in listed if line.endswith("...")], "cut off in the list"
    assert re.fullmatch(r"imgbatch \d+\.\d+\.\d+\n", quickly(folder, "--version").stdout)


def test_a_sheet_nobody_can_draw_from_says_what_to_write_first(folder: Path) -> None:
    said = quickly(folder, "plan", "s.csv")
    assert said.returncode == 2
    assert said.stderr == (
        "imgbatch: Nothing says what the pictures shall show. Write a prompt template with s.csv, such as "
        "“Studio photo of {{ name }}”, where each row fills in its own words, or give the sheet a column "
        "“prompt”.\n"
    )
    (folder / "empty.csv").write_text("sku,prompt\nA,\nB,\n")
    said = quickly(folder, "plan", "empty.csv")
    assert "Not one of the 2 rows of empty.csv can be used. Line 2, for example: The row's “prompt” cell" in (
        said.stderr
    )
    (folder / "one.csv").write_text("sku,prompt\nA,\n")
    assert "The only row of one.csv cannot be used: The row's" in quickly(folder, "plan", "one.csv").stderr


def at_a_terminal(folder: Path, answers: str, *arguments: str) -> Said:
    """The command with somebody there who types these answers."""
    theirs, ours = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    root = str(Path(__file__).resolve().parent.parent)
    try:
        os.write(theirs, answers.encode())
        done = subprocess.run(
            [sys.executable, "-m", "bot", *arguments],
            cwd=folder,
            env={**clean, "PYTHONPATH": root},
            stdin=ours,
            capture_output=True,
            text=True,
            timeout=100,
        )
    finally:
        os.close(theirs)
        os.close(ours)
    return Said(done.returncode, done.stdout, done.stderr)


def test_pictures_approved_before_are_offered_by_plan_and_asked_about_by_run(folder: Path) -> None:
    same = ("s.csv", "-t", "a {{ name }}", "--size", "256x256")
    done = imgbatch(folder, "run", *same, "--json")
    first = json.loads(done.stdout)["job"]
    assert "approved before" not in done.stderr
    with make_context(folder / "imgbatch-data") as ctx:
        ctx.reviews.decide(first, Pick([(2, 2)]), ReviewEvent.APPROVE, "U9", ctx.clock())
    offered = quickly(folder, "plan", *same)
    assert "1 of these was approved before: `run --reuse` copies them" in offered.stderr
    beforehand = json.loads(quickly(folder, "plan", *same, "--reuse", "--json").stdout)
    assert (beforehand["reused"], beforehand["to_generate"], beforehand["approved_before"]) == (1, 1, 1)

    asked = at_a_terminal(folder, "y\nn\n", "run", *same)
    assert "1 of these was approved before: they can be copied" in asked.stderr
    assert "Copy them instead of making them again? [y/N]" in asked.stderr
    assert "1 picture approved before: reused" in asked.stderr
    assert "Start without the 1 bad row? [Y/n]" in asked.stderr
    assert "Not started; nothing was sent." in asked.stderr
    copied = at_a_terminal(folder, "y\n\n", "run", *same, "--out", "copied", "--json")
    assert json.loads(copied.stdout)["reused"] == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["cost", "C0NOWHERE"], "No job was told in a channel"),
        (["cost", "--month", "yesterday"], "--month is “yesterday”; write a month"),
    ],
)
def test_cost_says_what_it_does_not_know(folder: Path, arguments: list[str], problem: str) -> None:
    said = quickly(folder, *arguments)
    assert said.returncode == 2
    assert problem in said.stderr


def test_run_makes_the_pictures_the_results_and_the_report(folder: Path) -> None:
    done = imgbatch(
        folder, "run", "s.csv", "-t", "a {{ name }}", "--size", "256x256", "--out", "out", "--json"
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    wanted = {"rows": 4, "bad_rows": 1, "items": 3, "stored": 3, "duplicates": 1, "refused": 0, "failed": 0}
    assert {name: report[name] for name in wanted} == wanted
    for name in (
        "job",
        "in_doubt",
        "retries",
        "submissions",
        "success_rate",
        "quoted_usd",
        "cost_usd",
        "seconds",
    ):
        assert name in report
    assert json.loads((folder / "out/report.json").read_text()) == report
    with (folder / "out/results.csv").open(encoding="utf-8-sig") as file:
        lines = list(csv.DictReader(file))
    assert [line["status"] for line in lines] == ["stored", "stored", "stored", "bad_row"]
    assert [line["file"] for line in lines] == ["A1.webp", "A2.webp", "A3.webp", ""]
    assert lines[3]["sku"] == "'=cmd", "no spreadsheet may run it"
    assert "huge" in lines[3]["reason"]
    assert "line 5" in done.stderr
    assert (folder / "out/A1.webp").read_bytes() == (folder / "out/A3.webp").read_bytes()
    proof = imgbatch(folder, "audit", report["job"], "--json")
    assert proof.returncode == 0
    assert json.loads(proof.stdout)["holds"] is True
    failed = quickly(folder, "failures", report["job"])
    assert failed.returncode == 0, failed.stderr
    assert (
        "For whoever asked:\n  1 row: could not be used\n    line 5 =cmd: “huge” is not a size"
        in failed.stdout
    )
    (group,) = json.loads(quickly(folder, "failures", report["job"], "--json").stdout)
    assert (group["kind"], group["count"], group["cost_usd"]) == ("bad_rows", 1, 0.0)
    assert group["examples"][0]["line"] == 5


def test_export_takes_the_pictures_away(folder: Path) -> None:
    done = imgbatch(folder, "run", "s.csv", "-t", "a {{ name }}", "--size", "64x64", "--out", "o", "--json")
    job = json.loads(done.stdout)["job"]
    none = imgbatch(folder, "export", job)
    assert none.returncode == 1
    assert "No picture of job" in none.stderr
    out = imgbatch(folder, "export", job, "--all", "--preset", "story", "--out", "x", "--name", "{sku}")
    assert out.returncode == 0, out.stderr
    assert "3 files of 3 pictures: x/" in out.stdout
    (taken,) = (folder / "x").iterdir()
    assert sorted(path.name for path in taken.iterdir()) == [
        "A1.jpg",
        "A2.jpg",
        "A3.jpg",
        "manifest.csv",
        "manifest.json",
    ]
    assert imgbatch(folder, "export", job, "--all", "--zip", "--out", "z").returncode == 0
    (archive,) = (folder / "z").glob("*.zip")
    assert len(zipfile.ZipFile(archive).namelist()) == 5
    wrong = imgbatch(folder, "export", job, "--name", "{colour}")
    assert wrong.returncode == 2
    assert "is not known in a file name" in wrong.stderr


def test_a_sample_is_made_and_shown_and_the_same_command_makes_the_rest(folder: Path) -> None:
    (folder / "p.csv").write_text("name\n" + "\n".join(f"mug {n}" for n in range(5)) + "\n")
    command = ("run", "p.csv", "-t", "a {{ name }}", "--size", "256x256", "--pilot", "2", "--out", "out")
    first = imgbatch(folder, *command)
    assert first.returncode == 0, first.stderr
    assert "2 of 2 pictures came out" in first.stderr
    assert "waits: the same command with --yes makes the rest" in first.stderr
    assert [file.name for file in (folder / "out").iterdir()] == ["sample-001.jpg"]
    (job,) = json.loads(imgbatch(folder, "jobs", "--json").stdout)
    assert (job["state"], job["stored"]) == ("pilot_review", 2)
    refused = imgbatch(folder, "pause", job["job"])
    assert refused.returncode == 2
    assert "is waiting for a word on its sample; it cannot be paused now" in refused.stderr
    rest = imgbatch(folder, *command, "--yes", "--json")
    assert rest.returncode == 0, rest.stderr
    assert json.loads(rest.stdout)["stored"] == 5


def test_a_job_is_cancelled_by_name_and_a_wrong_name_is_told(folder: Path) -> None:
    (folder / "p.csv").write_text("name\n" + "\n".join(f"mug {n}" for n in range(3)) + "\n")
    imgbatch(folder, "run", "p.csv", "-t", "a {{ name }}", "--size", "256x256", "--pilot", "1")
    (job,) = json.loads(imgbatch(folder, "jobs", "--json").stdout)
    done = imgbatch(folder, "cancel", job["job"])
    assert "is cancelled: 2 pictures will not be made" in done.stdout
    again = quickly(folder, "resume", job["job"])
    assert again.returncode == 2
    assert "cannot be resumed now" in again.stderr
    wrong = quickly(folder, "cancel", "nobody")
    assert wrong.returncode == 2
    assert "There is no job “nobody”" in wrong.stderr


def test_strict_starts_nothing_when_a_row_is_bad(folder: Path) -> None:
    done = imgbatch(folder, "run", "s.csv", "-t", "a {{ name }}", "--strict")
    assert done.returncode == 2
    assert "1 row cannot be used" in done.stderr
    assert not (folder / "pictures").exists()
    assert imgbatch(folder, "jobs", "--json").stdout.strip() == "[]"


def test_plan_spends_and_keeps_nothing(folder: Path) -> None:
    done = imgbatch(folder, "plan", "s.csv", "-t", "a {{ name }}", "--provider", "sketch", "--json")
    plan = json.loads(done.stdout)
    assert (plan["items"], plan["duplicates"], plan["to_generate"], plan["bad_rows"]) == (3, 1, 2, 1)
    assert plan["bad"][0]["line"] == 5
    assert imgbatch(folder, "jobs", "--json").stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nope.csv"], "nope.csv does not exist"),
        (["run", "."], "is a folder"),
        (["run", "s.csv", "-t", "{{ nam }}"], "did you mean {{ name }}"),
        (["run", "s.csv", "-t", "@none.txt"], "none.txt, which cannot be read"),
        (["run", "s.csv"], "Write a prompt template with s.csv"),
        (["run", "s.csv", "-t", "x", "--size", "big"], "is not a size"),
        (["run", "s.csv", "-t", "x", "--budget", "lots"], "amount in USD"),
        (["run", "s.csv", "-t", "x", "--provider", "openay"], "There is no provider"),
        (["run", "s.csv", "-t", "x", "--model", "dall-e-9"], "There is no model"),
        (["run", "s.csv", "-t", "x", "--variants", "0"], "--variants"),
        (["run", "s.csv", "-t", "x", "--lane", "slow"], "--lane"),
        (["audit", "zzz"], "There is no job"),
        (["failures", "zzz"], "There is no job"),
        (["simulate", "nobody"], "There is no simulator"),
        (["simulate", "openai", "--fault", "wrong=1"], "no fault dial"),
        (["nonsense"], "No such command"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(folder: Path, arguments: list[str], words: str) -> None:
    done = quickly(folder, *arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "empty"),
        ("header.csv", b"sku,name\n", "no rows"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "picture.csv"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "old.xls"),
        ("broken.xlsx", b"PK\x03\x04nonsense", "broken.xlsx"),
    ],
)
def test_a_file_that_is_no_sheet_is_one_sentence(folder: Path, name: str, content: bytes, words: str) -> None:
    (folder / name).write_bytes(content)
    done = quickly(folder, "run", name, "-t", "x")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"IMGBATCH_ATTEMPTS": "x"}, "IMGBATCH_ATTEMPTS"),
        ({"IMGBATCH_DATABASE_URL": "mysql://x"}, "use sqlite or postgresql"),
        ({"IMGBATCH_DATA": "/proc/nowhere"}, "cannot be made"),
        ({"IMGBATCH_CATALOGUE": "none.toml"}, "none.toml"),
        ({"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": "not an address"}, "address of OpenAI"),
    ],
)
def test_a_wrong_setting_is_one_sentence(folder: Path, environment: dict[str, str], words: str) -> None:
    done = quickly(folder, "run", "s.csv", "-t", "x", **environment)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_job_below_its_target_ends_with_status_1(folder: Path) -> None:
    from providers.simulators.faults import Faults
    from providers.simulators.openai import OpenAISimulator

    sheet(folder, [{"prompt": "a red mug"}, {"prompt": "a moderated scene"}], "t.csv")
    with OpenAISimulator(faults=Faults(batch_seconds=0.1, picture_px=64)) as simulator:
        keys = {"OPENAI_API_KEY": simulator.key, "OPENAI_BASE_URL": simulator.base_url}
        done = imgbatch(folder, "run", "t.csv", "--provider", "openai", IMGBATCH_POLL_SECONDS="1", **keys)
    assert done.returncode == 1, done.stderr
    assert "1 of 2 pictures" in done.stdout
    assert "content" in done.stdout


def test_serve_without_slack_says_what_is_missing(folder: Path) -> None:
    done = quickly(folder, "serve")
    assert done.returncode == 2
    assert "SLACK_BOT_TOKEN is not set" in done.stderr


def test_doctor_lists_settings_with_their_origin_and_masks_secrets(folder: Path) -> None:
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123"
    (folder / ".env").write_text("IMGBATCH_FIT=inside\n")
    done = imgbatch(folder, "doctor", "--json", OPENAI_API_KEY=key, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    told = json.loads(done.stdout)
    by_name = {setting["name"]: setting for setting in told["settings"]}
    assert by_name["OPENAI_API_KEY"]["from"] == "environment"
    assert by_name["IMGBATCH_FIT"] == {"name": "IMGBATCH_FIT", "value": "inside", "from": ".env"}
    assert key not in done.stdout + done.stderr
    assert done.returncode == 1, "the provider cannot be reached"


def test_doctor_ends_with_0_where_nothing_is_wrong_and_2_where_settings_cannot_be_read(folder: Path) -> None:
    well = imgbatch(folder, "doctor")
    assert well.returncode == 0, well.stdout
    assert "-- Slack: SLACK_BOT_TOKEN is not set" in " ".join(well.stdout.split())
    told = json.loads(imgbatch(folder, "doctor", "--json").stdout)
    assert told["ok"] is True
    assert {finding["state"] for finding in told["findings"]} <= {"good", "missing", "warning"}
    wrong = imgbatch(folder, "doctor", IMGBATCH_FIT="round")
    assert wrong.returncode == 2
    assert "IMGBATCH_FIT (from environment)" in wrong.stderr


def test_doctor_prints_no_secret_of_any_setting(folder: Path) -> None:
    secrets = {name.upper(): f"wrong-{number}-0123456789abc" for number, name in enumerate(sorted(SECRETS))}
    places = [entry.base_url_variable for entry in ENTRIES if entry.base_url_variable]
    gone = dict.fromkeys((*places, "SLACK_API_URL"), "http://127.0.0.1:9/")
    database = {"IMGBATCH_DATABASE_URL": "postgresql+psycopg://imgbatch:hunter22@127.0.0.1:9/imgbatch"}
    for form in ((), ("--json",)):
        done = imgbatch(folder, "doctor", *form, **secrets, **gone, **database)
        assert done.returncode == 1
        for secret in (*secrets.values(), "hunter22"):
            assert secret not in done.stdout + done.stderr


def test_doctor_says_whose_webhooks_are_expected_and_which_secret_cannot_be_one(folder: Path) -> None:
    fal = {"FAL_KEY": "a:b", "FAL_BASE_URL": "http://127.0.0.1:9"}
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    public = {"IMGBATCH_PUBLIC_URL": "https://bot.example.com/", **nowhere}
    expected = imgbatch(folder, "doctor", "--json", **fal, **public)
    assert "Expected at https://bot.example.com/hooks/ from fal." in expected.stdout
    assert "https://bot.example.com/hooks/fal cannot be reached from here" in expected.stdout
    secret = "not-a-signing-secret-0123456789"
    fal |= {"OPENAI_API_KEY": "sk-1234567", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    wrong = imgbatch(folder, "doctor", "--json", **fal, OPENAI_WEBHOOK_SECRET=secret)
    assert "OPENAI_WEBHOOK_SECRET is not a signing secret of OpenAI" in wrong.stdout
    assert secret not in wrong.stdout + wrong.stderr


def test_a_second_process_on_the_same_data_is_told_so(folder: Path) -> None:
    from filelock import FileLock

    (folder / "imgbatch-data").mkdir()
    with FileLock(folder / "imgbatch-data" / "imgbatch.lock"):
        done = quickly(folder, "run", "s.csv", "-t", "a {{ name }}")
    assert done.returncode == 2
    assert "Another imgbatch is already working" in done.stderr


def test_help_imports_nothing_heavy() -> None:
    heavy = "('PIL', 'sqlalchemy', 'slack_bolt', 'httpx')"
    code = f"import sys; import bot.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_who_is_not_known_is_neither_handed_out_nor_asked_about(folder: Path) -> None:
    for arguments in (["person", "export", "U0NOBODY"], ["person", "erase", "U0NOBODY"]):
        told = quickly(folder, *arguments)
        assert (told.returncode, told.stderr) == (0, "")
        assert (
            "Nothing that is stored names U0NOBODY. A person's id stands in their Slack profile"
            in told.stdout
        )
    assert not list(folder.glob("*.json"))
    with make_context(folder / "imgbatch-data") as ctx:
        ctx.shelf.permit(Permit("job123", "U0KNOWN", ctx.clock()))
    assert "1 row of 1 table name U0KNOWN" in quickly(folder, "person", "export", "U0KNOWN").stdout
    assert (folder / "U0KNOWN.json").stat().st_mode & 0o077 == 0, "for nobody else's eyes"


def test_pruning_says_when_nothing_is_due_and_speaks_json(folder: Path) -> None:
    assert "Nothing is due: all is younger" in quickly(folder, "prune", "--dry-run").stdout
    assert "Nothing is due" in quickly(folder, "prune").stdout
    assert json.loads(quickly(folder, "prune", "--json").stdout) == {"gone": 0, "left_to_the_bot": 0}


def test_a_reader_that_goes_away_is_no_trouble(folder: Path) -> None:
    command = f"{sys.executable} -m bot models --json | head -1; exit ${{PIPESTATUS[0]}}"
    root = str(Path(__file__).resolve().parent.parent)
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("[\n", "")
