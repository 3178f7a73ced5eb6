"""Templates: what people write, and what nobody may."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.intake.template import (
    MAX_EXPANSIONS,
    MAX_PROMPT_CHARACTERS,
    MAX_TAGS,
    MAX_TEMPLATE_CHARACTERS,
    Template,
    TemplateError,
    compile_template,
)

CELLS: Mapping[str, str] = {"sku": "A1", "Product Name": "Trail Runner", "Color": "", "2nd color": "blue"}


def rendered(text: str) -> str:
    return compile_template(text, CELLS.keys()).render(CELLS)


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("A {{ product_name }}", "A Trail Runner"),
        ("A {{Product Name}}", "A Trail Runner"),
        ("A {{ PRODUCT_NAME | upper }}", "A TRAIL RUNNER"),
        ("A {Product Name}", "A Trail Runner"),
        ("A {sku}", "A A1"),
        ("A {{ 2nd color }} and {2nd color}", "A blue and blue"),
        ("{{ color | default('red') }} {{ color | d(“green”) }}", "red green"),
        ("{{ product_name | replace('Trail', 'Road') | lower }}", "road runner"),
        ("{{ product_name | capitalize }} {{ product_name | title }}", "Trail runner Trail Runner"),
        ("a{% if color %} in {{ color }}{% else %} in plain{% endif %} b", "a in plain b"),
        ("{% if sku == 'A1' and not color %}yes{% elif sku in 'xyz' %}no{% endif %}", "yes"),
        ("{{ color or sku }} {{ sku if color else product_name }}", "A1 Trail Runner"),
        ("one\n  {% if sku %}\n  two\n  {% endif %}\nthree", "one\n  two\nthree"),
        ("a{# not for the model #}b", "ab"),
        ("\\{sku\\} \\| {{ sku }}", "{sku} | A1"),
        ("\\{\\{ sku \\}\\}", "{{ sku }}"),
        ("C:\\path 100% $5 } |", "C:\\path 100% $5 } |"),
        ("“{{ product_name }}” – that’s it", "“Trail Runner” – that’s it"),
        ("{{\xa0sku\xa0}}", "A1"),
        ("  {{ sku }}\n", "A1"),
        ("no tags at all", "no tags at all"),
    ],
)
def test_a_template_says_what_it_looks_like(text: str, prompt: str) -> None:
    assert rendered(text) == prompt


def test_the_variables_are_known_before_there_is_a_sheet() -> None:
    template = compile_template("{{ Product Name }} {% if note %}{sku}{% endif %} {a|b}")
    assert template.variables == {"product_name", "note", "sku"}


def test_what_a_cell_says_is_text_not_template() -> None:
    cell = "{{ 7*7 }} {a|b} {% for %} \\{"
    assert compile_template("x {{ sku }}", ["sku"]).render({"sku": cell}) == f"x {cell}"


def test_choices_make_every_combination_and_say_which() -> None:
    template = compile_template("{front view|side view} of {sku} in {red|blue|}", ["sku"])
    assert template.expansions == 6
    assert template.choices == {"choice_1": ("front view", "side view"), "choice_2": ("red", "blue", "")}
    made = list(template.expand({"sku": "A1"}))
    assert [prompt for _, prompt in made][:3] == [
        "front view of A1 in red",
        "front view of A1 in blue",
        "front view of A1 in",
    ]
    assert made[4][0] == {"choice_1": "side view", "choice_2": "blue"}
    assert len({prompt for _, prompt in made}) == 6


def test_a_bar_in_a_choice_can_be_escaped() -> None:
    made = compile_template("{a \\| b|c\\}}", []).expand({})
    assert [prompt for _, prompt in made] == ["a | b", "c}"]


def test_too_many_choices_are_refused_before_anything_is_rendered() -> None:
    with pytest.raises(
        TemplateError, match=f"make 1,024 prompts of every row and the limit is {MAX_EXPANSIONS}"
    ):
        compile_template("{a|b}" * 10)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        (
            "x {{ colr }}",
            r"uses \{\{ colr \}\} at character 3, which is not a column; did you mean \{\{ color \}\}",
        ),
        ("x {colr}", r"uses \{colr\} at character 3, .* write \{\{ color \}\}"),
        ("x\ny {{ zzz }}", r"on line 2, character 3, .* the columns are sku, product_name"),
        ("{{ sku", r"\{\{ at character 1 is never closed"),
        ("{% if sku", r"\{% at character 1 is never closed"),
        ("{{ shoe's }}", "cannot be understood at character 1"),
        ("{a|b", "The brace at character 1 is never closed"),
        ("{a {b|c}|d}", "The brace at character 4 opens inside another"),
        ("{on {{ sku }}|off}", "opens inside another"),
        ("{a|a}", "has “a” twice"),
        ("{1: 2}", "neither a column nor a choice"),
        ("{{ }}", "is empty; write the name of a column"),
        ("{% if sku %}a", "is never closed; write {% endif %}"),
        ("{% endif %}", "cannot be understood on line 1"),
        ("{{ sku | uper }}", "did you mean upper"),
        ("{{ sku | upper('x') }}", r"wrong arguments \(it takes none\)"),
        ("{{ sku | replace('x') }}", "wrong arguments"),
        ("x\0", "NUL character at character 2"),
        ("{{ sku }} " * (MAX_TAGS + 1), f"has 301 tags and the limit is {MAX_TAGS}"),
        ("x" * (MAX_TEMPLATE_CHARACTERS + 1), "has 20,001 characters"),
        ("{% if sku %}" * 50 + "{% endif %}" * 50, "too deeply"),
        ("{{ " + "(" * 5000 + "sku" + ")" * 5000 + " }}", "too deeply nested"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(TemplateError, match=sentence) as caught:
        rendered(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 350


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ sku.__class__ }}",
        "{{ sku['x'] }}",
        "{{ sku|attr('__class__') }}",
        "{{ range(10**9) }}",
        "{{ lipsum() }}",
        "{{ cycler }}",
        "{{ self }}",
        "{{ 'a' * 10**10 }}",
        "{{ sku|center(10**10) }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ '%9999999999d'|format(1) }}",
        "{{ sku ~ sku }}",
        "{{ [sku] }}",
        "{{ {'a': 1} }}",
        "{{ (sku, sku) }}",
        "{{ sku < 'b' }}",
        "{{ not sku }}",
        "{{ 5 }}",
        "{{ none }}",
        "{{ sku is defined }}",
        "{{ sku|default(sku2.x) }}",
        "{{ _choice_1 }}",
        "{% for a in range(9) %}{% for b in range(9) %}x{% endfor %}{% endfor %}",
        "{% set a = sku %}",
        "{% macro m() %}{% endmacro %}",
        "{% include '/etc/passwd' %}",
        "{% import 'x' as y %}",
        "{% extends 'x' %}",
        "{% raw %}{{ x }}{% endraw %}",
        "{% filter upper %}x{% endfilter %}",
        "{% call x() %}{% endcall %}",
        "{% block x %}{% endblock %}",
    ],
)
def test_nothing_that_loops_calls_or_reaches_further_gets_through(text: str) -> None:
    with pytest.raises(TemplateError):
        rendered(text)


def test_replace_cannot_blow_a_prompt_up() -> None:
    filters = " | replace('a', 'aaaaaaaaaa')" * 12
    with pytest.raises(TemplateError, match="replace filter would make the prompt too long"):
        compile_template("{{ sku" + filters + " }}", ["sku"]).render({"sku": "a"})


def test_a_prompt_that_would_be_too_long_is_refused_not_cut() -> None:
    template = compile_template("{{ sku }}" * 4, ["sku"])
    with pytest.raises(TemplateError, match=f"the limit is {MAX_PROMPT_CHARACTERS:,}"):
        template.render({"sku": "x" * 30_000})


def test_a_sheet_without_a_needed_column_is_told_when_they_meet() -> None:
    template = compile_template("{{ name }}")
    with pytest.raises(TemplateError, match=r"did you mean \{\{ product_name"):
        template.for_columns(["sku", "Product Name"])


def test_ten_thousand_rows_take_well_under_two_seconds() -> None:
    template = compile_template(
        "A {{ a }} in {{ b }}{% if c %}, {{ c }}{% endif %} {d}", ["a", "b", "c", "d"]
    )
    row = dict.fromkeys("abcd", "some words")
    start = time.perf_counter()
    for _ in range(10_000):
        template.render(row)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    "piece", ["{", "{{", "{%", "{#", "}", "\\", "{a|", "{{'", "{{ a ", "|", "{{ a|", "{a ", "((", "{{ a-"]
)
def test_a_hostile_template_is_refused_quickly(piece: str) -> None:
    text = (piece * MAX_TEMPLATE_CHARACTERS)[:MAX_TEMPLATE_CHARACTERS]
    start = time.perf_counter()
    with suppress(TemplateError):
        compile_template(text, CELLS.keys())
    assert time.perf_counter() - start < 2


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet="ab {}%|\\'\"#\n.(-", max_size=40))
def test_any_text_is_a_template_or_a_sentence(text: str) -> None:
    try:
        template: Template = compile_template(text, ["a", "b"])
        prompts = list(template.expand({"a": "1", "b": "2"}))
        assert len(prompts) == template.expansions
    except TemplateError as problem:
        assert str(problem)  # noqa: PT017 - either way is right


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_escaping_every_brace_and_backslash_gives_the_text_back(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("{", "\\{").replace("}", "\\}")
    assert compile_template(f"x{escaped}x", []).render({}) == f"x{text}x"
