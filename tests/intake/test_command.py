"""What people type, as phones and Slack deliver it."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.intake.command import (
    Audit,
    Cancel,
    Changes,
    Command,
    CommandError,
    Help,
    ListJobs,
    New,
    Retry,
    Run,
    Status,
    Unknown,
    parse_command,
    parse_options,
)
from bot.intake.spec import JobSpec
from providers.base import Lane, Size

LIVE = Changes(size=Size(1024, 1024), lane=Lane.LIVE)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", New()),
        ("  \xa0 ", New()),
        ("new", New()),
        ("NEW provider=openai", New(Changes(provider="openai"))),
        ("status", Status()),
        ("<@U12AB> Status K3X9AB.", Status("k3x9ab")),
        ("<@U12AB|imgbatch>: status", Status()),
        ("@imgbatch status", Status()),
        ("`status` `k3x9ab`", Status("k3x9ab")),
        ("list", ListJobs()),
        ("jobs please", ListJobs()),
        ("cancel #k3x9ab", Cancel("k3x9ab")),
        ("stop k3x9ab", Cancel("k3x9ab")),
        ("retry k3x9ab", Retry("k3x9ab", "failed")),
        ("retry refused k3x9ab", Retry("k3x9ab", "refused")),
        ("retry k3x9ab in doubt", Retry("k3x9ab", "in_doubt")),
        ("audit k3x9ab", Audit("k3x9ab")),
        ("help", Help()),
        ("?", Help()),
        ("help template", Help("templates")),
        ("run", Run()),
    ],
)
def test_a_command_is_understood(text: str, command: Command) -> None:
    assert parse_command(text) == command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Status("abc123")),
        ("status", Status("abc123")),
        ("cancel", Cancel("abc123")),
        ("retry", Retry("abc123", "failed")),
        ("retry refused", Retry("abc123", "refused")),
        ("retry zzz999", Retry("zzz999", "failed")),
        ("audit", Audit("abc123")),
    ],
)
def test_in_a_jobs_thread_the_job_need_not_be_named(text: str, command: Command) -> None:
    assert parse_command(text, job="abc123") == command


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("staus k3x9ab", "did you mean “status k3x9ab”?"),
        ("frobnicate", "write new, run, status, list"),
        ("A photo of {{ name }}", "Write “run” in front of a template"),
        ("cancel", "Say which job to cancel, like “cancel k3x9ab”"),
        ("cancel a b", "takes the name of one job"),
        ("cancel €€€", "is not the name of a job"),
        ("retry k3x9ab faild", "did you mean failed?"),
        ("retry failed refused k3x9ab", "one kind of picture at a time"),
        ("help tempates", "did you mean “help templates”?"),
        ("help zzzzz", "there is help on templates"),
        ("run sise=1024x1024", "“sise=” is not an option; did you mean size=?"),
        ("run A shoe --ar 16:9", "“--ar” is not an option; the options are"),
        ("run --sizes 4", "did you mean size=?"),
        ("run size=huge", "size: “huge” is not a size"),
        ("run n=21", "n: “21” is not a number of pictures; write one from 1 to 20."),
        ("run lane=slow", "lane: “slow” is not a lane; write batch"),
        ("run budget=free", "budget: “free” is not a budget"),
        ("run budget=0", "is not a budget"),
        ("run background=beach", "write auto, opaque, transparent"),
        ("run model=“gpt image”", "write one word"),
        ("run title=“”", "A title has 1 to 120 characters"),
        ("run size=1x1 size=2x2", "“size” is given twice"),
        ("run template=“A photo", "The quote behind template= is never closed"),
        ("run template=“A” ```B```", "There are two templates"),
        ("run " + "x" * 50_000, "are read at most"),
    ],
)
def test_a_mistake_is_answered_with_one_sentence(text: str, sentence: str) -> None:
    answer = parse_command(text)
    assert isinstance(answer, Unknown)
    assert sentence in answer.suggestion
    assert answer.suggestion.endswith((".", "?"))
    assert "\n" not in answer.suggestion


@pytest.mark.parametrize(
    ("text", "changes", "template"),
    [
        ("A {{ name }} size=1024x1024 lane=live", LIVE, "A {{ name }}"),
        ("size = 1024 lane=live".replace("1024", "1024x1024"), LIVE, None),
        ("<@U1> A {{ name }}\nsize=1024x1024\nlane=LIVE", LIVE, "A {{ name }}"),
        ("A {{ name }}, size=1024×1024, lane=live", LIVE, "A {{ name }}"),
        ("—size 1024x1024 --lane=live A {{ name }}", LIVE, "A {{ name }}"),
        ("run template=“A {{ name }}” size=1024x1024 lane=live", LIVE, "A {{ name }}"),
        ('template="A {{ n|default("x") }}" size=1024x1024 lane=live thanks', LIVE, 'A {{ n|default("x") }}'),
        ('template="say \\"hi\\"" size=1024x1024 lane=live', LIVE, 'say "hi"'),
        ("template=A {{ name }} size=1024x1024 lane=live", LIVE, "A {{ name }}"),
        (
            "please run ```\nA {{ name }}\nsize=9x9\n``` size=1024x1024 lane=live",
            LIVE,
            "A {{ name }}\nsize=9x9",
        ),
        ("```A {{ name }}```", Changes(), "A {{ name }}"),
        ("`A {{ name }}` n=3", Changes(variants=3), "A {{ name }}"),
        ("“A {{ name }}”", Changes(), "A {{ name }}"),
        ("‘A’ and ‘B’", Changes(), "‘A’ and ‘B’"),
        ("A &lt;bold&gt; &amp; bright shoe, &copy;", Changes(), "A <bold> & bright shoe, &copy;"),
        ("A shoe — title of a poster", Changes(), "A shoe — title of a poster"),
        ("Run shoes over a beach", Changes(), "Run shoes over a beach"),
        ("An aspect ratio=3 sign", Changes(), "An aspect ratio=3 sign"),
        ("ratio= size=3x3", Changes(size=Size(3, 3)), "ratio="),
        ('{% if size == "x" %}a{% endif %}', Changes(), '{% if size == "x" %}a{% endif %}'),
        ("{{\xa0name\xa0}}", Changes(), "{{ name }}"),
        (
            "See <https://a.de/x|a.de/x> and <mailto:a@b.de|a@b.de> in <#C1|shoes>",
            Changes(),
            "See a.de/x and a@b.de in #shoes",
        ),
        (
            "title=‘Spring shoes’ budget=$12.50",
            Changes(title="Spring shoes", budget_usd=Decimal("12.50")),
            None,
        ),
        (
            "model=gpt-image-2 Provider=OpenAI quality=HIGH",
            Changes("openai", "gpt-image-2", quality="high"),
            None,
        ),
        (
            "background=transparent budget=25usd",
            Changes(background="transparent", budget_usd=Decimal(25)),
            None,
        ),
        ("", Changes(), None),
    ],
)
def test_options_and_template_are_told_apart(text: str, changes: Changes, template: str | None) -> None:
    assert parse_options(text) == (changes, template)


def test_changes_leave_alone_what_they_do_not_name() -> None:
    spec = JobSpec(template="old", provider="openai", variants=3)
    assert LIVE.apply(spec, "new") == JobSpec(
        template="new", provider="openai", variants=3, size=Size(1024, 1024), lane=Lane.LIVE
    )
    assert Changes().apply(spec) == spec


def test_a_mistake_beside_a_sheet_is_an_error_with_the_same_sentence() -> None:
    with pytest.raises(CommandError, match="did you mean size="):
        parse_options("sise=1024x1024 A {{ name }}")


@pytest.mark.parametrize(
    "piece",
    [
        "{a}",
        "{",
        "{{",
        " ",
        '"',
        "a ",
        "--a",
        "<@",
        "<",
        "a=`",
        "size=",
        "ratio=a ",
        "\n",
        "&amp;",
        "—",
        "```",
        'a="',
    ],
)
def test_hostile_text_is_answered_quickly(piece: str) -> None:
    for opening in ("run ", 'run template="', "run x='"):
        start = time.perf_counter()
        parse_command((opening + piece * 40_000)[:40_000])
        assert time.perf_counter() - start < 3


@settings(max_examples=200)
@given(
    st.text(alphabet="runstaze =“”\"'`{}-—<>@U1|&;#\n\xa0x0", max_size=60),
    st.sampled_from(["", "run ", "retry ", "help ", "cancel ", "status "]),
)
def test_any_text_gives_a_command(text: str, verb: str) -> None:
    command = parse_command(verb + text)
    assert not isinstance(command, Unknown) or command.suggestion


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("provider=gemini,openai,fal", Changes(route=("gemini", "openai", "fal"))),
        ('provider="Gemini, OpenAI"', Changes(route=("gemini", "openai"))),
        ("--provider gemini,openai,gemini", Changes(route=("gemini", "openai"))),
        ("route=gemini,openai", Changes(route=("gemini", "openai"))),
        ("provider=gemini,", Changes(provider="gemini")),
        ("off_peak=true", Changes(off_peak=True)),
        ("--off-peak yes", Changes(off_peak=True)),
        ("off_peak=no", Changes(off_peak=False)),
        ("chunk=500", Changes(chunk=500)),
        ("--chunk 1", Changes(chunk=1)),
    ],
)
def test_a_route_off_peak_hours_and_a_chunk_are_options(text: str, changes: Changes) -> None:
    assert parse_options(text) == (changes, None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("chunk=0", "chunk: “0” is not a number of pictures; write one from 1 on, like 500."),
        ("chunk=half", "chunk: “half” is not a number"),
        ("chunk=-5", "chunk: “-5” is not a number"),
        ("off_peak=later", "off_peak: “later” is neither yes nor no; write true or false."),
        ("provider=open/ai,fal!", "provider: “fal!” is not the name"),
    ],
)
def test_a_route_or_hours_that_cannot_be_read(text: str, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        parse_options(text)
