"""Chat models of an Ollama server: how they are opened, and whether they are there."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_ollama import ChatOllama

from rag.generation.prompts import PromptForm
from rag.ollama import CONNECT_SECONDS, CONTEXT, GRACE_SECONDS, KEEP_ALIVE, ONE_EACH, Ollama, place
from rag.relay import Deadlines
from rag.urls import without_password


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
            "headers": ONE_EACH,
        },
    )


def check(model: str, url: str) -> Mapping[str, str]:
    """``{"device", "model"}`` of an installed model, without loading it. Raises ModelUnavailable."""
    state = Ollama(model, url, place=place(model, url)).state()
    return {"device": f"{state.device or 'not loaded'} (Ollama at {without_password(url)})", "model": model}
