"""A provider's message, as short as it can be quoted: its first sentence that says something.

What is kept of a failure (the audit, `results.csv`) stays whole; this is for alerts, cards and summaries.
"""

from __future__ import annotations

import re
from typing import Final

MOST: Final = 160
"""Characters quoted at most."""

_ADDRESS: Final = re.compile(
    r"[,;:]?\s*\(?(?:\b(?:see|visit|at|from|more at|here:?)\s+)?"
    r"(?:https?://|www\.)[^\s)>”\"]*[^\s)>”\".,;:!?]\)?",
    re.IGNORECASE,
)
_NUMBER: Final = (
    r"(?:\b(?:request[ _-]?id|trace[ _-]?id|correlation[ _-]?id)\b[:=]?\s*['\"]?(?=[\w-]*\d)[\w-]{6,}['\"]?"
    r"|(?:\brequest\s+)?\breq_\w{6,})"
)
_REQUEST: Final = re.compile(rf"\s*[(\[]{_NUMBER}[)\]]|,?\s*{_NUMBER}", re.IGNORECASE)
"""With its brackets where they hold nothing else."""

_VIOLATIONS: Final = re.compile(r"\bsafety_violations=\[([^\]]+)\]")
"""Names what the content rules object to, behind all the rest (seen with one vendor's image models)."""

_END: Final = re.compile(r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\betc\.)\s+(?=[\"“'`(\[A-Z0-9])")

_EMPTY: Final = re.compile(
    r"(?:we(?:'|’)?(?: a)?re )?(?:very )?sorry|oops|apologies|uh.oh|hello|hi\b|thank|"
    r"if you (?:believe|think|have|need)|(?:please )?(?:contact|reach out|report|visit|see)\b|"
    r"for (?:more|further|help)|you can (?:retry|contact|learn|read)|learn more|"
    r"(?:an? )?(?:unknown |unexpected )?error(?: occurred| has occurred)?[.!]?$|bad request[.!]?$",
    re.IGNORECASE,
)
"""Sentences that begin so tell nobody what is wrong."""


def gist(message: str) -> str:
    """The first sentence that says what is wrong, without its full stop, addresses and request ids; at most
    `MOST` characters. Of a message that is nothing but courtesies, its beginning. Empty for an empty one.
    """
    whole = " ".join(message.split())
    sentences = _END.split(_REQUEST.sub("", whole))
    useful = (_ADDRESS.sub("", one).strip() for one in sentences if not _EMPTY.match(one))
    said = next((one for one in useful if re.search(r"\w{2}", one)), whole)
    said = said.rstrip(" .:;,-")
    violations = _VIOLATIONS.search(whole)
    if violations and violations[1] not in said:
        said = f"{said} ({violations[1].strip()})"
    return said if len(said) <= MOST else f"{said[: MOST - 1].rstrip()}…"
