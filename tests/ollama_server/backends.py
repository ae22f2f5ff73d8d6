"""What writes the answers of the test server: a script, or a real model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import xllamacpp

from rag.relay import Emit, relay

Body: TypeAlias = dict[str, Any]
"""A JSON object."""
Choices: TypeAlias = Sequence[tuple[str, float]]
"""Tokens with their log-probabilities, most likely first."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an answer; ``choices`` are what might have stood there, itself among them."""

    text: str
    logprob: float = 0.0
    choices: Choices = ()


@dataclass(frozen=True, slots=True)
class End:
    """The last thing a backend yields."""

    reason: Literal["stop", "length"]
    prompt_tokens: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for text, from either endpoint. ``prompt`` is set for a raw one, else ``messages``."""

    messages: Sequence[Mapping[str, Any]]
    prompt: str | None
    options: Mapping[str, Any]
    top_logprobs: int


class Refusal(Exception):
    """An answer with an error status, before anything was streamed."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class CutConnection(Exception):
    """Ends the connection in the middle of the stream."""


class FailureInStream(Exception):
    """Ends the stream with a line that carries an error, as Ollama does once it has begun."""


class Backend(Protocol):
    """Writes the text of an answer."""

    def tokens(self, ask: Ask, stopping: threading.Event) -> Iterator[Token | End]: ...


@dataclass(frozen=True, slots=True)
class Script:
    """Always the same answer, one word at a time.

    ``choices``: for each position, what might have stood there (the first is written, in place of
    ``text``). Delays are in seconds. ``ending``: ``done`` is the regular one; ``missing`` ends the
    stream without its final ``done``; ``cut`` breaks the connection; ``error`` writes an error line;
    ``hang`` says nothing more. ``ending`` comes after ``after`` tokens, or after the last.
    """

    text: str = "It is a cat. [1]"
    choices: Sequence[Choices] = ()
    status: int = 200
    error: str = "llama runner process has terminated"
    first_delay: float = 0.0
    delay: float = 0.0
    ending: Literal["done", "missing", "cut", "error", "hang"] = "done"
    after: int | None = None

    def tokens(self, ask: Ask, stopping: threading.Event) -> Iterator[Token | End]:
        """The script's words."""
        if self.status >= 400:
            raise Refusal(self.status, self.error)
        stopping.wait(self.first_delay)
        limit = ask.options.get("num_predict", -1)
        words = self._words()
        kept = words[:limit] if limit >= 0 else words
        for position, token in enumerate(kept[: self.after]):
            if position:
                stopping.wait(self.delay)
            yield token
        self._end(stopping)
        if self.ending == "done":
            reason: Literal["stop", "length"] = "stop" if len(kept) == len(words) else "length"
            yield End(reason, prompt_tokens=sum(len(str(m).split()) for m in ask.messages), tokens=len(kept))

    def _words(self) -> list[Token]:
        if self.choices:
            return [Token(*best[0], choices=best) for best in self.choices]
        words = self.text.split(" ")
        return [Token(word if i == 0 else f" {word}") for i, word in enumerate(words)]

    def _end(self, stopping: threading.Event) -> None:
        if self.ending == "cut":
            raise CutConnection
        if self.ending == "error":
            raise FailureInStream(self.error)
        if self.ending == "hang":
            stopping.wait()
            raise CutConnection


class LlamaCpp:
    """A real model: a .gguf file, run by llama.cpp; ``parallel`` requests at a time."""

    def __init__(self, file: Path, parallel: int = 1) -> None:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(file)
        parameters.n_ctx = 2048 * parallel
        parameters.n_parallel = parallel
        parameters.verbosity = -1
        parameters.cache_ram_mib = 0
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
        self._server = xllamacpp.Server(parameters)

    def tokens(self, ask: Ask, stopping: threading.Event) -> Iterator[Token | End]:
        """What the model writes."""
        request: Body = {
            "max_tokens": ask.options.get("num_predict", 128),
            "temperature": ask.options.get("temperature", 0.8),
            "stop": ask.options.get("stop") or [],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if "seed" in ask.options:
            request["seed"] = ask.options["seed"]
        handle: Callable[..., object]
        if ask.prompt is not None:
            handle = self._server.handle_completions
            request |= {"prompt": ask.prompt, "n_probs": max(ask.top_logprobs, 1)}
        else:
            handle = self._server.handle_chat_completions
            request |= {"messages": list(ask.messages), "logprobs": True}
            request["top_logprobs"] = max(ask.top_logprobs, 1)

        def produce(emit: Emit[Body]) -> None:
            handle(request, lambda part: emit(part) or stopping.is_set())

        yield from _converted(relay(produce))


def _converted(parts: Iterator[Body]) -> Iterator[Token | End]:
    reason: Literal["stop", "length"] = "stop"
    usage: Mapping[str, int] = {}
    for part in parts:
        if "error" in part:
            raise Refusal(500, part["error"]["message"])
        usage = part.get("usage") or usage
        for choice in part.get("choices") or ():
            if choice.get("finish_reason") == "length":
                reason = "length"
            text = choice.get("text") or choice.get("delta", {}).get("content") or ""
            rows = (choice.get("logprobs") or {}).get("content") or ()
            if text or rows:
                yield _token(text, rows)
    yield End(reason, usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0))


def _token(text: str, rows: Sequence[Body]) -> Token:
    if not rows:
        return Token(text)
    choices = tuple((row["token"], row["logprob"]) for row in rows[0]["top_logprobs"])
    return Token(text, rows[0]["logprob"], choices)
