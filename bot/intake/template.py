"""Prompt templates: Jinja2 cut down to what a prompt needs, with `{a|b}` for choices.

A template comes from anybody who may post in the channel, so it is checked before it is compiled: only the
kinds of expression listed here get through, none of which can loop, call, or reach an attribute. What is left
cannot run long or grow large: the tags are counted, the cells are bounded, and the filters are ours.

What people write, and what it means::

    {{ name }}  {{ Product Name }}  {name}     the cell of that column (the last only when it is a column)
    {{ color | upper }}                        through a filter: see FILTERS
    {% if color %} in {{ color }}{% endif %}   if / elif / else
    {front view|side view}                     one prompt for each
    \\{  \\}  \\|                                 the character itself
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, NoReturn

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2 import Template as JinjaTemplate
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.intake.columns import identifier, variables_of
from bot.intake.marks import Choice, TemplateError, Value, position, read_marks
from bot.intake.records import quoted

__all__ = ["FILTERS", "Template", "TemplateError", "compile_template"]

MAX_TEMPLATE_CHARACTERS = 20_000
"""Twice as long as anybody's; the longest prompt a model of the catalogue takes is 32,000 with its cells."""

MAX_TAGS = 300
"""With cells of at most 32,767 characters this bounds what rendering one row can allocate."""

MAX_DEPTH = 12
"""Conditions and filters inside one another; Python's own compiler gives up at 20 blocks."""

MAX_PROMPT_CHARACTERS = 100_000
"""Three times the longest prompt any model takes. A row whose prompt is longer is refused, not cut."""

MAX_EXPANSIONS = 100
"""Prompts one row may become through choices: above that, a forgotten list costs real money."""


def _capitalize(value: str) -> str:
    return value[:1].upper() + value[1:].lower()


def _default(value: str, instead: str = "") -> str:
    return value if value.strip() else instead


def _replace(value: str, old: str, new: str) -> str:
    if not old or len(value) + value.count(old) * (len(new) - len(old)) > MAX_PROMPT_CHARACTERS:
        raise TemplateError("The replace filter would make the prompt too long; replace something rarer.")
    return value.replace(old, new)


FILTERS = {
    "capitalize": _capitalize,
    "d": _default,
    "default": _default,
    "lower": str.lower,
    "replace": _replace,
    "title": str.title,
    "trim": str.strip,
    "upper": str.upper,
}
"""Filters a template may use. `default` stands in for an empty cell, too."""

_ARGUMENTS = {"d": (0, 1), "default": (0, 1), "replace": (2, 2)}
"""Fewest and most arguments, all of them quoted text; the others take none."""

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Filter,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
)

_OPERATORS = {"eq", "ne", "in", "notin"}
"""Comparisons that cannot fail on text."""


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.clear()
    environment.tests.clear()
    environment.filters.clear()
    environment.filters.update(FILTERS)
    return environment


_ENVIRONMENT = _environment()


@dataclass(frozen=True, slots=True)
class _Slot:
    """A choice list: its name in results, its hidden variable, its options."""

    name: str
    variable: str
    options: tuple[str, ...]


