"""Opening the data store: SQLite (WAL) in a folder, or PostgreSQL; migrated under a lock before use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

MIGRATIONS = Path(__file__).with_name("migrations")

MIGRATION_LOCK = 0x1B47C4
"""Key of the PostgreSQL advisory lock held while migrating."""

SCHEDULER_LOCK = 0x1B47C5
"""Key of the PostgreSQL advisory lock of the one active scheduler."""

POOL = 24
"""Connections: more than the threads of one process that read at once."""


class StoreError(Exception):
    """The data store cannot be opened or is in use; the message says what to do."""


def open_engine(url: str) -> Engine:
    """An engine with the program's settings. Raises StoreError for an address that cannot work."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
            raise StoreError(
                f"IMGBATCH_DATABASE_URL names “{parsed.get_backend_name()}”; use sqlite or postgresql+psycopg"
            )
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, pool_size=POOL, max_overflow=POOL)
    except (ArgumentError, NoSuchModuleError, ImportError) as problem:
        raise StoreError(f"IMGBATCH_DATABASE_URL cannot be used: {problem}") from problem
    if engine.dialect.name == "sqlite":
        _tune_sqlite(engine)
    return engine


def _tune_sqlite(engine: Engine) -> None:
    """WAL for readers beside the writer, FULL so that a committed intent survives a power cut, and
    explicit BEGINs: a deferred transaction that later writes fails at once when another one did.
    """

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=30000",
            "foreign_keys=ON",
            "journal_size_limit=67108864",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        writes = connection.get_execution_options().get("imgbatch_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def migrate(engine: Engine, lock_file: Path | None = None) -> None:
    """Bring the tables to the newest form, one process at a time. Raises StoreError."""
    config = _alembic()
    guard = FileLock(lock_file, timeout=120) if lock_file else nullcontext()
    try:
        with guard, engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
                connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
                connection.commit()
    except CommandError as problem:
        raise StoreError(
            f"The data store was made by a newer imgbatch ({problem}); "
            "use that version, or set IMGBATCH_DATA to another folder"
        ) from problem
    except Timeout as problem:
        raise StoreError("Another process has been migrating the data store for two minutes") from problem
    except OperationalError as problem:
        raise StoreError(f"The data store cannot be opened: {problem.orig}") from problem


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def newest_form() -> str:
    """The revision of the tables that this program works with."""
    return str(ScriptDirectory.from_config(_alembic()).get_current_head())


def known_forms() -> frozenset[str]:
    """Every revision this program can bring to the newest."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions())


def present_form(engine: Engine) -> str | None:
    """The revision of the tables as they are; None where there are none yet. Raises StoreError."""
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return None if found is None else str(found)
    except DBAPIError as problem:
        raise StoreError(f"The data store cannot be read: {problem.orig}") from problem


@contextmanager
def only_scheduler(engine: Engine, lock_file: Path) -> Iterator[Callable[[], bool]]:
    """Hold the right to run ticks on this data store; let go at the end or when the process dies.

    Gives what tells whether it is still held: a connection may break (the right is taken again then, unless
    another process was quicker), a folder be put in another's place. Raises StoreError when another process
    has it.
    """
    setting = "IMGBATCH_DATABASE_URL" if engine.dialect.name == "postgresql" else "IMGBATCH_DATA"
    taken = StoreError(
        f"Another imgbatch is already working on this data store ({lock_file.parent}); "
        f"stop it, or give {setting} another value"
    )
    if engine.dialect.name == "postgresql":
        right = _SessionLock(engine)
        if not right.take():
            raise taken
        try:
            yield right.held
        finally:
            right.drop()
        return
    lock = FileLock(lock_file, thread_local=False)  # any thread may ask whether it is held
    try:
        lock.acquire(timeout=0)
    except Timeout as problem:
        raise taken from problem
    file = _inode(lock_file)
    try:
        yield lambda: lock.is_locked and _inode(lock_file) == file
    finally:
        lock.release()


def _inode(file: Path) -> int | None:
    """Which file stands under this name; None where there is none."""
    try:
        return file.stat().st_ino
    except OSError:
        return None


class _SessionLock:
    """PostgreSQL's lock for the ticks, which belongs to the session that took it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._connection: Connection | None = None
        self._session = 0

    def take(self) -> bool:
        """Whether it could be had. Raises StoreError."""
        try:
            connection = self._engine.connect()
            got = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": SCHEDULER_LOCK})
            if not got.scalar_one():
                connection.close()
                return False
            self._session = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            connection.commit()
        except DBAPIError as problem:
            raise StoreError(f"The data store cannot be opened: {problem.orig}") from problem
        self._connection = connection
        return True

    def held(self) -> bool:
        """Whether this process has it, if need be again. Raises StoreError."""
        with self._turn:
            if self._connection is not None and _locked(self._engine, self._session):
                return True
            self.drop()
            return self.take()

    def drop(self) -> None:
        """Let go at once: what the server notices by itself, when the connection ends, may take it a moment.
        Returning the connection to the pool would keep the lock.
        """
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with suppress(DBAPIError):  # it may be broken; then the lock is gone, or will be
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": SCHEDULER_LOCK})
        connection.invalidate()
        connection.close()


_HOLDER = """SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objid = :key AND pid = :session
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


def _locked(engine: Engine, session: int) -> bool:
    """Whether that session of PostgreSQL has the right to run ticks. Raises StoreError."""
    try:
        with engine.connect() as connection:
            found = connection.execute(text(_HOLDER), {"key": SCHEDULER_LOCK, "session": session})
            return bool(found.scalar_one())
    except DBAPIError as problem:
        raise StoreError(f"The data store cannot be read: {problem.orig}") from problem
