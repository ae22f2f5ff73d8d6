"""Chat models of an Ollama server: how they are opened, and whether they are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_ollama import ChatOllama

from rag.generation.prompts import PromptForm
from rag.ollama import CONNECT_SECONDS, CONTEXT, GRACE_SECONDS, KEEP_ALIVE, ONE_EACH, Ollama, place
from rag.relay import Deadlines
from rag.types import GenerationOptions
from rag.urls import without_password


def open_chat(model: str, url: str, deadlines: Deadlines) -> ChatOllama:
    """A chat model that sends no request yet, and that cannot hang for ever on any one read."""
    # Longer than the deadlines, which are held elsewhere and explain themselves better.
    longest = max(deadlines.first, deadlines.whole) + GRACE_SECONDS
    return ChatOllama(
        model=model,
        base_url=url,
        keep_alive=KEEP_ALIVE,
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


def check(model: str, url: str) -> Mapping[str, str]:
    """``{"device", "model"}`` of an installed model, without loading it. Raises ModelUnavailable."""
    state = Ollama(model, url, place=place(model, url)).state()
    return {"device": f"{state.device or 'not loaded'} (Ollama at {without_password(url)})", "model": model}
