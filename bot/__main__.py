"""`python -m bot` is the `imgbatch` command."""

from bot.cli import main

main()
