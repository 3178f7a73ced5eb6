"""What a run of the tests prints at its end."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How often processes were killed. Properties travel from the workers, what tests print does not."""
    told = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "killed"
    ]
    if told:
        terminalreporter.section("killed and started again")
        for line in told:
            terminalreporter.write_line(line)
