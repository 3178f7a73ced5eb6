"""What is wrong with a prompt before it costs money."""

from __future__ import annotations

import re

from providers.catalogue import ModelCard

_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_BIDI = "\u202a-\u202e\u2066-\u2069"

_SUSPICIOUS = re.compile(
    rf"[{_CONTROLS}{_BIDI}\ud800-\udfff\ufffd{{}}<#]"
    # A value that was not there, as other programs write it: at the end of a phrase, behind nothing or behind
    # a word that wants a noun. "undefined edges", "my nan", "None of them" are ordinary prose.
    r"|(?:^|[,;:(/\"'“]\s*|\b(?:[Ii]n|[Oo]f|[Ww]ith|[Oo]n|[Bb]y|[Ff]rom|[Aa]n?|[Tt]he)\s+)"
    r"(?:undefined|NaN|nan|null)(?=\s*(?:$|[,.;)\"'”/]))"
    r"|\b(?:[Ii]n|[Oo]f|[Oo]n|[Bb]y|[Ff]rom)\s+None(?=\s*(?:$|[,.;)]))"
    r"|^None$"
)
"""One search decides for nearly every prompt that there is nothing to say."""

_WORDS = ("undefined", "NaN", "nan", "null", "None")

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{%|%\}|\$?\{[^\W\d]\w*(?:[ .-]\w+){0,3}\}|<[^\W\d]\w*_\w*>")
_SHEET_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!)")
_UNREADABLE = re.compile(rf"[{_CONTROLS}{_BIDI}\ud800-\udfff]")


def lint(prompt: str, card: ModelCard) -> str | None:
    """One sentence saying why this prompt should not be sent to this model, or None.

    Finds prompts that are empty or too long, marks and values that a template or spreadsheet failed to fill
    in, and characters that no prompt means to hold. A few microseconds for a prompt without fault.
    """
    if not prompt or prompt.isspace():
        return "The prompt is empty; fill in the cells that the template uses."
    if len(prompt) > card.prompt_limit:
        return (
            f"The prompt has {len(prompt):,} characters and {card.id} takes {card.prompt_limit:,}; "
            "shorten it, or choose another model."
        )
    # Most prompts hold none of these, and looking for them is ten times faster than the pattern
    if (
        (prompt.isprintable() or not _UNREADABLE.search(prompt))
        and "{" not in prompt
        and "}" not in prompt
        and "<" not in prompt
        and "#" not in prompt
        and "\ufffd" not in prompt
        and not any(word in prompt for word in _WORDS)
    ):
        return None
    return _explain(prompt)


def _explain(prompt: str) -> str | None:
    for found in _SUSPICIOUS.finditer(prompt):
        at = found.start()
        if unreadable := _UNREADABLE.match(found[0]):
            return (
                f"The prompt has the control character U+{ord(unreadable[0]):04X} at character {at + 1}; "
                "delete it from the cell."
            )
        if found[0] == "\ufffd":
            return (
                f"The prompt has an unreadable letter (�) at character {at + 1}; "
                "save the sheet again as “CSV UTF-8”."
            )
        if left := _PLACEHOLDER.match(prompt, max(0, at - 1) if prompt[at - 1 : at] == "$" else at):
            return f"“{left[0]}” was left in the prompt unfilled; write the value there, or name a column."
        if error := _SHEET_ERROR.match(prompt, at):
            return f"The spreadsheet's error {error[0]} is in the prompt; correct the formula in the cell."
        if word := next((word for word in _WORDS if found[0].endswith(word)), None):
            return f"“{word}” stands in the prompt where a value belongs; fill in the cell."
    return None
