"""An answer on its way to a client: it waits for its turn, and is given up when the client hangs up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack
from typing import TypeAlias, TypeVar, cast

import anyio
from anyio import to_thread
from fastapi import Request
from starlette.requests import ClientDisconnect

from api.turns import Turn, Turns
from rag.relay import STOP, Stop
from rag.types import Answer, Evidence

T = TypeVar("T")
Pieces: TypeAlias = Iterator[tuple[Evidence, ...] | str | Answer]
"""What ``Pipeline.stream`` gives."""

LOOK_S = 0.2
"""How often it is looked whether the client is still there."""


class Answering:
    """An answer that has its turn. Close it, whatever happened."""

    def __init__(self, pieces: Pieces, turn: Turn, end_of_turn: AsyncExitStack) -> None:
        self._pieces = cast("Generator[tuple[Evidence, ...] | str | Answer]", pieces)
        self._turn = turn
        self._turn.whole = False  # until there is an answer
        self._end_of_turn = end_of_turn
        self._stop = Stop()
        self._running = threading.Lock()

    @classmethod
    async def begin(cls, turns: Turns, pieces: Pieces) -> tuple[Answering, tuple[Evidence, ...]]:
        """Wait for a turn, and find the evidence. Raises Busy, and what the pipeline raises."""
        async with AsyncExitStack() as waiting:
            turn = await waiting.enter_async_context(turns.taken())
            found = cls(pieces, turn, waiting.pop_all())
        try:
            evidence = await found._next()
            assert isinstance(evidence, tuple)
        except BaseException:
            await found.close()
            raise
        return found, evidence

    async def next(self) -> str | Answer:
        """The next piece of text; last, the answer that they make."""
        piece = await self._next()
        assert not isinstance(piece, tuple)
        self._turn.whole = isinstance(piece, Answer) and bool(piece.evidence)
        return piece

    async def rest(self) -> Answer:
        """The answer, without its pieces."""
        while isinstance(piece := await self.next(), str):
            pass
        return piece

    async def close(self) -> None:
        """Stop the model, and let the next question have its turn."""
        self._stop()
        with anyio.CancelScope(shield=True):
            try:
                await to_thread.run_sync(self._shut)
            finally:
                await self._end_of_turn.aclose()

    async def _next(self) -> tuple[Evidence, ...] | str | Answer:
        # Given up when the request is: ``close`` then ends what still runs.
        return await to_thread.run_sync(self._step, abandon_on_cancel=True)

    def _step(self) -> tuple[Evidence, ...] | str | Answer:
        with self._running:
            before = STOP.set(self._stop)
            try:
                return next(self._pieces)
            finally:
                STOP.reset(before)

    def _shut(self) -> None:
        with self._running:
            self._pieces.close()


class Ahead:
    """The pieces of an answer, made whether or not anybody reads them yet: a client that reads slowly, or
    not at all, holds up no other question. What is not read yet is kept; answers are small."""

    def __init__(self, answering: Answering) -> None:
        self._made: asyncio.Queue[str | Answer | Exception] = asyncio.Queue()
        self._making = asyncio.create_task(self._make(answering))

    async def next(self) -> str | Answer:
        """As that of ``Answering``."""
        piece = await self._made.get()
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def close(self) -> None:
        """Stop the model, if it is not done."""
        self._making.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({self._making})

    async def _make(self, answering: Answering) -> None:
        last: Answer | Exception
        try:
            while isinstance(piece := await answering.next(), str):
                self._made.put_nowait(piece)
            last = piece
        except Exception as error:
            last = error
        finally:
            await answering.close()
        self._made.put_nowait(last)


async def whole(request: Request, pieces: Pieces) -> Answer:
    """The answer of some pieces, in its turn. Raises Busy, ClientDisconnect and what the pipeline raises."""

    async def answer() -> Answer:
        answering, _ = await Answering.begin(request.app.state.turns, pieces)
        try:
            return await answering.rest()
        finally:
            await answering.close()

    return await while_there(request, answer)


async def while_there(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """What ``work`` gives; it is cancelled when the client hangs up. Raises ClientDisconnect then."""
    found: list[T] = []
    failed: list[Exception] = []

    async def look() -> None:
        while not await request.is_disconnected():
            await anyio.sleep(LOOK_S)
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        try:
            found.append(await work())
        except Exception as error:  # raised below: a group would wrap it
            failed.append(error)
        group.cancel_scope.cancel()
    if failed:
        raise failed[0]
    if not found:
        raise ClientDisconnect
    return found[0]
