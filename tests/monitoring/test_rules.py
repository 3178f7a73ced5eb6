"""Every alert rule, by Prometheus' own tool: it fires when it should, and says what it should."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.monitoring.prometheus import DOCS, program, rules

pytestmark = pytest.mark.skipif(
    program("promtool") is None, reason="promtool is not installed (Debian: apt install prometheus)"
)


@dataclass(frozen=True)
class Case:
    """Series by the minute, in promtool's words, with which an alert fires `at` a minute, not `before`."""

    alert: str
    bad: Mapping[str, str]
    """It fires with these."""
    good: Mapping[str, str]
    """It never does with these."""
    before: int
    at: int
    summary: str
    description: str
    labels: Mapping[str, str]


def calls(provider: str, call: str, outcome: str) -> str:
    return f'imgbatch_provider_calls_total{{provider="{provider}",call="{call}",outcome="{outcome}"}}'


def answers(outcome: str) -> str:
    return f'imgbatch_answers_total{{provider="xai",model="grok",lane="live",outcome="{outcome}"}}'


def unpriced(outcome: str) -> str:
    labels = f'provider="own",model="qwen",lane="live",outcome="{outcome}"'
    return f"imgbatch_unpriced_answers_total{{{labels}}}"


def slack(outcome: str) -> str:
    return f'imgbatch_slack_calls_total{{method="chat.postMessage",outcome="{outcome}"}}'


def oldest(state: str, provider: str, lane: str) -> str:
    return f'imgbatch_oldest_item_age_seconds{{state="{state}",provider="{provider}",lane="{lane}"}}'


def paused(provider: str, kind: str) -> str:
    return f'imgbatch_provider_paused{{provider="{provider}",kind="{kind}"}}'


UP = 'up{job="imgbatch",instance="bot:8080"}'

