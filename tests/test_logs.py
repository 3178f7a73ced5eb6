"""The log: one line an event, with the ids it is about, and never a secret."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from bot import logs
from bot.config import Settings
from bot.logs import about, formatter
from bot.pipeline.poll import poll
from bot.pipeline.rounds import one_round
from providers.base import Handle, Progress
from providers.registry import ENTRIES
from providers.sketch import Sketch
from tests.parts import make_context, run_to_end, sheet, started

SECRETS = {
    name: SecretStr(f"s3cret/{name}+{number:04d}=")
    for number, (name, info) in enumerate(Settings.model_fields.items())
    if "SecretStr" in str(info.annotation)
}
"""A value for every secret there is, with signs in it that addresses write otherwise."""

PASSWORD = "pg/pass@word"


def settings(form: str = "json") -> Settings:
    return Settings(
        **SECRETS,  # type: ignore[arg-type]
        imgbatch_database_url=f"postgresql+psycopg://imgbatch:{quote(PASSWORD, safe='')}@db/imgbatch",
        imgbatch_log_format=form,
    )


@contextmanager
def written(form: str = "json", level: int = logging.DEBUG) -> Iterator[io.StringIO]:
    """What all of the program writes to its log meanwhile."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter(settings(form)))
    root = logging.getLogger()
    usual = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield out
    finally:
        root.removeHandler(handler)
        root.setLevel(usual)


def lines(out: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


log = logging.getLogger("bot.trial")


def test_there_are_as_many_secrets_as_one_expects() -> None:
    keys = {str(entry.key_variable).lower() for entry in ENTRIES if entry.key_variable}
    assert keys | {"slack_bot_token", "slack_app_token", "slack_signing_secret"} <= set(SECRETS) | {
        "openai_compatible_base_url"
    }


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("name", [*SECRETS, "password"])
def test_no_secret_of_the_settings_stands_in_a_line(form: str, name: str) -> None:
    secret = SECRETS[name].get_secret_value() if name in SECRETS else PASSWORD
    with written(form) as out, about(job=f"j-{secret}"):
        log.warning("sent with %s", secret)
        log.warning("asked https://api.example/v1?q=%s", quote(secret, safe=""))
        try:
            raise ValueError(f"the vendor said “{secret}” is wrong")
        except ValueError:
            log.exception("it failed")
    said = out.getvalue()
    assert "[hidden]" in said
    assert "it failed" in said
    assert secret not in said
    assert quote(secret, safe="") not in said
    assert json.dumps(secret)[1:-1] not in said


@pytest.mark.parametrize(
    "words",
    [
        "xoxb-2222222-333333-abcdefABCDEF",
        "Authorization: Bearer abcdef1234567890",
        "https://hooks.slack.com/commands/T012/345/abcdefXYZ",
        "wss://wss-primary.slack.com/link/?ticket=0123-4567-89ab&app_id=1",
        "whsec_MDEyMzQ1Njc4OWFiY2RlZg==",
        "sk-proj-abcdef123456",
        "postgresql://imgbatch:hunter22@db/imgbatch",
    ],
)
def test_what_looks_like_a_secret_is_hidden_too(words: str) -> None:
    with written("text") as out:
        log.warning("%s", words)
    tail = re.split(r"[ /:=-]", words)[-1] or words
    assert "[hidden]" in out.getvalue()
    assert tail not in out.getvalue() or tail in ("imgbatch", "1")
    for secret in ("hunter22", "abcdef", "0123-4567", "MDEy", "XYZ"):
        assert secret not in out.getvalue()


def test_a_line_says_what_it_is_about_and_blocks_add_up() -> None:
    with written() as out:
        log.info("before")
        with about(tick="poll"), about(job="abc", submission="abc-xyz", provider=None):
            log.info("within %d", 1)
            with about(row=7, item=9):
                log.info("deeper")
        log.info("after")
    before, within, deeper, after = lines(out)
    assert not set(before) & set(logs.FIELDS)
    assert within["message"] == "within 1"
    assert (within["tick"], within["job"], within["submission"]) == ("poll", "abc", "abc-xyz")
    assert "provider" not in within
    assert (deeper["job"], deeper["row"], deeper["item"]) == ("abc", "7", "9")
    assert not set(after) & set(logs.FIELDS)


def test_the_line_of_a_guard_further_up_knows_where_the_error_was_raised() -> None:
    with written() as out, about(tick="poll"):
        try:
            with about(job="abc"), about(submission="abc-xyz"):
                raise RuntimeError("lost")
        except RuntimeError:
            log.exception("the poll tick failed")
    (line,) = lines(out)
    assert (line["tick"], line["job"], line["submission"]) == ("poll", "abc", "abc-xyz")
    assert "RuntimeError: lost" in line["exception"]


def test_threads_do_not_share_what_they_are_about() -> None:
    with written() as out, about(job="mine"):
        other = threading.Thread(target=lambda: log.info("elsewhere"))
        other.start()
        other.join()
        log.info("here")
    elsewhere, here = lines(out)
    assert "job" not in elsewhere
    assert here["job"] == "mine"


def test_nothing_a_stranger_wrote_begins_a_line_of_its_own() -> None:
    for form in ("text", "json"):
        with written(form) as out:
            log.warning("a cell: %s", "red\n2026-11-23 09:00:00 CRITICAL bot: all is lost\x1b[2J\u2028x\x85y")
        assert len(out.getvalue().splitlines()) == 1
        assert "\x1b" not in out.getvalue()


def test_a_text_line_is_for_people() -> None:
    with written("text") as out, about(job="abc"):
        log.info("settled: %d made", 3)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO    bot\.trial: settled: 3 made \[job=abc\]\n",
        out.getvalue(),
    )


