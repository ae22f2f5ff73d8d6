"""What is remembered of keys: for a moment whether they are good, for an hour that they were."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

import pytest
from anyio import create_task_group, run, sleep

from api.security.keyring import Keyring
from rag.build import Olhar
from rag.records.types import Let
from tests.ingest.conftest import FakeParts


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> FakeParts:
    return FakeParts(Path(tmp_path_factory.mktemp("keyring")))


def test_what_is_forgotten_is_asked_again_and_is_still_known(parts: FakeParts) -> None:
    keyring = Keyring(cast(Olhar, parts))
    key, secret = parts.records.keys.create("ana", "laptop", ["read"])
    assert run(keyring.key, secret) is not None
    parts.records.keys.revoke("ana", key.prefix)  # of which the keyring is not told yet
    assert run(keyring.key, secret) is not None
    keyring.forget()
    assert keyring.knows(secret)
    assert run(keyring.key, secret) is None
    assert not keyring.knows(secret)


def test_what_was_being_looked_up_when_something_changed_is_not_believed(
    parts: FakeParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Keyring(cast(Olhar, parts))
    key, secret = parts.records.keys.create("ana", "laptop", ["read"])
    check, found, go_on = parts.records.keys.check, threading.Event(), threading.Event()

    def slow(secret: str) -> Let | None:
        let = check(secret)
        found.set()
        assert go_on.wait(20)
        return let

    async def revoked_meanwhile() -> Let | None:
        async with create_task_group() as tasks:
            tasks.start_soon(keyring.key, secret)
            while not found.is_set():
                await sleep(0.001)
            parts.records.keys.revoke("ana", key.prefix)
            keyring.forget()
            go_on.set()
        return await keyring.key(secret)

    monkeypatch.setattr(parts.records.keys, "check", slow)
    assert run(revoked_meanwhile) is None