CASES = [
    Case(
        "ImgbatchDown", {UP: "0x10"}, {UP: "1x10"}, 2, 3,
        "imgbatch does not answer",
        "/metrics of bot:8080 has not answered for three minutes. Nothing is sent or fetched.",
        {"job": "imgbatch", "instance": "bot:8080"},
    ),
    Case(
        "ImgbatchDown", {}, {UP: "1x10"}, 2, 3,
        "imgbatch does not answer",
        "/metrics has not answered for three minutes. Nothing is sent or fetched.",
        {"job": "imgbatch"},
    ),
    Case(
        "ImgbatchNotReady",
        {'imgbatch_ready{check="slack",instance="bot:8080"}': "0x10"},
        {'imgbatch_ready{check="slack",instance="bot:8080"}': "0 0 0 1x10"}, 4, 5,
        "imgbatch cannot do its work: slack",
        "The check “slack” of bot:8080 has failed for five minutes; /readyz says why.",
        {"check": "slack", "instance": "bot:8080"},
    ),
    Case(
        "ImgbatchTickStuck",
        {'imgbatch_tick_stuck{tick="poll"}': "0 1x9"}, {'imgbatch_tick_stuck{tick="poll"}': "0x10"}, 1, 2,
        "The poll tick stands still",
        "It hangs, or has failed at every run for longer than it may.",
        {"tick": "poll"},
    ),
    Case(
        "ImgbatchTickFails",
        {
            'imgbatch_tick_failures_total{tick="attend"}': "0+2x40",
            'imgbatch_tick_duration_seconds_count{tick="attend"}': "0+3x40",
        },
        {
            'imgbatch_tick_failures_total{tick="attend"}': "0+1x40",
            'imgbatch_tick_duration_seconds_count{tick="attend"}': "0+3x40",
        }, 9, 25,
        "The attend tick fails more often than not",
        "30 failures in a quarter of an hour; the log has the first.",
        {"tick": "attend"},
    ),
    Case(
        "ImgbatchCallsBreak",
        {calls("gemini", "poll", "error"): "0x10 1x20"}, {calls("gemini", "poll", "lost"): "0+1x30"}, 9, 20,
        "A mistake in the program: poll of gemini broke off",
        "1 calls ended in an error that is none of the provider's.",
        {"provider": "gemini", "call": "poll"},
    ),
    Case(
        "ImgbatchMemory",
        {'process_resident_memory_bytes{job="imgbatch"}': "2000000000x20"},
        {'process_resident_memory_bytes{job="imgbatch"}': "400000000x20"}, 14, 15,
        "imgbatch takes much memory",
        "1.863GiB; a few hundred MiB are usual, however large a job is.",
        {"job": "imgbatch"},
    ),
    Case(
        "ImgbatchDiskNearlyFull",
        {"imgbatch_disk_free_bytes": "4000000000x10"}, {"imgbatch_disk_free_bytes": "6000000000x10"}, 4, 5,
        "The disk of imgbatch is nearly full",
        "4GB are free. Pictures that are paid for cannot be kept when it is full.",
        {},
    ),
    Case(
        "ImgbatchDiskFills",
        {"imgbatch_disk_free_bytes": "10000000000-10000000x120"},
        {"imgbatch_disk_free_bytes": "10000000000-1000000x120"}, 60, 70,
        "The disk of imgbatch will be full within a day",
        "At the pace of the last six hours.",
        {},
    ),
    Case(
        "ImgbatchWriterHangs",
        {"imgbatch_writer_present_transaction_seconds": "0 30 90 150 210"},
        {"imgbatch_writer_present_transaction_seconds": "0 30 90 0 30 90 0x9"}, 2, 3,
        "A transaction does not come to an end",
        "It has taken 2m 30s; everything else that writes waits for it.",
        {},
    ),
    Case(
        "ImgbatchWriterSlow",
        {
            "imgbatch_writer_wait_seconds_total": "0+300x60",
            "imgbatch_writer_transactions_total": "0+100x60",
        },
        {"imgbatch_writer_wait_seconds_total": "0+50x60", "imgbatch_writer_transactions_total": "0+100x60"},
        15, 17,
        "Writing to the database is slow",
        "Who writes waits 3s for a turn, on average.",
        {},
    ),
    Case(
        "ImgbatchProviderPaused",
        {paused("fal", "quota"): "_ 1x5"},
        {paused("fal", "rate_limited"): "1x5", paused("bfl", "outage"): "1x5"}, 0, 1,
        "fal waits for a person (quota)",
        "Its key or its money is refused; nothing is sent there until that is mended.",
        {"provider": "fal", "kind": "quota"},
    ),
    Case(
        "ImgbatchProviderDown",
        {paused("bfl", "outage"): "1x20"}, {paused("bfl", "rate_limited"): "1x20"}, 14, 15,
        "bfl does not do its work",
        "It is tried again by itself with a few pictures; jobs with a route go on elsewhere.",
        {"provider": "bfl", "kind": "outage"},
    ),
    Case(
        "ImgbatchAnswersFail",
        {answers("made"): "0+4x90", answers("server_error"): "0+1x90"},
        {answers("made"): "0+19x90", answers("server_error"): "0+1x90", answers("content_policy"): "0+9x90"},
        5, 70,
        "xai answers with failures",
        "80% of an hour's answers were pictures, refused contents left out; many are tried again.",
        {"provider": "xai"},
    ),
    Case(
        "ImgbatchRefusals",
        {answers("made"): "0+4x90", answers("content_policy"): "0+1x90"},
        {answers("made"): "0+19x90", answers("content_policy"): "0+1x90"}, 19, 60,
        "grok refuses many pictures",
        "20% within six hours, for their contents.",
        {"provider": "xai", "model": "grok"},
    ),
    Case(
        "ImgbatchRateLimited",
        {calls("xai", "submit", "rate_limited"): "0+3x60", calls("xai", "submit", "ok"): "0+6x60"},
        {calls("xai", "submit", "rate_limited"): "0+1x60", calls("xai", "submit", "ok"): "0+9x60"}, 15, 30,
        "xai is asked too often",
        "33.33% of the calls were answered with “too many requests”.",
        {"provider": "xai"},
    ),
    Case(
        "ImgbatchRepliesLost",
        {calls("xai", "submit", "lost"): "0+1x120"}, {calls("xai", "poll", "lost"): "0+1x120"}, 5, 90,
        "Replies of xai are lost",
        "60 submissions within an hour may or may not have arrived; each is looked up before it is sent "
        "again, or is in doubt.",
        {"provider": "xai"},
    ),
    Case(
        "ImgbatchWaitsLong",
        {oldest("waiting", "xai", "live"): "3000+60x40", paused("xai", "rate_limited"): "1x40"},
        {oldest("waiting", "xai", "live"): "3000+60x40", paused("xai", "quota"): "1x40"}, 20, 21,
        "Pictures for xai (live) are not sent",
        "One has been due for 1h 11m 0s, and the provider is not paused.",
        {"state": "waiting", "provider": "xai", "lane": "live"},
    ),
    Case(
        "ImgbatchBatchLate",
        {oldest("in_flight", "openai", "batch"): "93500+60x10"},
        {oldest("in_flight", "openai", "live"): "93500+60x10"}, 1, 3,
        "A batch at openai is late",
        "Pictures have been there for 1d 2h 1m 20s; a day is what most promise.",
        {"state": "in_flight", "provider": "openai", "lane": "batch"},
    ),
    Case(
        "ImgbatchNotCollected",
        {oldest("generated", "openai", "batch"): "1700+60x20"},
        {oldest("generated", "openai", "batch"): "0+60x20"}, 6, 7,
        "Pictures that are paid for are not fetched",
        "One of openai has been ready for 35m 20s.",
        {"state": "generated", "provider": "openai", "lane": "batch"},
    ),
    Case(
        "ImgbatchResultsVanish",
        {'imgbatch_results_expiry_margin_seconds{provider="openai"}': "21700-60x20"},
        {'imgbatch_results_expiry_margin_seconds{provider="openai"}': "86400-60x20"}, 6, 7,
        "Results at openai vanish soon",
        "The first do in 5h 54m 40s; they are paid for.",
        {"provider": "openai"},
    ),
    Case(
        "ImgbatchPriceUnknown",
        {unpriced("made"): "0x5 3x60"}, {unpriced("made"): "3x65", unpriced("server_error"): "0+1x65"}, 5, 30,
        "What qwen costs is not known",
        "3 pictures were made within a day, and nobody says for how much.",
        {"provider": "own", "model": "qwen"},
    ),
    Case(
        "ImgbatchPeopleWait",
        {"imgbatch_inbox_oldest_entry_age_seconds": "0+60x40"},
        {"imgbatch_inbox_oldest_entry_age_seconds": "0+60x15 0x25"}, 20, 21,
        "What people asked for is not done",
        "The oldest wish has waited for 21m 0s.",
        {},
    ),
    Case(
        "ImgbatchMessagesWait",
        {"imgbatch_announcement_tries": "0+1x30"}, {"imgbatch_announcement_tries": "4x30"}, 9, 10,
        "Messages do not get into Slack",
        "One has failed 10 times.",
        {},
    ),
    Case(
        "ImgbatchSlackFails",
        {slack("later"): "0+6x40", slack("ok"): "0+4x40"}, {slack("later"): "0+4x40", slack("ok"): "0+6x40"},
        10, 12,
        "Slack cannot be reached or refuses the bot",
        "60% of the calls failed; the log names the code.",
        {},
    ),
    Case(
        "ImgbatchSlackRateLimited",
        {slack("rate_limited"): "0+1x60"}, {slack("rate_limited"): "0+0.5x60"}, 20, 40,
        "Slack says it is called too often",
        "15 times in a quarter of an hour; does another program use the same token?",
        {},
    ),
]  # fmt: skip


