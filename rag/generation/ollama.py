"""Chat models of an Ollama server: how they are opened, and whether they are there."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_ollama import ChatOllama
from ollama import Client, ProcessResponse

from rag.generation.faults import Place, unavailable
from rag.generation.prompts import PromptForm
from rag.generation.relay import Deadlines
from rag.urls import without_password

CONNECT_SECONDS = 5.0
CHECK_SECONDS = 10.0
GRACE_SECONDS = 5.0
CONTEXT = 8192
"""Tokens. Ollama's own default (4,096) would silently cut off the first evidence of a long prompt."""
KEEP_ALIVE = "30m"


def place(model: str, url: str) -> Place:
    """What messages say about a model at that server."""
    return Place(
        llm=f"ollama:{model}",
        where=f"Ollama at {without_password(url)}",
        reach="start it (`ollama serve`), or set OLHAR_OLLAMA_URL to where it listens",
        missing=f"`ollama pull {model}`",
    )


def open_chat(model: str, url: str, form: PromptForm, deadlines: Deadlines) -> ChatOllama:
    """A chat model that sends no request yet, and that cannot hang for ever on any one read."""
    # Longer than the deadlines, which are held elsewhere and explain themselves better.
    longest = max(deadlines.first, deadlines.whole) + GRACE_SECONDS
    return ChatOllama(
        model=model,
        base_url=url,
        temperature=0,
        num_predict=form.max_tokens,
        num_ctx=CONTEXT,
        stop=list(form.stop) or None,
        keep_alive=KEEP_ALIVE,
        reasoning=False,
        client_kwargs={
            # Connect, read (between two chunks), write, pool; in seconds.
            "timeout": (CONNECT_SECONDS, longest, longest, longest),
            # A connection for each answer: one kept open would be stale after Ollama restarts.
            "headers": {"Connection": "close"},
        },
    )


def check(model: str, url: str) -> Mapping[str, str]:
    """``{"device", "model"}`` of an installed model, without loading it. Raises ModelUnavailable."""
    try:
        with Client(host=url, timeout=CHECK_SECONDS) as client:
            client.show(model)
            loaded = client.ps().models
    except Exception as error:
        raise unavailable(error, place(model, url)) from error
    names = {model, f"{model}:latest"}
    found = next((row for row in loaded if row.model in names), None)
    return {"device": f"{_device(found)} (Ollama at {without_password(url)})", "model": model}


def _device(row: ProcessResponse.Model | None) -> str:
    if row is None:
        return "not loaded"
    size, on_gpu = row.size or 0, row.size_vram or 0
    if not on_gpu:
        return "cpu"
    return "gpu" if on_gpu >= size else "cpu and gpu"
