"""One small real model and one scripted server for all tests of generation; evidence made of captions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rag.generation.llamacpp import LlamaCppChat
from rag.pipeline import number
from rag.types import Evidence, Hit, Item, Label, Legs
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
    _running.context_length = 8192
    _running.load_seconds = _running.on_gpu = 0.0
    _running.loaded.clear()
    _running.requests.clear()
    return _running


def photo(
    caption: str = "",
    *,
    labels: tuple[str, ...] = (),
    text: str = "",
    ocr: str = "",
    tags: tuple[str, ...] = (),
    relevance: float = 1.0,
    n: int = 1,
) -> Hit:
    """A hit of which just that is known; the item is ``item-<n>``."""
    item = Item(
        f"item-{n}", "tenant", "photos", "hash", (f"{n}.jpg",), caption=caption, text=text, ocr=ocr, tags=tags
    )
    return Hit(n, item, 0.0, relevance, Legs(), tuple(Label(label, 0.3) for label in labels))


@pytest.fixture
def pieces() -> Callable[..., tuple[Evidence, ...]]:
    """Numbered evidence with the given captions; the items are ``item-1``, ``item-2`` …"""

    def make(*captions: str) -> tuple[Evidence, ...]:
        return number([photo(caption, n=n) for n, caption in enumerate(captions, start=1)])

    return make
