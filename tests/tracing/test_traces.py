"""Traces of real jobs over HTTP, as a collector gets them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.app import traced
from bot.config import Settings
from bot.intake.exporting import ExportWish
from bot.metered import Metered
from bot.pipeline.packing import pack
from bot.pipeline.rounds import STAGES
from bot.pulse import Pulse
from bot.runtime import Context, now
from bot.scheduler import Charge, guarded
from bot.tracing import PACKAGES
from providers import catalogue
from providers.base import Lane, Provider, Size
from providers.openai import OpenAI
from providers.simulators.openai import OpenAISimulator
from storage.shelved import Export, ExportState
from storage.states import ItemState, SubmissionState
from tests.parts import TestClock, make_context, run_to_end, run_until, sheet, started
from tests.six import VENDORS, sheet_over, six_vendors
from tests.test_logs import lines, written
from tests.tracing.collector import Collector, Told, settings, waterfall

PAUSE = 0.02


@contextmanager
def opened(folder: Path, simulator: OpenAISimulator, traces: Settings) -> Iterator[Context]:
    """One life of the program."""
    models = catalogue.load()["openai"]
    provider = OpenAI(models, api_key=simulator.key, base_url=simulator.base_url, clock=now)
    try:
        with (
            traced(traces),
            make_context(folder, {"openai": Metered(provider)}, clock=TestClock(now())) as ctx,
        ):
            yield ctx
    finally:
        provider.close()


def mugs(folder: Path, number: int = 4) -> Path:
    return sheet(folder, [{"sku": f"S{n}", "prompt": f"a violet mug {n}"} for n in range(number)])


def whole(spans: list[Told]) -> None:
    """These are one trace, and nothing hangs in the air."""
    assert len({told.trace for told in spans}) == 1, {told.name: told.trace for told in spans}
    ids = [told.id for told in spans]
    assert len(set(ids)) == len(ids)
    (root,) = [told for told in spans if not told.parent]
    assert root.name == "plan job"
    loose = [told.name for told in spans if told.parent and told.parent not in ids]
    assert not loose, f"{loose}\n{waterfall(spans)}"


def test_a_job_that_was_restarted_in_the_middle_is_one_trace(
    collector: Collector, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    traces = settings(collector)
    with opened(tmp_path / "data", simulator, traces) as ctx:
        job = started(ctx, mugs(tmp_path))
        run_until(ctx, lambda: bool(ctx.queries.due_submissions(SubmissionState.OPEN, ctx.clock() + DAY)))
    before = collector.of(job.id)
    assert {"plan job", "assemble", "pack", "submit", "openai submit"} <= {told.name for told in before}
    assert "job under way" not in {told.name for told in before}
    with opened(tmp_path / "data", simulator, traces) as ctx:
        run_to_end(ctx, job, rounds=600, real_pause=PAUSE)
    spans = collector.of(job.id)
    names = {told.name for told in spans}
    assert {"poll", "openai poll", "openai results", "at the provider", "collect", "job under way"} <= names
    whole(spans)
    (packed,) = [told for told in spans if told.name == "pack"]
    for told in spans:
        if told.name in ("submit", "poll", "at the provider"):
            assert told.parent == packed.id
            assert told.facts["imgbatch.submission"] == packed.facts["imgbatch.submission"]
            assert told.facts["imgbatch.model"] == "gpt-image-2"
            assert told.facts["imgbatch.lane"] == "batch"
    (settled,) = [told for told in spans if "imgbatch.made" in told.facts]
    assert (settled.name, settled.facts["imgbatch.made"], settled.facts["imgbatch.failed"]) == ("poll", 4, 0)
    (under_way,) = [told for told in spans if told.name == "job under way"]
    assert under_way.facts["imgbatch.stored"] == 4
    requests = [told for told in collector.spans if told.name in ("GET", "POST")]
    assert {told.trace for told in requests} == {packed.trace}
    assert {told.parent for told in requests} <= {told.id for told in spans}
    assert {told.facts["http.response.status_code"] for told in requests} == {200}


DAY = timedelta(days=1)


def test_a_lost_reply_and_its_rescue_are_told(
    collector: Collector, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    simulator.faults.lost_reply_after_create = 1
    with opened(tmp_path / "data", simulator, settings(collector)) as ctx:
        job = run_to_end(ctx, started(ctx, mugs(tmp_path)), rounds=600, real_pause=PAUSE)
    spans = collector.of(job.id)
    whole(spans)
    (lost,) = [told for told in spans if told.name == "openai submit"]
    assert lost.failed
    assert lost.facts["imgbatch.outcome"] == "lost"
    assert lost.facts["error.type"] == "MaybeAccepted"
    found = [told for told in spans if told.name == "openai find" and not told.failed]
    assert found
    assert {told.parent for told in found} <= {told.id for told in spans if told.name == "rescue"}


def test_a_live_call_is_told_with_its_row_and_what_came_of_it(
    collector: Collector, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    rows = [{"prompt": "a red mug"}, {"prompt": "a moderated scene"}, {"prompt": "a blue mug"}]
    with opened(tmp_path / "data", simulator, settings(collector)) as ctx:
        job = started(ctx, sheet(tmp_path, rows), lane=Lane.LIVE)
        run_to_end(ctx, job, rounds=600, real_pause=PAUSE)
    spans = collector.of(job.id)
    whole(spans)
    sent = {told.facts["imgbatch.row"]: told for told in spans if told.name == "submit"}
    assert set(sent) == {1, 2, 3}
    assert [sent[row].facts["imgbatch.made"] for row in (1, 2, 3)] == [1, 0, 1]
    calls = [told for told in spans if told.name == "generate_content gpt-image-2"]
    assert {told.parent for told in calls} == {told.id for told in sent.values()}
    for told in calls:
        assert told.facts["gen_ai.operation.name"] == "generate_content"
        assert told.facts["gen_ai.provider.name"] == "openai"
        assert told.facts["gen_ai.output.type"] == "image"
        assert told.sent.kind == told.sent.SPAN_KIND_CLIENT


def test_nothing_that_people_or_vendors_wrote_leaves_the_house(collector: Collector, tmp_path: Path) -> None:
    """All six vendors: keys in headers, signed addresses of pictures, prompts in bodies and in errors."""
    with six_vendors(tmp_path / "adapters") as (running, built):
        secrets = [simulator.key for simulator in running.values()]
        for name, simulator in running.items():
            # fal's pictures are fetched, so that some must come out
            simulator.faults.update({"refusal_rate": 0 if name == "fal" else 0.3, "error_rate": 0.2})
        providers: dict[str, Provider] = {name: Metered(provider) for name, provider in built.items()}
        traces = settings(collector, otel_exporter_otlp_headers=SecretStr("x-api-key=collector-secret"))
        with traced(traces), make_context(tmp_path / "data", providers, clock=TestClock(now())) as ctx:
            path = sheet(tmp_path, sheet_over(VENDORS, 12), "spring-campaign.csv")
            job = started(ctx, path, title="Anna's spring", lane=Lane.LIVE)
            run_to_end(ctx, job, rounds=600, real_pause=PAUSE)
    asked = {told.facts.get("gen_ai.provider.name") for told in collector.of(job.id)}
    assert {"openai", "gcp.gemini", "x_ai", "fal", "bfl", "recraft"} <= asked
    fetched = [told for told in collector.of(job.id) if told.name.endswith(" fetch")]
    assert fetched
    assert all("imgbatch.row" in told.facts for told in fetched)
    assert collector.headers[0]["x-api-key"] == "collector-secret"
    told = b"".join(collector.bodies)
    for word in (*secrets, "mug number", "Anna", "spring", "collector-secret", "tester"):
        assert word.encode() not in told, word
    for span in collector.spans:
        assert not span.sent.events, span.name
        assert not span.sent.status.message, span.name
        words = [value.removeprefix("fal-ai/") for value in span.facts.values() if isinstance(value, str)]
        assert not [value for value in words if set("?&=@/ ") & set(value)]


def test_ticks_are_told_when_they_did_something_and_linked_to_what_they_began(
    collector: Collector, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    with opened(tmp_path / "data", simulator, settings(collector)) as ctx:
        ticks = {name: (lambda now, stage=stage: stage(ctx, now)) for name, stage in STAGES.items()}
        charge = Charge(lambda: True)
        runs = {name: guarded(name, tick, ctx.clock, Pulse(), charge) for name, tick in ticks.items()}
        for run in runs.values():
            run()
        job = started(ctx, mugs(tmp_path))
        for name in ("assemble", "submit"):
            runs[name]()
    told = {span.name: span for span in collector.spans if span.name.startswith("tick ")}
    assert set(told) == {"tick assemble", "tick submit"}, "those that found nothing are not told"
    assert told["tick assemble"].facts["imgbatch.did"] == 1
    spans = {span.name: span for span in collector.of(job.id)}
    assert spans["submit"].links == [told["tick submit"].id]
    assert spans["submit"].trace != told["tick submit"].trace
    assert not told["tick submit"].parent


def test_lines_of_the_log_lead_to_their_span_where_they_are_read_by_programs(
    collector: Collector, simulator: OpenAISimulator, tmp_path: Path
) -> None:
    with (
        written() as out,
        written("text") as text,
        opened(tmp_path / "data", simulator, settings(collector)) as ctx,
    ):
        job = run_to_end(ctx, started(ctx, mugs(tmp_path)), rounds=600, real_pause=PAUSE)
    spans = {told.id: told for told in collector.of(job.id)}
    (settled,) = [line for line in lines(out) if line["message"].startswith("settled")]
    assert spans[settled["span_id"]].name == "poll"
    assert spans[settled["span_id"]].trace == settled["trace_id"]
    assert settled["trace_id"] not in text.getvalue()


def test_without_traces_the_log_says_nothing_of_them(simulator: OpenAISimulator, tmp_path: Path) -> None:
    with written() as out, opened(tmp_path / "data", simulator, Settings()) as ctx:
        run_to_end(ctx, started(ctx, mugs(tmp_path)), rounds=600, real_pause=PAUSE)
    assert lines(out)
    assert not any("trace_id" in line or "span_id" in line for line in lines(out))


def test_without_the_extra_the_log_says_so_and_everything_goes_on(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES, None)  # as if it were not installed
    with written() as out, traced(settings(collector)), make_context(tmp_path / "data") as ctx:
        job = run_to_end(ctx, started(ctx, mugs(tmp_path), size=Size(64, 64)))
        assert ctx.queries.counts(job.id) == {ItemState.STORED: 4}
    (line,) = [line for line in lines(out) if line["logger"] == "bot.app"]
    assert "the extra “tracing” is not installed" in line["message"]
    assert not collector.bodies


def test_an_export_is_told(collector: Collector, tmp_path: Path) -> None:
    with traced(settings(collector)), make_context(tmp_path / "data") as ctx:
        job = run_to_end(ctx, started(ctx, mugs(tmp_path), size=Size(64, 64)))
        wish = ExportWish(which="all").to_json()
        ctx.shelf.ask_export(Export("e1", job.id, "tester", wish, ExportState.ASKED, (), ctx.clock()))
        assert pack(ctx, ctx.clock()) == 1
    (export,) = collector.named("export")
    assert export.facts["imgbatch.job"] == job.id
    assert export.facts["imgbatch.outcome"] == "ready"
    assert export.facts["imgbatch.files"] == 4
    whole(collector.of(job.id))
