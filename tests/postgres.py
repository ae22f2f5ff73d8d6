"""A Postgres of the tests' own: real, on the loopback, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from sqlalchemy import create_engine, text

PACKAGED = Path("/usr/lib/postgresql")
ACCOUNT = "postgres"
"""Postgres does not run as root; Debian's package makes this account for it."""


def programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``, if Postgres is installed."""
    for folder in sorted(PACKAGED.glob("*/bin"), reverse=True):
        if (folder / "initdb").is_file():
            return folder
    found = shutil.which("initdb")
    return Path(found).parent if found else None


@dataclass
class Postgres:
    """A running server that gives out empty databases."""

    port: int
    _numbers: Iterator[int] = field(default_factory=count)

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return f"postgresql://{ACCOUNT}@127.0.0.1:{self.port}/{name}"

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://{ACCOUNT}@127.0.0.1:{self.port}/{name}"


@contextmanager
def running(folder: Path) -> Iterator[Postgres]:
    """Start a server from the programs in ``folder``; it is ended and its data deleted afterwards."""
    root = os.geteuid() == 0
    data = Path(tempfile.mkdtemp(prefix="olhar-postgres-"))
    if root:
        account = pwd.getpwnam(ACCOUNT)
        os.chown(data, account.pw_uid, account.pw_gid)

    def call(program: str, *arguments: str) -> None:
        command = [str(folder / program), "-D", str(data / "cluster"), *arguments]
        user = ACCOUNT if root else None
        done = subprocess.run(
            command, user=user, cwd=data, env={}, check=False, text=True, capture_output=True, timeout=150
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}")

    try:
        call("initdb", "-U", ACCOUNT, "-A", "trust", "-E", "UTF8", "--no-sync", "--no-locale")
        port = _free_port()
        options = f"-h 127.0.0.1 -p {port} -k {data} -F -c full_page_writes=off -c max_connections=200"
        call("pg_ctl", "-w", "-t", "120", "-l", str(data / "log"), "-o", options, "start")
        try:
            yield Postgres(port)
        finally:
            call("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
