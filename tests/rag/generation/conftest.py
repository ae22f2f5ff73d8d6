"""One small real model and one scripted server for all tests of generation; evidence made of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rag.generation.llamacpp import LlamaCppChat
from rag.types import Evidence, Hit, Item, Legs
from tests.ollama_server import OllamaServer, Script


@pytest.fixture(scope="session")
def smollm2() -> Iterator[LlamaCppChat]:
    """SmolLM2-135M in process."""
    chat = LlamaCppChat(model="smollm2", max_tokens=32)
    yield chat
    chat.close()


@pytest.fixture(scope="session")
def _running() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture
def server(_running: OllamaServer) -> OllamaServer:
    """A scripted Ollama server, as if fresh."""
    _running.backend = Script()
    _running.capabilities = ("completion",)
    _running.load_seconds = _running.on_gpu = 0.0
    _running.loaded.clear()
    _running.requests.clear()
    return _running


@pytest.fixture
def pieces() -> Callable[..., tuple[Evidence, ...]]:
    """Numbered evidence with the given texts; the items are ``item-1``, ``item-2`` …"""

    def make(*texts: str) -> tuple[Evidence, ...]:
        return tuple(
            Evidence(
                n,
                Hit(n, Item(f"item-{n}", "tenant", "photos", "hash", (f"{n}.jpg",)), 0.0, 1.0, Legs()),
                text,
            )
            for n, text in enumerate(texts, start=1)
        )

    return make
