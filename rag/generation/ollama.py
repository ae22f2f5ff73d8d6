"""Chat models of an Ollama server: how they are opened, and whether they are there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from langchain_ollama import ChatOllama

from rag.errors import ModelUnavailable
from rag.generation.capacity import Capacity, Limits
from rag.generation.prompts import PromptForm
from rag.ollama import CONNECT_SECONDS, GRACE_SECONDS, ONE_EACH, Ollama
from rag.relay import Deadlines
from rag.types import GenerationOptions
from rag.urls import without_password


def open_chat(model: str, url: str, deadlines: Deadlines, *, load: float, keep_alive: str) -> ChatOllama:
    """A chat model that sends no request yet, and that cannot hang for ever on any one read."""
    # Longer than the deadlines, which are held elsewhere and explain themselves better.
    longest = max(load + deadlines.first, deadlines.whole) + GRACE_SECONDS
    return ChatOllama(
        model=model,
        base_url=url,
        keep_alive=keep_alive,
        reasoning=False,
        client_kwargs={
            # Connect, read (between two chunks), write, pool; in seconds.
            "timeout": (CONNECT_SECONDS, longest, longest, longest),
            "headers": ONE_EACH,
        },
    )


def capacity(ollama: Ollama, limits: Limits, seconds: float) -> Capacity | None:
    """What the model can take in: its own length, within the limits.

    None where the server does not tell in so many seconds: what is wrong the question itself will say.
    """
    try:
        facts = ollama.facts(seconds)
    except ModelUnavailable:
        return None
    return limits.of(facts.context, sees="vision" in facts.capabilities)


def arguments(form: PromptForm, options: GenerationOptions, capacity: Capacity) -> dict[str, Any]:
    """How an answer is to be written, in the words of Ollama's API.

    Ollama cuts off the beginning of a prompt that is longer than ``num_ctx``, and says nothing: it has to be
    what the prompt was made for. It is the same for each question, since another one loads the model anew.
    """
    given: dict[str, Any] = {
        "temperature": 0 if options.temperature is None else options.temperature,
        "num_predict": capacity.answer(options.max_tokens or form.max_tokens),
        "num_ctx": capacity.context,
        "seed": options.seed,
        "stop": [*(() if options.schema else form.stop), *options.stop] or None,
    }
    request: dict[str, Any] = {"options": {k: v for k, v in given.items() if v is not None}}
    if options.schema is not None:
        request["format"] = dict(options.schema)
    return request


def check(ollama: Ollama, url: str) -> Mapping[str, str]:
    """``{"device", "model"}`` of an installed model, without loading it. Raises ModelUnavailable."""
    state = ollama.state()
    where = f"{state.device or 'not loaded'} (Ollama at {without_password(url)})"
    return {"device": where, "model": ollama.model}


def loading(ollama: Ollama) -> Callable[[], float]:
    """Ask, beside the question that is being sent, whether the model is in memory.

    What comes back tells how many seconds more it has for its first word; none where Ollama does not say.
    """
    found = Future[float]()

    def ask() -> None:
        try:
            found.set_result(ollama.loading_seconds())
        except ModelUnavailable:
            found.set_result(0.0)

    threading.Thread(target=ask, name="ollama-ps", daemon=True).start()
    return lambda: found.result() if found.done() else 0.0
