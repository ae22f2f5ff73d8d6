"""The one client of an Ollama server's own HTTP API: what state a model is in, and what it writes.

Chat models of LangChain have a client of their own (`rag.generation.ollama`), which asks here for the
state. Documented at https://docs.ollama.com/api.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import httpx
from ollama import (
    ChatResponse,
    Client,
    GenerateResponse,
    Image,
    ListResponse,
    Message,
    ProcessResponse,
)

from rag.errors import ModelUnavailable
from rag.faults import BrokenStream, Place, SettingNames, unavailable
from rag.once import once
from rag.relay import Deadlines, within
from rag.urls import without_password

T = TypeVar("T")
Row = TypeVar("Row", ListResponse.Model, ProcessResponse.Model)
Part: TypeAlias = ChatResponse | GenerateResponse
Choices: TypeAlias = tuple[tuple[str, float], ...]
"""Tokens that might have stood at one position, with their natural log-probabilities, likeliest first."""

CONNECT_SECONDS = 5.0
CHECK_SECONDS = 10.0
GRACE_SECONDS = 5.0
CONTEXT = 8192
"""Tokens. Ollama's own default (4,096) would silently cut off the first part of a long prompt."""
KEEP_ALIVE = "30m"
ONE_EACH = {"Connection": "close"}
"""A connection for each request: one kept open would be stale after Ollama restarts."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. ``load``: more time for the first token of a model that is not in memory; ``first``: until
    the first token of one that is; ``whole``: from the first token to the last."""

    load: float = 120.0
    first: float = 60.0
    whole: float = 120.0