def test_a_job_can_be_followed_in_the_log_by_its_ids(tmp_path: Path) -> None:
    with make_context(tmp_path) as ctx, written(level=logging.INFO) as out:
        job = started(ctx, sheet(tmp_path, [{"prompt": "a red shoe"}, {"prompt": "refuse: a blue shoe"}]))
        run_to_end(ctx, job)
        (submission,) = {s.id for s in ctx.queries.submissions(job.id)}
    said = lines(out)
    assert {line.get("job") for line in said} == {job.id}
    assert [line["message"] for line in said if line["message"].startswith("settled")]
    assert all(line["submission"] == submission for line in said if line["message"].startswith("settled"))
    story = [line["message"].split(maxsplit=1)[0].rstrip(":") for line in said]
    assert story == ["planned", "started", "accepted", "settled", "finished"]
    assert not [line for line in said if "red shoe" in str(line) or "blue shoe" in str(line)]


def test_a_stage_that_breaks_off_names_its_job_and_submission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: Sketch, _handle: Handle) -> Progress:
        raise RuntimeError("a mistake of ours")

    with make_context(tmp_path) as ctx, written() as out:
        job = started(ctx, sheet(tmp_path, [{"prompt": "a red shoe"}]))
        monkeypatch.setattr(Sketch, "poll", broken)
        one_round(ctx, ctx.clock())
        ctx.clock.move(600)  # type: ignore[attr-defined]
        try:
            poll(ctx, ctx.clock())
        except RuntimeError:
            log.exception("the poll tick failed")
        (submission,) = ctx.queries.submissions(job.id)
    last = lines(out)[-1]
    assert (last["job"], last["submission"]) == (job.id, submission.id)


def test_setting_it_up_twice_writes_each_line_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    usual, level, hook = list(root.handlers), root.level, threading.excepthook
    try:
        logs.set_up(settings("text"))
        logs.set_up(settings("json"), least=logging.WARNING)
        logs.take_over()
        log.info("not worth it")
        log.warning("once")
        died = threading.Thread(target=lambda: 1 / 0, name="worker")
        died.start()
        died.join()
    finally:
        root.handlers[:] = usual
        root.setLevel(level)
        threading.excepthook = hook
        logging.captureWarnings(capture=False)
    once, dead = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert once["message"] == "once"
    assert dead["level"] == "critical"
    assert "ZeroDivisionError" in dead["exception"]
