"""Captions by a model that sees: what it is asked, what becomes of its answer, when it is refused."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from rag.captioner import SIDE, OllamaCaptioner, cleaned, open_captioner
from rag.errors import BadSettings, InvalidInput, ModelUnavailable
from tests.ollama_server import OllamaServer, Script

GREY = np.full((600, 2000, 3), 127, np.uint8)


@pytest.fixture(scope="module")
def _running() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture
def server(_running: OllamaServer) -> OllamaServer:
    """One that sees, as if fresh."""
    _running.backend = Script("A ferry crosses the Tejo.")
    _running.capabilities = ("completion", "vision", "thinking")
    _running.load_seconds = 0.0
    _running.loaded.clear()
    _running.requests.clear()
    return _running


def opened(server: OllamaServer, language: str = "en", seconds: float = 20.0) -> OllamaCaptioner:
    found = open_captioner("ollama:tiny", url=server.url, language=language, load_seconds=20, seconds=seconds)
    assert found is not None
    return found


def test_the_picture_is_sent_shrunk_and_no_thoughts_are_wanted(server: OllamaServer) -> None:
    assert opened(server).caption(GREY) == "A ferry crosses the Tejo."
    path, body = server.requests[-1]
    (message,) = body["messages"]
    with Image.open(io.BytesIO(base64.b64decode(message["images"][0]))) as sent:
        assert (sent.format, sent.size) == ("JPEG", (SIDE, round(SIDE * 0.3)))
    assert (path, body["think"], body["options"]["temperature"]) == ("/api/chat", False, 0)
    assert message["content"].endswith("in English.")


@pytest.mark.parametrize(
    ("language", "named"), [("pt", "Portuguese"), ("pt-PT", "European Portuguese"), ("de", "German")]
)
def test_the_language_is_named(server: OllamaServer, language: str, named: str) -> None:
    opened(server, language).caption(GREY)
    assert server.requests[-1][1]["messages"][0]["content"].endswith(f"in {named}.")


def test_a_language_that_is_not_known_is_refused(server: OllamaServer) -> None:
    with pytest.raises(BadSettings, match=r"OLHAR_CAPTIONER_LANGUAGE=xx.*pt-BR"):
        opened(server, "xx")


def test_a_blind_model_is_refused_and_says_so(server: OllamaServer) -> None:
    server.capabilities = ("completion",)
    for call in (opened(server).check, opened(server).asked):
        with pytest.raises(ModelUnavailable, match=r"OLHAR_CAPTIONER=ollama:tiny.*'vision'") as caught:
            call()
        assert not caught.value.retryable


def test_other_words_or_weights_are_another_question(server: OllamaServer) -> None:
    assert opened(server).asked() == opened(server).asked()
    assert opened(server).asked() != opened(server, "pt").asked()


def test_a_cold_load_is_no_failure_and_a_slow_answer_is(server: OllamaServer) -> None:
    server.load_seconds = 0.6
    assert opened(server, seconds=0.4).caption(GREY)
    server.backend = Script(delay=60)
    with pytest.raises(ModelUnavailable, match="OLHAR_CAPTIONER_SECONDS"):
        opened(server, seconds=0.4).caption(GREY)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("A dog.", "A dog."),
        ("<think>A cat? No.</think>\n\nA dog.", "A dog."),
        ('"A dog on a beach."\n', "A dog on a beach."),
        ("Here is a caption for the picture:\n\n**A dog.**", "A dog."),
        ("Legenda: Um cão na praia.", "Um cão na praia."),
        ("A  dog\nruns.", "A dog runs."),
    ],
)
def test_what_is_no_caption_is_left_out(written: str, kept: str) -> None:
    assert cleaned(written) == kept


def test_a_sentence_that_was_cut_off_is_left_out() -> None:
    assert cleaned("A dog runs. Behind it the sea is", complete=False) == "A dog runs."
    assert cleaned("A dog that runs along the", complete=False) == "A dog that runs along the"


@pytest.mark.parametrize("written", ["", "<think>A dog", '""', "I'm sorry, I can't help.", "Não posso ver."])
def test_an_answer_that_describes_nothing_is_no_caption(written: str) -> None:
    with pytest.raises(InvalidInput):
        cleaned(written)
