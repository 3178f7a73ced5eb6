"""Slack's ways of writing, as HTML that cannot be tricked."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from markupsafe import Markup

from bot.workspace import emoji
from bot.workspace.emoji import EMOJI, pictured
from bot.workspace.render import Writer, bytes_in_words
from bot.workspace.server import Workspace

APART = 'target="_blank" rel="noopener"'


@pytest.fixture(scope="module")
def writer() -> Writer:
    return Writer(Workspace()._site.state)


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("*bold* _slanted_ ~gone~", "<strong>bold</strong> <em>slanted</em> <s>gone</s>"),
        ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
        ("`a *b* &lt;c&gt;`", "<code>a *b* &lt;c&gt;</code>"),
        ("```\nx = 1\ny\n```", "<pre>x = 1\ny</pre>"),
        ("a\nb", "a<br>b"),
        ("&gt; quoted\nafter", "<blockquote>quoted</blockquote>after"),
        ("<@U0ANAFERREIRA>", '<span class="mention">@ana</span>'),
        ("<!here>", '<span class="mention">@here</span>'),
        ("<!subteam^S0BRANDTEAM>", '<span class="mention">@brand-team</span>'),
        ("<!date^1795000000^{date_num}|soon>", "soon"),
        ("<https://a.b/?x=1&amp;y=2|*c*>", f'<a href="https://a.b/?x=1&amp;y=2" {APART}>*c*</a>'),
        ("<javascript:alert(1)|press me>", "press me"),
        (":tada: :unheard_of:", "🎉 :unheard_of:"),
        ("&lt;script&gt; &amp; &quot;", "&lt;script&gt; &amp; &amp;quot;"),
    ],
)  # fmt: skip
def test_mrkdwn(writer: Writer, source: str, html: str) -> None:
    assert str(writer.mrkdwn(source)) == html


def test_a_time_is_shown_as_the_readers_clock_shows_it(writer: Writer) -> None:
    token = "<!date^1795000000^{date_short_pretty} at {time}|soon>"
    local = datetime.fromtimestamp(1795000000, UTC).astimezone()
    assert str(writer.mrkdwn(token)) == f"{local.day} {local:%b} at {local:%H:%M}"


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        '<https://a.b/"onmouseover="alert(1)|x>',
        "`<img src=x onerror=alert(1)>`",
        "*<b onclick=alert(1)>*",
        "\x000\x00<svg/onload=alert(1)>",
    ],
)
def test_no_markup_gets_through(writer: Writer, source: str) -> None:
    for html in (
        writer.mrkdwn(source),
        writer.markdown(source),
        writer.text({"type": "plain_text", "text": source}),
    ):
        for bad in ("<script", "<img", "<svg", "<b ", '"onmouseover'):
            assert bad not in str(html)


def test_plain_text_is_plain(writer: Writer) -> None:
    assert str(writer.text({"type": "plain_text", "text": "*a* :tada:"})) == "*a* 🎉"
    assert str(writer.text({"type": "plain_text", "text": ":tada:", "emoji": False})) == ":tada:"


def test_rich_text(writer: Writer) -> None:
    section = {
        "type": "rich_text_section",
        "elements": [{"type": "text", "text": "a<b", "style": {"bold": True}}],
    }
    assert str(writer.rich_text({"elements": [section]})) == "<strong>a&lt;b</strong>"
    items = {"type": "rich_text_list", "style": "ordered", "elements": [section, section]}
    assert str(writer.rich_text({"elements": [items]})).count("<li><strong>a&lt;b</strong></li>") == 2
    code = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "a\nb"}]}
    assert str(writer.rich_text({"elements": [code]})) == "<pre>a\nb</pre>"


def test_markdown(writer: Writer) -> None:
    source = "# Title\n- **a**\n- [b](https://c.d)\n\n| x | y |\n|---|---|\n| 1 | 2 |\n"
    source += "```\n<b>\n```\n> said\n\n---\n1. one"
    html = str(writer.markdown(source))
    for part in (
        "<h3>Title</h3>",
        "<li><strong>a</strong></li>",
        'href="https://c.d"',
        "<th>x</th>",
        "<td>2</td>",
        "<pre>&lt;b&gt;</pre>",
        "<blockquote>said</blockquote>",
        "<hr>",
        "<ol><li>one</li></ol>",
    ):
        assert part in html


def test_emoji_are_drawn_over_their_characters_and_nowhere_else() -> None:
    html = str(pictured(Markup('<a title="🎉">🎉 done ⚠️ 🦄</a>')))
    assert html.startswith('<a title="🎉"><span class="emoji"><svg aria-hidden="true"><use href="')
    assert "<span>🎉</span>" in html
    assert "<span>⚠️</span>" in html
    assert html.endswith(" 🦄</a>")


def test_every_drawing_belongs_to_a_shortcode() -> None:
    drawn = re.findall(r'id="e([0-9a-f]+)"', (Path(emoji.__file__).parent / "static/emoji.svg").read_text())
    characters = {character[0] for character in EMOJI.values()}
    assert {chr(int(code, 16)) for code in drawn} <= characters


def test_sizes_in_words() -> None:
    assert [bytes_in_words(n) for n in (7, 1_500, 2_400_000)] == ["7 B", "1 kB", "2 MB"]
