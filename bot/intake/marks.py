"""Read the marks of a template - tags, choices, single braces, escapes - and turn them into plain Jinja2.

Jinja2 knows only `{{ }}`, `{% %}` and `{# #}`, and tells the line of a mistake but not the character. This
reader goes first, so that everything people write in braces has one meaning and every sentence a place.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from bot.intake.columns import RESERVED, identifier
from bot.intake.records import quoted


class TemplateError(ValueError):
    """The template cannot be used; one sentence that says what, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Value:
    """A place where a column goes."""

    name: str
    """As the person wrote it."""
    variable: str
    """As the Jinja source has it."""
    start: int
    bare: bool
    """Written with single braces."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice list."""

    variable: str
    options: tuple[str, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Marks:
    """A template, read: the Jinja2 source that means the same, and what was found."""

    source: str
    expressions: tuple[tuple[str, int], ...]
    """Each `{{ ... }}` as Jinja source, and where it begins in the text."""
    values: tuple[Value, ...]
    choices: tuple[Choice, ...]
    tags: int


STATEMENTS = ("if", "elif", "else", "endif")
"""The only words a `{% %}` may begin with."""

_TYPED = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "\xa0": " ", "\u202f": " ", "\u200b": ""}
)
"""What Slack and phones type instead of quotes and spaces; put right inside tags only."""

_WORDS = re.compile(r"\s*([^\W_]\w*(?:[ \t-]+\w+)*)\s*(?=\||$)")
"""A column's name as written in a header: words, before a filter or the end."""

_PIECES = re.compile(r"\{\{|\{%|\{#|\\[{}|\\]|\{", re.DOTALL)


def position(text: str, index: int) -> str:
    """Where the index is, as a person finds it."""
    line = text.count("\n", 0, index) + 1
    column = index - text.rfind("\n", 0, index)
    return f"at character {column}" if "\n" not in text.strip() else f"on line {line}, character {column}"


def read_marks(text: str) -> Marks:
    """Read a template. Raises TemplateError at a mark that is not closed or has no meaning."""
    return _Reader(text).read()


@dataclass(slots=True)
class _Reader:
    text: str
    out: list[str] = field(default_factory=list)
    expressions: list[tuple[str, int]] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    tags: int = 0

    def read(self) -> Marks:
        at = 0
        while found := _PIECES.search(self.text, at):
            self.out.append(self.text[at : found.start()])
            match found[0]:
                case "{{":
                    at = self._expression(found.start())
                case "{%":
                    at = self._statement(found.start())
                case "{#":
                    at = self._end(found.start(), "#}")
                case "{":
                    at = self._single(found.start())
                case escape:
                    # In front of anything but a brace or a bar a backslash is only itself
                    self.out.append("{{ '{' }}" if escape[1] == "{" else escape[1])
                    at = found.end()
        self.out.append(self.text[at:])
        return Marks(
            "".join(self.out), tuple(self.expressions), tuple(self.values), tuple(self.choices), self.tags
        )

    def _end(self, start: int, closing: str) -> int:
        """The index behind the closing mark; quoted text inside a tag may contain it."""
        mark = re.escape(closing)
        skip = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|" if closing != "#}" else ""
        # An apostrophe that closes nothing would hide the end of the tag: look again without the quotes
        for pattern in (f"{skip}{mark}", mark):
            for found in re.compile(pattern, re.DOTALL).finditer(self.text, start + 2):
                if found[0] == closing:
                    return found.end()
        opening = self.text[start : start + 2]
        raise TemplateError(
            f"{opening} {position(self.text, start)} is never closed; "
            f"write {closing} behind it, or \\{{ for a brace."
        )

    def _expression(self, start: int) -> int:
        end = self._end(start, "}}")
        inner = self.text[start + 2 : end - 2].translate(_TYPED)
        if not inner.strip(" -+\n\t"):
            raise TemplateError(
                f"{{{{ }}}} {position(self.text, start)} is empty; write the name of a column in it."
            )
        named = _WORDS.match(inner)
        if named and not RESERVED & set(named[1].lower().split()):
            variable = identifier(named[1])
            self.values.append(Value(named[1], variable, start, bare=False))
            inner = f" {variable} {inner[named.end() :]}"
        tag = f"{{{{{inner}}}}}"
        self.expressions.append((tag, start))
        self.out.append(tag)
        self.tags += 1
        return end

    def _statement(self, start: int) -> int:
        end = self._end(start, "%}")
        statement = self.text[start:end].translate(_TYPED)
        word = re.match(r"\{%[-+]?\s*(\w*)", statement)
        if not word or word[1] not in STATEMENTS:
            raise TemplateError(
                f"{quoted(statement, 20)} {position(self.text, start)} is not for templates; "
                "use {% if … %}, {% elif … %}, {% else %} and {% endif %} only."
            )
        self.out.append(statement)
        self.tags += 1
        return end

    def _single(self, start: int) -> int:
        """`{name}` or `{a|b}`."""
        end = self._closing(start)
        inner = self.text[start + 1 : end - 1]
        options = re.split(r"(?<!\\)\|", inner)
        if len(options) > 1:
            self._choice(options, start)
            return end
        name = unicodedata.normalize("NFKC", inner).strip()
        if not re.fullmatch(r"[^\W_]\w*(?:[ \t-]+\w+)*", name):
            raise TemplateError(
                f"{quoted('{' + inner + '}')} {position(self.text, start)} is neither a column nor a choice; "
                "write {{ name }} for a column, {a|b} for a choice, or \\{ for a brace."
            )
        variable = identifier(name)
        self.values.append(Value(name, variable, start, bare=True))
        self.out.append(f"{{{{ {variable} }}}}")
        self.tags += 1
        return end

    def _closing(self, start: int) -> int:
        for found in re.compile(r"\\.|[{}]", re.DOTALL).finditer(self.text, start + 1):
            if found[0] == "}":
                return found.end()
            if found[0] == "{":
                raise TemplateError(
                    f"The brace {position(self.text, found.start())} opens inside another; choices are plain "
                    "words and are not nested (write \\{ for a brace)."
                )
        raise TemplateError(
            f"The brace {position(self.text, start)} is never closed; "
            "write } behind it, or \\{ for a brace."
        )

    def _choice(self, options: list[str], start: int) -> None:
        plain = tuple(re.sub(r"\\([{}|\\])", r"\1", option).strip() for option in options)
        if len(set(plain)) < len(plain):
            twice = next(option for option in plain if plain.count(option) > 1)
            raise TemplateError(
                f"The choice {position(self.text, start)} has {quoted(twice)} twice; "
                "every option makes a picture."
            )
        variable = f"_choice_{len(self.choices) + 1}"
        self.choices.append(Choice(variable, plain, start))
        self.out.append(f"{{{{ {variable} }}}}")
        self.tags += 1
