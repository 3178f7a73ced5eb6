"""What every command says to a person or a program at the terminal."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import typer


def fail(sentence: str, code: int = 2) -> NoReturn:
    """One sentence on standard error, and out."""
    typer.echo(f"imgbatch: {sentence}", err=True)
    raise typer.Exit(code)


def print_json(value: Any) -> None:
    """On standard output, for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