class Template:
    """A checked, compiled template. Build it with `compile_template`."""

    def __init__(
        self, text: str, compiled: JinjaTemplate, values: tuple[Value, ...], slots: tuple[_Slot, ...]
    ) -> None:
        self.text = text
        self.variables: frozenset[str] = frozenset(identifier(value.name) for value in values)
        """The columns it needs, as template variables."""
        self.expansions: int = prod(len(slot.options) for slot in slots)
        """Prompts each row becomes: the product of the choice lists' lengths."""
        self._compiled = compiled
        self._values = values
        self._slots = slots
        self._columns: tuple[tuple[str, str], ...] | None = None

    @property
    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """The choice lists, `choice_1` first, with their options."""
        return {slot.name: slot.options for slot in self._slots}

    def for_columns(self, columns: Collection[str], mapping: Mapping[str, str] | None = None) -> Template:
        """The same template, tied to a sheet's columns. Raises TemplateError naming one that is missing.

        `mapping`: the column meant by a variable of another name; an empty name leaves the variable blank. A
        column that this sheet does not have is passed over, and the variable's own name tried.
        """
        tied = Template(self.text, self._compiled, self._values, self._slots)
        tied._columns = self._tie(columns, mapping or {})
        return tied

    def missing(self, columns: Collection[str]) -> tuple[str, ...]:
        """The variables for which there is no column, in the template's order."""
        known = variables_of(columns)
        return tuple(dict.fromkeys(v for value in self._values if (v := identifier(value.name)) not in known))

    def render(self, cells: Mapping[str, str]) -> str:
        """The prompt for a row, with the first option of every choice list. Raises TemplateError."""
        return next(self.expand(cells))[1]

    def expand(self, cells: Mapping[str, str]) -> Iterator[tuple[Mapping[str, str], str]]:
        """Every prompt for a row, with the options chosen for it. Raises TemplateError."""
        columns = self._columns if self._columns is not None else self._tie(cells.keys(), {})
        values = {variable: cells[column] if column else "" for variable, column in columns}
        if not self._slots:
            yield {}, self._filled(values)
            return
        for options in product(*(slot.options for slot in self._slots)):
            chosen = dict(zip((slot.name for slot in self._slots), options, strict=True))
            for slot, option in zip(self._slots, options, strict=True):
                values[slot.variable] = option
            yield chosen, self._filled(values)

    def _filled(self, values: dict[str, str]) -> str:
        try:
            prompt = self._compiled.render(values).strip()
        except TypeError as problem:
            raise TemplateError(f"The template cannot be filled in for this row ({problem}).") from problem
        if len(prompt) > MAX_PROMPT_CHARACTERS:
            raise TemplateError(
                f"The prompt would have {len(prompt):,} characters, the limit is {MAX_PROMPT_CHARACTERS:,}; "
                "shorten the cells or the template."
            )
        return prompt

    def _tie(self, columns: Collection[str], mapping: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Jinja's name of each variable -> the column it means, "" for none."""
        known = variables_of(columns)
        known |= {name: column for name, column in mapping.items() if not column or column in columns}
        tied: dict[str, str] = {}
        for value in self._values:
            column = known.get(identifier(value.name))
            if column is None:
                raise TemplateError(_unknown(value, self.text, known))
            tied[value.variable] = column
        return tuple(tied.items())


def compile_template(
    text: str, columns: Collection[str] | None = None, mapping: Mapping[str, str] | None = None
) -> Template:
    """Check and compile a template, and tie it to a sheet's columns if they are given.

    Raises TemplateError: one sentence with the line and character where something is wrong.
    """
    if not text.strip():
        raise TemplateError("The template is empty; write the prompt, with {{ name }} where a column goes.")
    if len(text) > MAX_TEMPLATE_CHARACTERS:
        raise TemplateError(
            f"The template has {len(text):,} characters, and at most "
            f"{MAX_TEMPLATE_CHARACTERS:,} are allowed, so shorten it."
        )
    if "\0" in text:
        raise TemplateError(
            f"The template has a NUL character {position(text, text.index(chr(0)))}; remove it."
        )
    marks = read_marks(text)
    if marks.tags > MAX_TAGS:
        raise TemplateError(f"The template has {marks.tags} tags and the limit is {MAX_TAGS}; shorten it.")
    slots = tuple(
        _Slot(f"choice_{n}", choice.variable, choice.options) for n, choice in enumerate(marks.choices, 1)
    )
    _check_expansions(marks.choices)
    for source, start in marks.expressions:
        _parse(source, text, start)
    tree = _parse(marks.source, text, None)
    names = _names(tree) - {slot.variable for slot in slots}
    by_name = {value.variable: value for value in marks.values}
    values = tuple(
        by_name.get(name) or Value(name, name, text.find(name), bare=False) for name in sorted(names)
    )
    values = tuple(sorted(values, key=lambda value: value.start))
    template = Template(text, _compile(tree), values, slots)
    return template if columns is None else template.for_columns(columns, mapping)


def _check_expansions(choices: tuple[Choice, ...]) -> None:
    expansions = prod(len(choice.options) for choice in choices)
    if expansions > MAX_EXPANSIONS:
        raise TemplateError(
            f"The choices make {expansions:,} prompts of every row and the limit is {MAX_EXPANSIONS}; "
            "take some away."
        )


def _compile(tree: nodes.Template) -> JinjaTemplate:
    try:
        return _ENVIRONMENT.from_string(tree)
    except (TemplateSyntaxError, SyntaxError, RecursionError, MemoryError) as problem:
        raise TemplateError(
            f"The template is too deeply nested ({type(problem).__name__}); simplify it."
        ) from problem


# --- checking ----------------------------------------------------------------------------------------


def _parse(source: str, text: str, start: int | None) -> nodes.Template:
    """Jinja's tree of the source, with nothing in it that is not allowed."""
    try:
        tree = _ENVIRONMENT.parse(source)
    except TemplateSyntaxError as problem:
        where = position(text, start) if start is not None else f"on line {problem.lineno}"
        message = (problem.message or "").rstrip(".")
        if message.startswith("Unexpected end"):
            raise TemplateError("An {% if %} is never closed; write {% endif %} where it ends.") from problem
        raise TemplateError(f"The template cannot be understood {where}: {message}.") from problem
    except RecursionError:
        raise TemplateError("The template is too deeply nested; simplify it.") from None
    _check(tree, lambda node: position(text, start) if start is not None else f"on line {node.lineno}", 0)
    return tree


def _check(node: nodes.Node, where: Any, depth: int) -> None:
    def refuse(what: str) -> NoReturn:
        raise TemplateError(f"The template uses {what} {where(node)}; {_HOW}")

    if depth > MAX_DEPTH * 3:  # one level of the text is up to three of the tree
        raise TemplateError(f"The template is nested too deeply {where(node)}; simplify it.")
    match node:
        case nodes.Filter(name=name):
            if name not in FILTERS:
                close = difflib.get_close_matches(name, FILTERS, 1)
                hint = f" (did you mean {close[0]}?)" if close else ""
                refuse(f"the filter {quoted(name)}{hint}")
            _check_arguments(node, refuse)
        case nodes.Output(nodes=parts) if any(isinstance(part, (nodes.Compare, nodes.Not)) for part in parts):
            refuse("a comparison as text")
        case nodes.Operand(op=op) if op not in _OPERATORS:
            refuse("a comparison other than ==, != and in")
        case nodes.Const(value=value) if not isinstance(value, str):
            refuse(f"{value!r} where quoted text belongs")
        case nodes.Name(ctx=ctx, name=name) if ctx != "load" or name.startswith("_"):
            if not name.startswith("_choice_"):
                refuse(f"the name {quoted(name)}")
        case _ if not isinstance(node, _ALLOWED):
            refuse(_WHAT.get(type(node).__name__, type(node).__name__.lower()))
        case _:
            pass
    for child in node.iter_child_nodes():
        _check(child, where, depth + 1)


def _check_arguments(node: nodes.Filter, refuse: Any) -> None:
    fewest, most = _ARGUMENTS.get(node.name, (0, 0))
    constant = all(isinstance(arg, nodes.Const) and isinstance(arg.value, str) for arg in node.args)
    if (
        node.kwargs
        or node.dyn_args
        or node.dyn_kwargs
        or not constant
        or not fewest <= len(node.args) <= most
    ):
        refuse(
            f"the filter {quoted(node.name)} with the wrong arguments "
            f"(it takes {most or 'none'}{', as quoted text' if most else ''})"
        )


_HOW = (
    "a template may use columns, {% if %}, {a|b} choices, and the filters "
    f"{', '.join(sorted({*FILTERS} - {'d'}))}."
)

_WHAT = {
    "Call": "a call",
    "Getattr": "a dot",
    "Getitem": "square brackets",
    "For": "a loop",
    "Macro": "a macro",
    "Assign": "{% set %}",
    "AssignBlock": "{% set %}",
    "Test": "a test (“is …”)",
    "Include": "{% include %}",
    "Import": "{% import %}",
    "FromImport": "{% import %}",
    "Extends": "{% extends %}",
    "List": "a list",
    "Dict": "a dictionary",
    "Tuple": "a list",
    "Concat": "~",
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow", "Neg", "Pos"), "arithmetic"),
}


def _names(tree: nodes.Template) -> set[str]:
    return {name.name for name in tree.find_all(nodes.Name)}


def _unknown(value: Value, text: str, known: Mapping[str, str]) -> str:
    where = position(text, value.start) if value.start >= 0 else "in the template"
    shown = f"{{{value.name}}}" if value.bare else f"{{{{ {value.name} }}}}"
    close = difflib.get_close_matches(identifier(value.name), known, 3, 0.5)
    said = " or ".join(f"{{{{ {name} }}}}" for name in close)
    if value.bare:
        hint = f"write {said or '{{ name }}'} for a column, or \\{{ for a brace."
    elif close:
        hint = f"did you mean {said}?"
    else:
        hint = f"the columns are {_list(known)}."
    return f"The template uses {shown} {where}, which is not a column; {hint}"


def _list(known: Collection[str]) -> str:
    names = list(known)
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
