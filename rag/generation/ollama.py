"""Chat models of an Ollama server: how they are opened, and whether they are there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from langchain_ollama import ChatOllama

from rag.errors import ModelUnavailable
from rag.generation.prompts import PromptForm
from rag.ollama import CONNECT_SECONDS, CONTEXT, GRACE_SECONDS, ONE_EACH, Ollama
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


def arguments(form: PromptForm, options: GenerationOptions) -> dict[str, Any]:
    """How an answer is to be written, in the words of Ollama's API."""
    given: dict[str, Any] = {
        "temperature": 0 if options.temperature is None else options.temperature,
        "num_predict": options.max_tokens or form.max_tokens,
        "num_ctx": CONTEXT,
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
