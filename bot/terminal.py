"""What every command says to a person or a program at the terminal."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import Any, NoReturn

import typer


def fail(sentence: str, code: int = 2) -> NoReturn:
    """One sentence on standard error, and out."""
    complain(sentence)
    raise typer.Exit(code)


def complain(sentence: str) -> None:
    """One sentence on standard error; on a terminal it is broken between words, elsewhere never."""
    said = f"imgbatch: {sentence}"
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        said = textwrap.fill(said, width, break_long_words=False, break_on_hyphens=False)
    typer.echo(said, err=True)


def confirmed(question: str, *, usual: bool = False) -> bool:
    """Ask a person at the terminal; Enter means `usual`. Nobody there (the end of input) ends the program."""
    return typer.confirm(question, default=usual, err=True)


def print_json(value: Any) -> None:
    """On standard output, for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
