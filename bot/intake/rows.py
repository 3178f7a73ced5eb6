"""From the lines of a sheet to the pictures they ask for."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from bot.intake.columns import Columns
from bot.intake.records import quoted
from bot.intake.references import read_references
from bot.intake.sheet import Sheet
from bot.intake.spec import BadRow, JobSpec, SheetRow, Wish, dressed
from bot.intake.template import Template, TemplateError
from providers.base import Size
from providers.catalogue import Cards

__all__ = ["MAX_VARIANTS", "check_variants", "read_rows", "row_reader"]

MAX_VARIANTS = 20
"""Pictures of one prompt. Nobody compares more, and a typed 200 costs real money."""

MAX_SIDE_PX = 16_384
"""Of a picture to deliver; four times the largest any model makes."""

MAX_ALT_CHARACTERS = 250
"""Screen readers cut longer ones, and Slack shows no more."""

BACKGROUNDS = frozenset({"transparent", "opaque", "auto"})
"""Words of the `background` column that are an option; any other text there is about the scene."""


_ASKING = ("size", "variants", "provider", "model", "quality")
"""Columns whose words are read the same whatever the row."""


class _RowProblem(ValueError):
    """One sentence about the row being read."""


def read_rows(
    sheet: Sheet, spec: JobSpec, template: Template | None, *, cards: Cards | None = None
) -> Iterator[tuple[SheetRow, list[Wish]] | BadRow]:
    """Each row with the pictures it asks for, or why it cannot be used; streamed.

    A row's own `prompt` is taken as it is written and wins over the template; both are dressed in the spec's
    prefix and suffix. A row's own size, model and so on win over the spec's; where both are silent the wish
    is, too. With `cards` the words of the `provider`, `model` and `quality` columns must be in the catalogue;
    without, only their form is checked. Raises TemplateError when the template needs a column that the sheet
    does not have, and SheetError.
    """
    tied = template.for_columns(sheet.columns, spec.mapping) if template else None
    reader = _Reader(sheet.roles, spec, tied, cards)
    for row in sheet.rows():
        if isinstance(row, BadRow):
            yield row
            continue
        try:
            wishes = reader.wishes(row)
        except (_RowProblem, TemplateError) as problem:
            yield BadRow(row.number, row.line, row.cells, str(problem))
        else:
            yield row, wishes


def row_reader(
    columns: Columns, spec: JobSpec, template: Template | None, *, cards: Cards | None = None
) -> Callable[[SheetRow], list[Wish]]:
    """Reads rows of these columns one by one, as `read_rows` does; each call may raise ValueError with the
    row's problem as a sentence. Raises TemplateError for the template itself.
    """
    tied = template.for_columns(columns.names, spec.mapping) if template else None
    return _Reader(columns.roles, spec, tied, cards).wishes


def unsaid(sheet: Sheet) -> str:
    """What to write where neither a template nor a column says what is in the pictures, with columns of the
    sheet as an example.
    """
    ours = set(sheet.roles.values())
    told = [variable for variable, column in sheet.variables.items() if column not in ours]
    first, *more = told or list(sheet.variables)
    example = f"Studio photo of {{{{ {first} }}}}" + (f", {{{{ {more[0]} }}}}" if more else "")
    return (
        f"Nothing says what the pictures shall show. Write a prompt template with {sheet.name}, such as "
        f"“{example}”, where each row fills in its own words, or give the sheet a column “prompt”."
    )


def check_variants(text: str) -> int:
    """Read a number of variants. Raises ValueError with a sentence."""
    if (
        not re.fullmatch(r"[0-9]{1,4}(\.0{1,4})?", text.strip())
        or not 1 <= (n := int(float(text))) <= MAX_VARIANTS
    ):
        raise ValueError(f"{quoted(text)} is not a number of pictures; write one from 1 to {MAX_VARIANTS}")
    return n


def check_size(text: str) -> Size:
    """Read a size to deliver. Raises ValueError with a sentence."""
    size = Size.parse(text)
    if max(size.width, size.height) > MAX_SIDE_PX:
        raise ValueError(f"{quoted(text)} is too large; the longest side may have {MAX_SIDE_PX:,} pixels")
    return size


@dataclass(frozen=True, slots=True)
class _Options:
    """What a row asks for beside its prompt, the spec's where the row is silent."""

    size: Size | None
    variants: int
    provider: str | None
    model: str | None
    quality: str | None


