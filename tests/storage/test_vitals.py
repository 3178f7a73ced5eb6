"""How the data store itself does: its lock, its form, its writer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from storage.engine import (
    StoreError,
    known_forms,
    migrate,
    newest_form,
    only_scheduler,
    open_engine,
    present_form,
)
from storage.vitals import Vitals
from storage.writer import Writer


def break_session(url: str) -> None:
    """End the session that holds the lock, as a restart of the server does."""
    other = create_engine(url)
    with other.connect() as c:
        c.execute(
            text(
                "SELECT pg_terminate_backend(pid, 30000) FROM pg_locks WHERE locktype = 'advisory' "
                "AND pid <> pg_backend_pid()"
            )
        )
        c.commit()
    other.dispose()


def test_a_broken_session_takes_the_right_again_on_postgresql(postgres: str, tmp_path: Path) -> None:
    engine, another = open_engine(postgres), open_engine(postgres)
    with only_scheduler(engine, tmp_path / "lock") as held:
        assert held()
        break_session(postgres)
        assert held()
        with pytest.raises(StoreError, match="already working"), only_scheduler(another, tmp_path / "lock"):
            pass
        assert held()
    with only_scheduler(another, tmp_path / "lock") as others:
        assert others()
    engine.dispose()
    another.dispose()


def test_the_right_is_lost_to_whoever_was_quicker_on_postgresql(postgres: str, tmp_path: Path) -> None:
    engine, another = open_engine(postgres), open_engine(postgres)
    with only_scheduler(engine, tmp_path / "lock") as held:
        break_session(postgres)
        with only_scheduler(another, tmp_path / "lock") as others:
            assert others()
            assert not held()
            assert others()
        assert held(), "free again, and taken again"
    engine.dispose()
    another.dispose()


def test_a_server_that_is_gone_is_a_sentence() -> None:
    engine = open_engine("postgresql+psycopg://imgbatch:hunter22@127.0.0.1:9/imgbatch")
    with pytest.raises(StoreError, match="cannot be read") as problem:
        present_form(engine)
    assert "hunter22" not in str(problem.value)
    engine.dispose()


def test_the_form_of_the_tables_on_both(postgres: str, tmp_path: Path) -> None:
    for url in (postgres, f"sqlite:///{tmp_path / 'new.db'}"):
        engine = open_engine(url)
        vitals = Vitals(engine, Writer(engine))
        if "sqlite" in url:
            assert vitals.form().present is None
            assert not vitals.form().current
        migrate(engine)
        assert vitals.form().current
        assert newest_form() in known_forms()
        engine.dispose()


def test_the_right_to_run_ticks_is_seen_from_every_thread(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    seen = []
    with only_scheduler(engine, tmp_path / "lock") as held:
        thread = threading.Thread(target=lambda: seen.append(held()))
        thread.start()
        thread.join()
        assert held()
    assert seen == [True]
    assert not held()
    engine.dispose()


def test_waiting_for_the_writer_is_counted(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    writer = Writer(engine)
    inside, waits = threading.Event(), threading.Event()

    def other() -> None:
        waits.set()
        with writer.transaction():
            pass

    with writer.transaction():
        thread = threading.Thread(target=other)
        thread.start()
        waits.wait(30)
        inside.wait(0.2)
        assert writer.load.present_seconds >= 0.2
    thread.join()
    load = writer.load
    assert load.transactions == 2
    assert 0.1 < load.waited_seconds <= load.took_seconds + 0.1
    assert load.present_seconds == 0
    with pytest.raises(ZeroDivisionError), writer.transaction():
        raise ZeroDivisionError
    assert writer.load.transactions == 3
    assert writer.load.present_seconds == 0
    engine.dispose()
