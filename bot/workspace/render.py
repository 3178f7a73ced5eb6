"""Slack's ways of writing, as HTML: mrkdwn, rich text, Markdown, emoji and times."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from bot.workspace.emoji import EMOJI
from bot.workspace.state import Json, State

_BULLETS = ("•", "◦", "▪")
_HELD = re.compile("\x00(\\d+)\x00")
_CODE_BLOCK = re.compile(r"```\n?(.+?)\n?```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_ANGLE = re.compile(r"<([^<>\n]+)>")
_STYLES = (
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]*?\S)\*(?![\w*])"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]*?\S)_(?![\w_])"), r"<em>\1</em>"),
    (re.compile(r"(?<![\w~])~(?=\S)([^~\n]*?\S)~(?![\w~])"), r"<s>\1</s>"),
)
_SHORTCODE = re.compile(r":([a-z0-9_+'-]+):")


def emoji(name: str) -> str:
    """The character for a shortcode, or the shortcode itself."""
    return EMOJI.get(name.split("::")[0], f":{name}:")


def clock(ts: str | float) -> str:
    return datetime.fromtimestamp(float(ts), UTC).astimezone().strftime("%H:%M")


def day(ts: str | float) -> str:
    moment = datetime.fromtimestamp(float(ts), UTC).astimezone()
    return f"{moment:%A}, {moment:%B} {moment.day}"


def moment(unix: str, form: str, fallback: str) -> str:
    """A `<!date^…>` in the reader's own time; the fallback for a form this small Slack does not draw."""
    day_words = f"{datetime.fromtimestamp(float(unix), UTC).astimezone():%d %b}".lstrip("0")
    for token in ("{date_short_pretty}", "{date_short}", "{date_pretty}", "{date}"):
        form = form.replace(token, day_words)
    form = form.replace("{time}", clock(unix))
    return fallback if "{" in form else form


def bytes_in_words(size: int) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size = size // 1000 if unit == "B" else round(size / 1000)
    return f"{size} GB"