@dataclass(frozen=True, slots=True)
class Asked:
    """How to write: ``max_tokens`` (at least 1), the context's size in tokens, where to stop, and how
    many of the likeliest tokens to tell for each position (0 to 20; needs Ollama 0.12.11)."""

    max_tokens: int
    context: int = CONTEXT
    stop: tuple[str, ...] = ()
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """A whole answer. ``complete`` is False when ``max_tokens`` cut it off; ``choices`` has a row for
    each token when they were asked for and the server knows them, else none."""

    text: str
    complete: bool
    choices: tuple[Choices, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """An installed model. ``device``: `cpu`, `gpu`, `cpu and gpu`, or empty when it is not in memory.

    ``digest`` names its weights; ``capabilities`` are Ollama's words, such as `vision` and `thinking`.
    """

    model: str
    version: str
    digest: str
    capabilities: frozenset[str]
    device: str


@dataclass(frozen=True, slots=True)
class Facts:
    """``capabilities`` in Ollama's words; ``context``: the most tokens that it takes in, 0: not told."""

    capabilities: frozenset[str]
    context: int


def place(model: str, url: str, settings: SettingNames | None = None) -> Place:
    """What messages say about a model at that server."""
    return Place(
        value=f"ollama:{model}",
        where=f"Ollama at {without_password(url)}",
        reach="start it (`ollama serve`), or set OLHAR_OLLAMA_URL to where it listens",
        missing=f"`ollama pull {model}`",
        settings=settings or SettingNames(),
    )


class Ollama:
    """One model of a server. Safe from several threads; nothing is sent before the first call.

    Every call raises ModelUnavailable, in bounded time, with a message that names the setting of
    ``place`` and the remedy. Answers are as likely as the model can make them (temperature 0), and
    a model that can think is told not to.
    """

    def __init__(
        self,
        model: str,
        url: str,
        *,
        place: Place,
        patience: Patience | None = None,
        keep_alive: str = KEEP_ALIVE,
    ) -> None:
        self.model = model
        self.place = place
        self._url = url
        self._patience = patience or Patience()
        self._keep_alive = keep_alive

    def state(self) -> State:
        """Asks for the version, the model's capabilities and where it runs, without loading it."""
        return self._translated(self._state)

    def require(self, capability: str, why: str) -> State:
        """The state of a model that has the capability. Raises ModelUnavailable, not retryable."""
        state = self.state()
        if capability not in state.capabilities:
            has = ", ".join(sorted(state.capabilities)) or "none"
            error = ModelUnavailable(
                f"{self.place.settings.model}={self.place.value}: the model has no {capability!r} capability "
                f"({why}); it has: {has}; choose another"
            )
            error.retryable = False
            raise error
        return state

    def facts(self, seconds: float) -> Facts:
        """What the model can do, from one request that may take so long, without loading it."""
        return self._translated(lambda: self._facts(seconds))

    def load(self, context: int = CONTEXT) -> None:
        """Has the model loaded into memory, for so many tokens, and waits for it."""
        # With another size of context than it is asked with later, Ollama would load it once more then.
        size = {"num_ctx": context}
        self._answer(
            lambda: self._slow.generate(self.model, stream=True, options=size, keep_alive=self._keep_alive)
        )

    def loading_seconds(self) -> float:
        """How much longer its first token may take than that of a model in memory: 0 when it is."""
        return self._translated(self._loading_seconds)

    def chat(self, text: str, asked: Asked, *, system: str = "", images: Sequence[bytes] = ()) -> Written:
        """The answer to one message, put in the model's own chat form; ``images``: files, JPEG or PNG."""
        messages = [Message(role="system", content=system)] if system else []
        messages.append(Message(role="user", content=text, images=[Image(value=image) for image in images]))
        return self._answer(
            lambda: self._slow.chat(
                self.model,
                messages,
                stream=True,
                think=False,
                logprobs=asked.top_logprobs > 0,
                top_logprobs=asked.top_logprobs,
                options=_options(asked),
                keep_alive=self._keep_alive,
            )
        )

    def generate(
        self, prompt: str, asked: Asked, *, raw: bool = False, images: Sequence[bytes] = ()
    ) -> Written:
        """What follows the prompt; ``raw``: the prompt is in the model's own form already."""
        return self._answer(
            lambda: self._slow.generate(
                self.model,
                prompt,
                stream=True,
                raw=raw,
                # A raw prompt says by itself whether the model is to think.
                think=None if raw else False,
                images=list(images),
                logprobs=asked.top_logprobs > 0,
                top_logprobs=asked.top_logprobs,
                options=_options(asked),
                keep_alive=self._keep_alive,
            )
        )

    def close(self) -> None:
        """Ends the connections."""
        if "_quick" in vars(self):
            self._quick.close()  # type: ignore[no-untyped-call]  # the vendor's
        if "_slow" in vars(self):
            self._slow.close()  # type: ignore[no-untyped-call]  # the vendor's

    @once
    def _quick(self) -> Client:
        return Client(host=self._url, timeout=CHECK_SECONDS, headers=ONE_EACH)

    @once
    def _slow(self) -> Client:
        # Longer than the deadlines, which are held elsewhere and explain themselves better.
        longest = self._patience.load + self._patience.first + self._patience.whole + GRACE_SECONDS
        return Client(host=self._url, timeout=(CONNECT_SECONDS, longest, longest, longest), headers=ONE_EACH)

    def _answer(self, ask: Callable[[], Iterator[Part]]) -> Written:
        return self._translated(lambda: _whole(within(ask(), self._deadlines())))

    def _deadlines(self) -> Deadlines:
        first = self._loading_seconds() + self._patience.first
        return Deadlines(first=first, whole=self._patience.whole)

    def _loading_seconds(self) -> float:
        return 0.0 if _find(self._quick.ps().models, self.model) else self._patience.load

    def _state(self) -> State:
        shown = self._quick.show(self.model)
        card = _find(self._quick.list().models, self.model)
        return State(
            model=self.model,
            version=self._version(),
            digest=(card and card.digest) or "",
            capabilities=frozenset(shown.capabilities or ()),
            device=_device(_find(self._quick.ps().models, self.model)),
        )

    def _facts(self, seconds: float) -> Facts:
        client = Client(host=self._url, timeout=min(seconds, CHECK_SECONDS), headers=ONE_EACH)
        try:
            shown = client.show(self.model)
        finally:
            client.close()  # type: ignore[no-untyped-call]  # the vendor's
        told = shown.modelinfo or {}
        length = told.get(f"{told.get('general.architecture')}.context_length")
        context = length if isinstance(length, int) else 0
        return Facts(frozenset(shown.capabilities or ()), context)

    def _version(self) -> str:
        # The vendor's client has no call for it; a proxy in front may not let it through.
        found = httpx.get(f"{self._url.rstrip('/')}/api/version", timeout=CHECK_SECONDS)
        return str(found.json().get("version", "")) if found.is_success else ""

    def _translated(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except Exception as error:
            raise unavailable(error, self.place) from error


def _find(rows: Sequence[Row], model: str) -> Row | None:
    names = {model, f"{model}:latest"}
    return next((row for row in rows if row.model in names), None)


def _options(asked: Asked) -> dict[str, object]:
    stop = {"stop": list(asked.stop)} if asked.stop else {}
    return {"temperature": 0, "num_predict": asked.max_tokens, "num_ctx": asked.context, **stop}


def _whole(parts: Iterator[Part]) -> Written:
    text: list[str] = []
    choices: list[Choices] = []
    reason = None
    for part in parts:
        text.append((part.message.content if isinstance(part, ChatResponse) else part.response) or "")
        choices.extend(_choices(part))
        reason = part.done_reason if part.done else reason
    if reason is None:
        raise BrokenStream
    return Written("".join(text), reason != "length", tuple(choices))


def _choices(part: Part) -> Iterator[Choices]:
    for row in part.logprobs or ():
        yield tuple((choice.token, choice.logprob) for choice in row.top_logprobs or (row,))


def _device(row: ProcessResponse.Model | None) -> str:
    if row is None:
        return ""
    size, on_gpu = row.size or 0, row.size_vram or 0
    if not on_gpu:
        return "cpu"
    return "gpu" if on_gpu >= size else "cpu and gpu"