class _Reader:
    """What stays the same from row to row."""

    def __init__(
        self, roles: Mapping[str, str], spec: JobSpec, template: Template | None, cards: Cards | None
    ) -> None:
        self.spec = spec
        self.template = template
        self.roles = roles
        self.cards = cards
        self.asking = tuple((role, roles[role]) for role in _ASKING if role in roles)
        # Sheets repeat themselves: half a million rows ask in a handful of ways
        self.options = lru_cache(1024)(self._options)

    def wishes(self, row: SheetRow) -> list[Wish]:
        cells = row.cells
        options = self.options(tuple(cells[column] for _, column in self.asking))
        background = self._cell(cells, "background").lower()
        references: tuple[str, ...] = ()
        if cell := self._cell(cells, "reference"):
            read = read_references(cell)
            if isinstance(read, str):
                raise _RowProblem(read)
            references = read
        key = self._cell(cells, "key") or f"row-{row.number}"
        alt = self._cell(cells, "alt")
        wishes: list[Wish] = []
        for choice, prompt in self._prompts(row):
            alt_text, asked = alt_text_from(alt or prompt), dressed(prompt, self.spec)
            for _ in range(options.variants):
                wish = Wish(
                    row=row.number,
                    key=key,
                    variant=len(wishes) + 1,
                    prompt=asked,
                    provider=options.provider,
                    model=options.model,
                    size=options.size,
                    quality=options.quality,
                    background=background if background in BACKGROUNDS else self.spec.background,
                    references=references,
                    alt_text=alt_text,
                    choice=choice,
                )
                wishes.append(wish)
        return wishes

    def _prompts(self, row: SheetRow) -> Iterator[tuple[Mapping[str, str], str]]:
        own = self._cell(row.cells, "prompt")
        if own:
            yield {}, own
        elif self.template:
            yield from self.template.expand(row.cells)
        elif "prompt" in self.roles:
            raise _RowProblem(
                f"The row's {quoted(self.roles['prompt'])} cell is empty and there is no template; "
                "fill the cell in, or write a template beside the sheet."
            )
        else:
            raise _RowProblem(
                "There is no prompt for the row; "
                "add a column called “prompt”, or write a template beside the sheet."
            )

    def _cell(self, cells: Mapping[str, str], role: str) -> str:
        column = self.roles.get(role)
        return cells[column] if column is not None else ""

    def _options(self, values: tuple[str, ...]) -> _Options:
        said = {role: value for (role, _), value in zip(self.asking, values, strict=True) if value}
        try:
            size = check_size(said["size"]) if "size" in said else self.spec.size
        except ValueError as problem:
            column = quoted(self.roles["size"])
            raise _RowProblem(f"{problem}; rename the column {column} if it is about the product.") from None
        try:
            variants = check_variants(said["variants"]) if "variants" in said else self.spec.variants
        except ValueError as problem:
            raise _RowProblem(f"{problem}.") from None
        provider, model = self._model(said.get("provider", ""), said.get("model", ""))
        quality = self._quality(said["quality"]) if "quality" in said else self.spec.quality
        return _Options(size, variants, provider, model, quality)

    def _model(self, provider: str, model: str) -> tuple[str | None, str | None]:
        """The row's provider and model, or the spec's; a model alone brings its own provider."""
        spec, cards = self.spec, self.cards
        provider = provider.lower()
        if cards is None:
            for word, role in ((provider, "provider"), (model, "model")):
                if word and not re.fullmatch(r"[\w./:-]{1,100}", word):
                    raise _RowProblem(_unknown(word, role, self.roles[role], ()))
        elif provider and provider not in cards:
            raise _RowProblem(_unknown(provider, "provider", self.roles["provider"], tuple(cards)))
        elif model:
            offered = {provider: cards[provider]} if provider else cards
            names = [name for models in offered.values() for name in models]
            if model not in names:
                raise _RowProblem(_unknown(model, "model", self.roles["model"], names))
            owners = [name for name, models in offered.items() if model in models]
            if not provider and spec.provider not in owners:
                provider = owners[0]
        if model:
            return provider or spec.provider, model
        if provider and provider != spec.provider:
            return provider, None  # the spec's model belongs to the spec's provider
        return spec.provider, spec.model

    def _quality(self, quality: str) -> str:
        word = quality.lower()
        if self.cards is None:
            if not re.fullmatch(r"[\w-]{1,30}", word):
                raise _RowProblem(_unknown(quality, "quality", self.roles["quality"], ()))
            return word
        words = {q for models in self.cards.values() for card in models.values() for q in card.qualities}
        if word not in words | {"auto"}:
            raise _RowProblem(_unknown(quality, "quality", self.roles["quality"], sorted(words)))
        return word


def _unknown(word: str, role: str, column: str, known: tuple[str, ...] | list[str]) -> str:
    close = difflib.get_close_matches(word.lower(), known, 2, 0.5)
    if close:
        said = f"did you mean {' or '.join(close)}? If it is about the product,"
    elif known:
        some = ", ".join(known[:6]) + (", …" if len(known) > 6 else "")
        said = f"write one of {some}, or, if it is about the product,"
    else:
        said = "write one word, or, if it is about the product,"
    return f"{quoted(word)} is not a {role} we know; {said} rename the column {quoted(column)}."


def alt_text_from(text: str) -> str:
    """A sentence for people who cannot see the picture: the text on one line, cut at a word."""
    flat = " ".join(text.split()) if not text.isprintable() or "  " in text else text
    if len(flat) <= MAX_ALT_CHARACTERS:
        return flat
    cut = flat[: MAX_ALT_CHARACTERS - 1]
    at = cut.rfind(" ")
    return (cut[:at] if at > MAX_ALT_CHARACTERS // 2 else cut).rstrip(" ,;:.-") + "…"
