"""Keys on the command line: made on the records, or through the server; and sent where one is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.backend import open_backend
from api.cli.doctor import examine
from api.cli.remote import Remote
from api.owner import acquire, decided
from ingest.sources import walk
from rag.errors import BadSettings, Busy, Conflict, NotFound, OlharError
from rag.records.keys import SECRET
from rag.records.records import Records
from rag.settings import Settings, load_settings
from tests.api.security.conftest import Light, light_server
from tests.ingest.conftest import picture, save


@contextmanager
def served(folder: Path, **settings: object) -> Iterator[Light]:
    """A server that has the data folder, as the command line finds it."""
    with light_server(folder, **settings) as light, acquire(light.parts.settings.data) as owner:
        mine = light.parts.settings
        owner.publish(light.url, **decided(mine), asks_for_keys=mine.asks_for_keys)
        yield light


def olhar(*arguments: str) -> Any:
    """What a command prints as JSON."""
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OLHAR_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def check(data: Path, secret: str) -> bool:
    records = Records(Settings(data=data).records_url)
    try:
        return records.keys.check(secret) is not None
    finally:
        records.close()


def test_keys_are_looked_after_without_a_server(data: Path) -> None:
    made = olhar("keys", "create", "laptop", "--scope", "read", "--scope", "write", "--tenant", "ana")
    assert SECRET.fullmatch(made["secret"])
    assert (made["tenant"], made["scopes"], made["expires_at"]) == ("ana", ["read", "write"], None)
    assert check(data, made["secret"])
    olhar("keys", "create", "old", "--expires-in-days", "0.000001", "--requests-per-minute", "5")
    (listed,) = olhar("keys", "list", "--tenant", "ana")["keys"]
    assert listed["prefix"] == made["prefix"]
    assert "secret" not in listed
    fresh = olhar("keys", "rotate", made["prefix"], "--grace-hours", "0", "--tenant", "ana")["secret"]
    assert [check(data, secret) for secret in (made["secret"], fresh)] == [False, True]
    olhar("keys", "revoke", made["prefix"], "--tenant", "ana")
    assert not check(data, fresh)
    with pytest.raises(NotFound):
        olhar("keys", "revoke", made["prefix"])
    assert olhar("audit")["entries"] == []


def test_a_key_is_printed_alone_so_that_it_can_be_taken_up(data: Path) -> None:
    result = CliRunner().invoke(app, ["keys", "create", "laptop"], catch_exceptions=False)
    assert SECRET.fullmatch(result.stdout.strip().splitlines()[-1])
    assert check(data, result.stdout.strip().splitlines()[-1])
    table = CliRunner().invoke(app, ["keys", "list"], catch_exceptions=False).stdout
    assert "laptop" in table
    assert not SECRET.search(table)


@pytest.mark.parametrize("arguments", [["--scope", "delete"], ["--expires-in-days", "0"]])
def test_a_key_that_makes_no_sense_is_refused(data: Path, arguments: list[str]) -> None:
    del data
    with pytest.raises(OlharError, match=r"scopes|expires_in_days"):
        olhar("keys", "create", "x", *arguments)


def test_with_an_admins_key_keys_are_looked_after_through_the_server(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(data.parent) as light:
        first = olhar("keys", "create", "boss", "--scope", "admin", "--tenant", "ana")  # on the records
        monkeypatch.setenv("OLHAR_API_KEY", first["secret"])
        made = olhar("keys", "create", "laptop")
        assert (made["tenant"], made["scopes"]) == ("ana", ["read"])
        assert len(olhar("keys", "list")["keys"]) == 2
        olhar("keys", "rotate", made["prefix"])
        olhar("keys", "revoke", made["prefix"])
        told = olhar("audit", "--limit", "2")
        assert [entry["operation"] for entry in told["entries"]] == ["revoke_key", "rotate_key"]
        assert [e["operation"] for e in olhar("audit", "--before", str(told["next"]))["entries"]] == [
            "create_key"
        ]
        monkeypatch.setenv("OLHAR_TENANT", "ben")
        with pytest.raises(Conflict, match="OLHAR_TENANT is 'ben' here"):
            olhar("keys", "list")
        monkeypatch.delenv("OLHAR_TENANT")
        _, weak = light.key("read")
        monkeypatch.setenv("OLHAR_API_KEY", weak)
        with pytest.raises(Conflict, match="needs a key with the scope 'admin'"):
            olhar("keys", "list")


def test_work_through_a_server_that_asks_for_a_key_takes_it_from_the_settings(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(data.parent / "photos" / "a.png", picture(1))
    with served(data.parent, tenant="house") as light:
        with pytest.raises(BadSettings, match="asks for a key: set OLHAR_API_KEY"), _opened():
            pass
        states = {report.part: report for report in examine(load_settings())}
        assert "OLHAR_API_KEY" in states["store"].detail
        monkeypatch.setenv("OLHAR_API_KEY", "olhar_00000000_" + "0" * 64)
        with pytest.raises(BadSettings, match="does not take the key of OLHAR_API_KEY"), _opened():
            pass
        _, secret = light.key("read", "write", tenant="ana")
        monkeypatch.setenv("OLHAR_API_KEY", secret)
        with _opened() as backend:
            files = list(walk([data.parent / "photos"]))
            report = backend.ingest(files, collection="c", all_captions=False, on_file=lambda _: None)
            assert report.counts["indexed"] == 1
            assert [one.name for one in backend.administration.collections().collections] == ["c"]
        assert {row.item.tenant for row in light.parts.store.saved.values()} == {"ana"}
        assert {report.part: report.state for report in examine(load_settings())}["store"] == "ok"
        monkeypatch.setenv("OLHAR_TENANT", "house")
        with pytest.raises(Conflict, match="OLHAR_TENANT"), _opened():
            pass
        assert secret not in str(load_settings())


@contextmanager
def _opened() -> Iterator[Remote]:
    with open_backend(load_settings()) as backend:
        assert isinstance(backend, Remote)
        yield backend


def test_the_command_line_waits_as_it_is_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    with served(data.parent) as light:
        _, secret = light.key("read", requests_per_minute=1)
        monkeypatch.setenv("OLHAR_API_KEY", secret)
        with Remote(light.url, load_settings()) as remote:
            monkeypatch.setattr("api.cli.remote.time.sleep", waited.append)
            remote.send("GET", "/v1/jobs")
            with pytest.raises(Busy, match="requests a minute"):
                remote.send("GET", "/v1/jobs")
    assert len(waited) == 5
    assert 50 < waited[0] <= 60