def fired(case: Case) -> list[dict[str, object]]:
    """The alert as it should be, with the labels and the page of its rule."""
    (rule,) = (rule for rule in rules() if rule["alert"] == case.alert)
    said = {
        "summary": case.summary,
        "description": case.description,
        "runbook": rule["annotations"]["runbook"],
    }
    return [{"exp_labels": {**case.labels, **rule["labels"]}, "exp_annotations": said}]


def promtool(*arguments: str | Path) -> None:
    """Raises AssertionError with what it objects to."""
    found = program("promtool")
    assert found is not None
    done = subprocess.run([found, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def given(
    series: Mapping[str, str], *expected: tuple[int, str, list[dict[str, object]]]
) -> dict[str, object]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": f"{at}m", "alertname": alert, "exp_alerts": alerts}
            for at, alert, alerts in expected
        ],
    }


@pytest.mark.parametrize("case", CASES, ids=[case.alert for case in CASES])
def test_an_alert_fires_when_it_should_and_not_before_or_else(case: Case, tmp_path: Path) -> None:
    tests = [
        given(case.bad, (case.before, case.alert, []), (case.at, case.alert, fired(case))),
        given(case.good, *((at, case.alert, []) for at in sorted({case.before, case.at, case.at + 5}))),
    ]
    file = tmp_path / "rules.test.yml"
    asked = {"rule_files": [str(DOCS / "rules.yml")], "evaluation_interval": "1m", "tests": tests}
    file.write_text(yaml.safe_dump(asked, allow_unicode=True), encoding="utf-8")
    promtool("test", "rules", file)


def test_every_rule_is_tried() -> None:
    assert {case.alert for case in CASES} == {rule["alert"] for rule in rules()}


def test_prometheus_takes_the_rules() -> None:
    promtool("check", "rules", "--lint-fatal", DOCS / "rules.yml")
