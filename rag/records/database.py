"""The database under the records: SQLite in a file, or Postgres. One code."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from rag.errors import BadSettings, RecordsUnavailable
from rag.urls import without_password

MIGRATIONS: Final = Path(__file__).parent / "migrations"
REVISIONS: Final = sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
"""Numbers of the migrations, in their order; the last is that of this version."""
BUSY_SECONDS: Final = 30
UPGRADING: Final = "olhar-upgrade"


class Database:
    """Connections to one database, whose tables are those of this version. Safe for several threads.

    ``url`` is ``sqlite:///file`` or ``postgresql://user:password@host/name``. Opening it carries out the
    migrations that are missing. Raises BadSettings for a URL of another kind and for tables of a later
    version, and RecordsUnavailable when the database cannot be had. Without ``upgrade`` tables of an earlier
    version are refused too (BadSettings): another process works with them.
    """

    def __init__(self, url: str, *, upgrade: bool = True) -> None:
        self.url = _checked(url)
        self.sqlite = self.url.startswith("sqlite")
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._naming = threading.Lock()
        self._engine = _engine(self.url, sqlite=self.sqlite)
        try:
            with self._translated(), self.exclusive(UPGRADING):
                self._upgrade(allowed=upgrade)
        except BaseException:
            self._engine.dispose()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One view of the data."""
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it or nothing."""
        # SQLite has one writer at a time: waiting here is fairer and quicker than in its busy loop.
        with self._translated(), self._here("") if self.sqlite else _nothing():
            engine = self._engine.execution_options(writes=True)
            with engine.begin() as connection:
                yield connection

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Alone among all who ask for this name: threads, and on Postgres processes and machines too."""
        if self.sqlite:
            with self._here(name):
                yield
            return
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        with self._here(name), self._translated(), self._engine.connect() as connection:
            # A lock of the session: the server lets go of it when the connection ends, however that comes.
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
            connection.commit()
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
                connection.commit()

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()

    @contextmanager
    def _here(self, name: str) -> Iterator[None]:
        with self._naming:
            lock = self._locks[name]
        with lock:
            yield

    def _upgrade(self, *, allowed: bool) -> None:
        found = self.revision()
        if found == REVISIONS[-1]:
            return
        if not allowed:
            raise BadSettings(
                f"the records in {without_password(self.url)} are in use by another version of Olhar "
                f"(revision {found}); use that version, or end its server first"
            )
        if found is not None and found not in REVISIONS:
            raise BadSettings(
                f"the records in {without_password(self.url)} were written by a later version of Olhar "
                f"(revision {found}); install that version, or name another database (OLHAR_DATABASE_URL)"
            )
        # Needed once in the life of a database, and slow to import.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["engine"] = self._engine
        command.upgrade(config, "head")

    def revision(self) -> str | None:
        """The last migration that was carried out; None in an empty database."""
        with self._engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found = connection.execute(text("SELECT version_num FROM alembic_version"))
            return found.scalar_one_or_none()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            detail = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise RecordsUnavailable(
                without_password(f"the records in {self.url} (OLHAR_DATABASE_URL) cannot be used: {detail}")
            ) from error


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _checked(url: str) -> str:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is not None and parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if parsed is not None and parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return url
    raise BadSettings(
        f"OLHAR_DATABASE_URL is {without_password(url)!r}; it has to be postgresql://user:password@host/name "
        "or sqlite:/// with the path of a file"
    )


def _engine(url: str, *, sqlite: bool) -> Engine:
    try:
        if not sqlite:
            return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)
        path = make_url(url).database or ""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, pool_size=10, max_overflow=20, connect_args={"timeout": BUSY_SECONDS})
    except (ImportError, NoSuchModuleError) as error:
        raise BadSettings(f"OLHAR_DATABASE_URL needs a package that is not installed: {error}") from error
    except OSError as error:
        raise RecordsUnavailable(f"the records at {without_password(url)} cannot be made: {error}") from error
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later could not wait for another writer.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