class Writer:
    """Turns what apps and people wrote into HTML for one workspace."""

    def __init__(self, state: State) -> None:
        self._state = state

    # --- mrkdwn -----------------------------------------------------------------------------------------
    def text(self, value: Json | None) -> Markup:
        """A text object."""
        if not value:
            return Markup()
        if value.get("type") == "plain_text":
            plain = str(value.get("text", ""))
            return self._lines(escape(self.shortcodes(plain) if value.get("emoji", True) else plain))
        return self.mrkdwn(str(value.get("text", "")))

    def mrkdwn(self, source: str) -> Markup:
        """Slack's own markup, as messages use it."""
        held: list[str] = []

        def hold(html: str) -> str:
            held.append(html)
            return f"\x00{len(held) - 1}\x00"

        def literal(text: str) -> str:
            return str(escape(_unescape(text)))

        text = source.replace("\x00", "")
        text = _CODE_BLOCK.sub(lambda m: hold(f"<pre>{literal(m[1])}</pre>"), text)
        text = _CODE.sub(lambda m: hold(f"<code>{literal(m[1])}</code>"), text)
        text = _ANGLE.sub(lambda m: hold(self._angle(m[1])), text)
        text = str(escape(_unescape(text)))
        text = _quoted(self._styled(text))
        while _HELD.search(text):
            text = _HELD.sub(lambda m: held[int(m[1])], text)
        return self._lines(_html(text))

    def _styled(self, text: str) -> str:
        for pattern, html in _STYLES:
            text = pattern.sub(html, text)
        return self.shortcodes(text)

    @staticmethod
    def shortcodes(text: str) -> str:
        """Text with its :shortcodes: as characters."""
        return _SHORTCODE.sub(lambda m: EMOJI.get(m[1], m[0]), text)

    @staticmethod
    def _lines(html: Markup) -> Markup:
        text = str(html).replace("\n", "<br>")
        # Line breaks inside and around block elements are not text.
        text = re.sub(r"<pre>.*?</pre>", lambda m: m[0].replace("<br>", "\n"), text, flags=re.DOTALL)
        return _html(re.sub(r"(</?(?:pre|blockquote)>)<br>", r"\1", text))

    def _angle(self, inside: str) -> str:
        """One <...> token: a person, a channel, a group, a date or a link."""
        target, _, label = inside.partition("|")
        if target.startswith("@"):
            return self.person(target[1:])
        if target.startswith("#"):
            return self.room(target[1:])
        if target.startswith("!subteam^"):
            group = self._state.groups.get(target.removeprefix("!subteam^"))
            handle = group.handle if group else label.removeprefix("@") or "group"
            return f'<span class="mention">@{escape(handle)}</span>'
        if target.startswith("!date^"):
            unix, _, form = target.removeprefix("!date^").partition("^")
            form = form.partition("^")[0]
            shown = moment(unix, _unescape(form), _unescape(label)) if unix.isdecimal() else _unescape(label)
            return str(escape(shown))
        if target.startswith("!"):
            return f'<span class="mention">@{escape(target[1:])}</span>'
        return self.link(_unescape(target), _unescape(label))

    def link(self, url: str, label: str = "") -> str:
        if not url.startswith(("http://", "https://", "mailto:")):
            return str(escape(label or url))
        return f'<a href="{escape(url)}" target="_blank" rel="noopener">{escape(label or url)}</a>'

    def person(self, user_id: str) -> str:
        user = self._state.users.get(user_id)
        return f'<span class="mention">@{escape(user.name if user else user_id)}</span>'

    def room(self, channel_id: str) -> str:
        channel = self._state.channels.get(channel_id)
        name = escape(channel.name if channel else channel_id)
        return f'<a class="mention" href="#" data-goto="{escape(channel_id)}">#{name}</a>'

    # --- rich text --------------------------------------------------------------------------------------
    def rich_text(self, block: Json) -> Markup:
        """A rich_text block or the like-shaped cell of a table."""
        return Markup("").join(self._rich_part(part) for part in block.get("elements", []))

    def _rich_part(self, part: Json) -> Markup:
        inside = Markup("").join(_html(self._rich_span(item)) for item in part.get("elements", []))
        match part.get("type"):
            case "rich_text_list":
                tag = "ol" if part.get("style") == "ordered" else "ul"
                items = Markup("").join(
                    Markup("<li>{}</li>").format(self._rich_part(item)) for item in part.get("elements", [])
                )
                indent = int(part.get("indent", 0))
                return Markup('<{0} class="indent-{1}">{2}</{0}>').format(_html(tag), indent, items)
            case "rich_text_quote":
                return Markup("<blockquote>{}</blockquote>").format(inside)
            case "rich_text_preformatted":
                text = _html(str(inside).replace("<br>", "\n"))
                return Markup("<pre>{}</pre>").format(text)
            case _:
                return inside

    def _rich_span(self, item: Json) -> str:
        match item.get("type"):
            case "link":
                html = self.link(str(item.get("url", "")), str(item.get("text") or ""))
            case "emoji":
                html = emoji(str(item.get("name", "")))
            case "user":
                html = self.person(str(item.get("user_id", "")))
            case "channel":
                html = self.room(str(item.get("channel_id", "")))
            case "broadcast":
                html = f'<span class="mention">@{escape(item.get("range", "here"))}</span>'
            case "date":
                html = str(escape(item.get("fallback") or clock(item.get("timestamp", 0))))
            case "rich_text_section":
                return ""
            case _:
                html = str(escape(item.get("text", ""))).replace("\n", "<br>")
        style = item.get("style") if isinstance(item.get("style"), dict) else {}
        for name, tag in (("bold", "strong"), ("italic", "em"), ("strike", "s"), ("code", "code")):
            if style and style.get(name):
                html = f"<{tag}>{html}</{tag}>"
        return html

    def cell(self, cell: Any) -> Markup:
        """One cell of a table."""
        if not isinstance(cell, dict):
            return escape(str(cell))
        if cell.get("type") == "rich_text":
            return self.rich_text(cell)
        if cell.get("type") in ("mrkdwn", "plain_text"):
            return self.text(cell)
        return escape(str(cell.get("text", cell.get("value", ""))))

    # --- Markdown ---------------------------------------------------------------------------------------
    def markdown(self, source: str) -> Markup:
        """The basics of Markdown: headings, lists, code, quotes, tables, emphasis and links."""
        done: list[str] = []
        lines = source.replace("\r", "").split("\n")
        while lines:
            done.append(self._markdown_part(lines))
        return _html("".join(done))

    def _markdown_part(self, lines: list[str]) -> str:
        line = lines.pop(0)
        if line.startswith("```"):
            code = _taken(lines, lambda each: not each.startswith("```"))
            del lines[:1]
            return f"<pre>{escape(chr(10).join(code))}</pre>"
        heading = re.match(r"(#{1,6})\s+(.*)", line)
        if heading:
            level = min(len(heading[1]) + 2, 6)
            return f"<h{level}>{self._markdown_inline(heading[2])}</h{level}>"
        if line.startswith("|"):
            rows = [line, *_taken(lines, lambda each: each.startswith("|"))]
            return self._markdown_table(rows)
        for pattern, tag in ((r"\s*[-*+]\s+(.*)", "ul"), (r"\s*\d+[.)]\s+(.*)", "ol")):
            if re.match(pattern, line):
                items = [line, *_taken(lines, re.compile(pattern).match)]
                texts = [self._markdown_inline(re.sub(pattern, r"\1", item)) for item in items]
                inside = "".join(f"<li>{text}</li>" for text in texts)
                return f"<{tag}>{inside}</{tag}>"
        if line.startswith(">"):
            return f"<blockquote>{self._markdown_inline(line.lstrip('> '))}</blockquote>"
        if re.fullmatch(r"\s*(-{3,}|\*{3,})\s*", line):
            return "<hr>"
        return f"<p>{self._markdown_inline(line)}</p>" if line.strip() else ""

    def _markdown_table(self, rows: list[str]) -> str:
        cells = [[cell.strip() for cell in row.strip("| ").split("|")] for row in rows]
        body = [row for row in cells if not all(re.fullmatch(r":?-+:?", cell) for cell in row)]
        html = ""
        for index, row in enumerate(body):
            tag = "th" if index == 0 else "td"
            html += "<tr>" + "".join(f"<{tag}>{self._markdown_inline(c)}</{tag}>" for c in row) + "</tr>"
        return f'<div class="table-wrap"><table>{html}</table></div>'

    def _markdown_inline(self, source: str) -> str:
        text = str(escape(source))
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
        text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
        text = re.sub(r"(?<![\w*])[*_](?=\S)(.+?)[*_](?![\w*])", r"<em>\1</em>", text)
        text = re.sub(
            r"\[([^\]]+)\]\((https?://[^)\s]+)\)", r'<a href="\2" target="_blank" rel="noopener">\1</a>', text
        )
        return self.shortcodes(text)


def _html(made_here: str) -> Markup:
    """HTML this module put together; everything foreign in it was escaped on the way."""
    return Markup(made_here)  # noqa: S704


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _quoted(text: str) -> str:
    """Lines that begin with an (escaped) > become quotes."""
    done, quote = [], list[str]()
    for line in [*text.split("\n"), None]:
        if line is not None and line.startswith("&gt;"):
            quote.append(line.removeprefix("&gt;").strip())
            continue
        if quote:
            done.append("<blockquote>" + "<br>".join(quote) + "</blockquote>")
            quote = []
        if line is not None:
            done.append(line)
    return "\n".join(done)


def _taken(lines: list[str], while_true: Callable[[str], object]) -> list[str]:
    """Take lines off the front for as long as the condition holds."""
    taken = []
    while lines and while_true(lines[0]):
        taken.append(lines.pop(0))
    return taken
