"""What a key may upload in a day holds for uploads beside one another, and past midnight."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
from anyio import Event, create_task_group, run
from starlette.types import Message, Receive, Scope, Send

from api.errors import Refused
from api.security.allowance import Allowance
from rag.build import Olhar
from rag.records.types import Key
from rag.records.uploaded import Uploaded
from tests.ingest.conftest import FakeParts

DAY_S = 86_400


class Sender:
    """One key that sends bodies of 100 bytes, of which it may send 250 a day."""

    def __init__(self, parts: FakeParts) -> None:
        self._parts = parts
        self._allowance = Allowance()
        self.key = Key("olhar_1", "ana", "x", ("write",), 0.0, upload_bytes_per_day=250)
        self.taken = 0

    @property
    def uploaded(self) -> Uploaded:
        return self._parts.records.uploaded

    @property
    def today(self) -> int:
        return self.uploaded.today(self.key.prefix)

    async def send(self, begun: Event, go_on: Event, ended: Event) -> None:
        """One upload, which has begun, goes on when it may, and has ended."""

        async def receive() -> Message:
            return {"type": "http.request", "body": b"x" * 100}

        async def app(_: Scope, receive: Receive, __: Send) -> None:
            begun.set()
            await go_on.wait()
            await receive()
            self.taken += 1

        async def send(_: Message) -> None:
            raise AssertionError("nothing is answered here")

        olhar = cast(Olhar, self._parts)
        with suppress(Refused):
            await self._allowance.spend(app, {"type": "http"}, receive, send, olhar, self.key)
        ended.set()

    async def together(self, count: int, between: Callable[[], None] = lambda: None) -> None:
        """So many begin; then each goes on when the one before has ended."""
        async with create_task_group() as tasks:
            uploads = [(Event(), Event(), Event()) for _ in range(count)]
            for events in uploads:
                tasks.start_soon(self.send, *events)
                await events[0].wait()
            between()
            for _, go_on, ended in uploads:
                go_on.set()
                await ended.wait()


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sender]:
    parts = FakeParts(tmp_path)
    yield Sender(parts)
    parts.records.close()


def test_uploads_that_began_together_may_send_no_more_than_one_after_the_other(sender: Sender) -> None:
    run(sender.together, 6)
    assert sender.taken == 2
    assert sender.today == 600  # what came in counts, also of an upload that was refused
    run(sender.together, 1)
    assert sender.taken == 2


def test_a_new_day_begins_for_uploads_under_way_too(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    run(sender.together, 3)
    tomorrow = time.time() + DAY_S
    run(sender.together, 3, lambda: monkeypatch.setattr(sender.uploaded, "_clock", lambda: tomorrow))
    assert (sender.taken, sender.today) == (4, 300)
