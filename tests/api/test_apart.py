"""What takes long is done in threads of its own: a few at a time, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from api.apart import HEARING, HEARING_NEXT, Bounded
from api.turns import of_searches
from ingest.sounds import asking
from ingest.sounds.decoding import Heard
from rag.errors import Busy
from rag.settings import Settings
from rag.types import Matrix, Sound
from tests.api.conftest import FakeEncoder, FakeSystem, Served, problem
from tests.clips import tone

HEARD: Sound = (np.ones(480, np.int16),)
SOUND = {"sound": ("a.wav", tone(seconds=0.1))}


class Ears(FakeEncoder):
    hears = sees = True

    def encode_sounds(self, sounds: Sequence[Sound]) -> Matrix:
        return np.array([[1.0, 0.0]] * len(sounds), np.float32)


def test_whoever_comes_when_too_many_wait_is_refused_and_the_rest_are_served_in_turn() -> None:
    go, running = threading.Event(), []

    def work(number: int) -> int:
        running.append(number)
        go.wait(20)
        return number

    async def all_of_them() -> list[object]:
        threads = Bounded(2, 3, "sounds are being read", "OLHAR_DECODE_SECONDS")
        tasks = [asyncio.create_task(threads.run(work, number)) for number in range(6)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert done == {tasks[5]}
        assert set(running) <= {0, 1}
        go.set()
        told = await asyncio.gather(*tasks, return_exceptions=True)
        return [*told, await threads.run(work, 6)]

    told = asyncio.run(all_of_them())
    assert isinstance(told[5], Busy)
    assert str(told[5]) == "5 sounds are being read or wait for it; ask again later (OLHAR_DECODE_SECONDS)"
    assert [*told[:5], told[6]] == [0, 1, 2, 3, 4, 6]


@pytest.mark.parametrize("path", ["/v1/search", "/v1/ask"])
def test_a_sound_that_nobody_hears_is_not_read(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("api.routes.pictures.windows_of", _never)
    assert "the encoder cannot hear" in problem(client.post(path, files=SOUND), 422)["detail"]


def test_sounds_hold_up_nobody_and_too_many_are_refused(
    system: FakeSystem, served: Served, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.encoder = Ears()
    go, counting, here, most = threading.Event(), threading.Lock(), [0], [0]

    def long(*_: Any) -> Sound:
        with counting:
            here[0] += 1
            most[0] = max(most[0], here[0])
        go.wait(20)
        with counting:
            here[0] -= 1
        return HEARD

    def asks(_: int) -> int:
        status = client.post("/v1/search", files=SOUND).status_code
        if status == 429:
            go.set()
        return status

    monkeypatch.setattr("api.routes.pictures.windows_of", long)
    monkeypatch.setattr(served.app.state, "searches", of_searches(Settings(searches=100)))
    with ThreadPoolExecutor(HEARING + HEARING_NEXT + 1) as pool:
        told = sorted(pool.map(asks, range(HEARING + HEARING_NEXT + 1)))
    assert told == [200] * (HEARING + HEARING_NEXT) + [429]
    assert most == [HEARING]


def test_a_sound_of_a_question_is_given_less_time_than_one_that_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[tuple[object, ...]] = []

    def call(_: object, *args: object, deadline: float) -> Heard:
        given.append((*args, deadline))
        return Heard(HEARD, 0.01)

    monkeypatch.setattr("ingest.sandbox.Sandbox.call", call)
    assert asking.windows_of(b"sound", Settings(decode_seconds=5, parse_seconds=500)) is HEARD
    assert given == [("ingest.sounds.decoding:heard", b"sound", 4.0, 5)]


def _never(*_: object) -> None:
    raise AssertionError("it was read")
