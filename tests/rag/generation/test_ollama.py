"""The whole Ollama path over real HTTP: right answers, and every failure bounded and explained."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import GeneratorType
from typing import Any

import numpy as np
import pytest

from rag.errors import ModelUnavailable
from rag.generation.capacity import estimated
from rag.generation.chat_models import open_chat_model
from rag.generation.generator import ChatGenerator
from rag.generation.llamacpp import model_file
from rag.generation.pictures import BLIND, Sight
from rag.images import decode
from rag.types import JSON, NOT_FOUND, Draft, Evidence, GenerationOptions, Pixels, Turn
from tests.ollama_server import LlamaCpp, OllamaServer, Script
from tests.ollama_server.backends import Ask, End, Token

Pieces = Callable[..., tuple[Evidence, ...]]
BOUND = 5.0
"""Seconds in which every failure has to end, with deadlines of half a second."""


def generator(
    url: str,
    model: str = "tiny",
    *,
    load_seconds: float = 20,
    first_seconds: float | None = None,
    answer_seconds: float = 20,
    keep_alive: str = "30m",
    sight: Sight = BLIND,
) -> ChatGenerator:
    return ChatGenerator(
        open_chat_model(
            f"ollama:{model}",
            ollama_url=url,
            load_seconds=load_seconds,
            first_seconds=load_seconds if first_seconds is None else first_seconds,
            answer_seconds=answer_seconds,
            keep_alive=keep_alive,
        ),
        sight,
    )


@dataclass(frozen=True, slots=True)
class Counting:
    """Says that a prompt had so many tokens."""

    prompt_tokens: int

    def tokens(self, ask: Ask, stopping: threading.Event) -> Iterator[Token | End]:
        del ask, stopping
        yield Token("A cat [1].")
        yield End("stop", self.prompt_tokens, 3)


def test_an_answer_with_checked_citations(server: OllamaServer, pieces: Pieces) -> None:
    server.backend = Script("A cat [1] and a dog [2], perhaps a bird [9].")
    draft = generator(server.url).answer("What?", pieces("A cat.", "A dog."))
    assert draft.text == "A cat [1] and a dog [2], perhaps a bird."
    assert [citation.item_id for citation in draft.citations] == ["item-1", "item-2"]
    assert len(draft.warnings) == 1


def test_what_ollama_is_asked(server: OllamaServer, pieces: Pieces) -> None:
    generator(server.url).answer("What is it?", pieces("A cat.", "A dog."))
    (shown, _), (path, body) = server.requests
    assert (shown, path, body["model"]) == ("/api/show", "/api/chat", "tiny")
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert "[2] Caption: A dog." in body["messages"][1]["content"]
    assert body["think"] is False
    assert body["options"]["temperature"] == 0
    assert body["options"]["num_predict"] > 0
    assert body["options"]["num_ctx"] >= 8192
    assert body["keep_alive"]


@pytest.mark.parametrize(
    "said",
    [
        NOT_FOUND,
        f" {NOT_FOUND.lower()}\n",
        "Sorry, this is not in this collection!",
        f"{NOT_FOUND} [1]",
        "This is not in this collection [1].",
        "Isto não está nesta coleção.",
        "Infelizmente, isso não está nesta coleção [1].",
    ],
)
def test_not_in_this_collection_is_always_the_same_sentence(
    server: OllamaServer, pieces: Pieces, said: str
) -> None:
    server.backend = Script(said)
    draft = generator(server.url).answer("What?", pieces("A cat."))
    assert (draft.text, draft.citations, draft.warnings) == (NOT_FOUND, (), ())
    assert draft.abstained


def test_an_answer_to_a_part_of_the_question_is_an_answer(server: OllamaServer, pieces: Pieces) -> None:
    server.backend = Script("This is a cat [1]. A zebra: this is not in this collection.")
    draft = generator(server.url).answer("What?", pieces("A cat."))
    assert not draft.abstained
    assert [citation.marker for citation in draft.citations] == [1]


def test_a_marker_that_was_removed_is_warned_of_also_where_nothing_was_found(
    server: OllamaServer, pieces: Pieces
) -> None:
    server.backend = Script(f"{NOT_FOUND} [9]")
    draft = generator(server.url).answer("What?", pieces("A cat."))
    assert (draft.text, draft.abstained) == (NOT_FOUND, True)
    assert len(draft.warnings) == 1
    assert "[9]" in draft.warnings[0]


def test_without_evidence_nobody_is_asked(server: OllamaServer) -> None:
    assert generator(server.url).answer("What?", ()).text == NOT_FOUND
    assert server.requests == []


def test_thoughts_are_no_part_of_the_answer(server: OllamaServer, pieces: Pieces) -> None:
    server.backend = Script("<think>\nA cat [1]?\n</think>\n\nA dog [2].")
    draft = generator(server.url).answer("What?", pieces("A cat.", "A dog."))
    assert draft.text == "A dog [2]."
    assert [citation.marker for citation in draft.citations] == [2]


def test_an_answer_that_cites_nothing_says_so(server: OllamaServer, pieces: Pieces) -> None:
    server.backend = Script("A cat.")
    assert generator(server.url).answer("What?", pieces("x")).warnings == ("the answer cites nothing",)


def test_a_slow_load_is_no_error_within_its_own_deadline(server: OllamaServer, pieces: Pieces) -> None:
    server.load_seconds = 2.0
    draft = generator(server.url, answer_seconds=1.5).answer("What?", pieces("A cat."))
    assert draft.text == "It is a cat. [1]"


def test_only_a_model_that_is_not_in_memory_has_the_time_for_loading(pieces: Pieces) -> None:
    with OllamaServer(load_seconds=2) as server:  # .8 s are enough to hear of it on a busy machine
        asked = generator(server.url, load_seconds=20, first_seconds=0.8)
        assert asked.answer("What?", pieces("A cat.")).citations
        server.backend = Script(first_delay=60)
        with pytest.raises(ModelUnavailable, match="OLHAR_LLM_FIRST_SECONDS"):
            asked.answer("What?", pieces("A cat."))


def test_warming_loads_it_as_it_is_asked_later_and_for_as_long_as_is_set(
    server: OllamaServer, pieces: Pieces
) -> None:
    asked = generator(server.url, keep_alive="2h")
    asked.warm()
    assert server.loaded == ["tiny:latest"]
    asked.answer("What?", pieces("A cat."))
    load, question = (body for path, body in server.requests if path != "/api/show")
    assert load["options"]["num_ctx"] == question["options"]["num_ctx"]
    assert load["keep_alive"] == question["keep_alive"] == "2h"


def test_a_slow_answer_is_no_error_within_its_own_deadline(server: OllamaServer, pieces: Pieces) -> None:
    server.backend = Script(delay=0.5)
    draft = generator(server.url, load_seconds=1.5).answer("What?", pieces("A cat."))
    assert draft.text == "It is a cat. [1]"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (Script(status=500), r"failed: llama runner process has terminated"),
        (Script(status=503, error="server busy"), r"server busy"),
        (Script(status=400, error="invalid options"), r"rejected the request: invalid options"),
        (Script(first_delay=60), r"OLHAR_LLM_LOAD_SECONDS"),
        (Script(delay=60), r"OLHAR_LLM_ANSWER_SECONDS"),
        (Script("word " * 1000, delay=0.05), r"OLHAR_LLM_ANSWER_SECONDS"),
        (Script(ending="hang", after=2), r"OLHAR_LLM_ANSWER_SECONDS"),
        (Script(ending="cut", after=2), r"broke off"),
        (Script(ending="missing", after=2), r"broke off"),
        (Script(ending="missing", after=0), r"OLHAR_LLM=ollama:tiny"),
        (Script(ending="error", after=2), r"llama runner process has terminated"),
        (Script("", ending="done"), r"broke off"),
    ],
    ids=lambda value: f"{value.status}-{value.ending}" if isinstance(value, Script) else "",
)
def test_every_failure_is_model_unavailable_in_bounded_time(
    server: OllamaServer, pieces: Pieces, script: Script, said: str
) -> None:
    server.backend = script
    started = time.monotonic()
    with pytest.raises(ModelUnavailable, match=said) as caught:
        generator(
            server.url,
            load_seconds=0.5 if script.first_delay else 20,
            answer_seconds=0.5 if script.delay or script.ending == "hang" else 20,
        ).answer("What?", pieces("A cat."))
    assert time.monotonic() - started < BOUND
    assert str(caught.value).startswith("OLHAR_LLM=ollama:tiny: Ollama at http://127.0.0.1")


def _closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


@pytest.mark.parametrize(
    "call", [lambda g, e: g.answer("What?", e), lambda g, _: g.check()], ids=["answer", "check"]
)
def test_no_server_names_the_url_and_its_setting(pieces: Pieces, call: Callable[..., Any]) -> None:
    url = _closed_port()
    started = time.monotonic()
    with pytest.raises(
        ModelUnavailable, match=rf"{url} cannot be reached.*ollama serve.*OLHAR_OLLAMA_URL"
    ) as e:
        call(generator(url), pieces("A cat."))
    assert e.value.retryable
    assert time.monotonic() - started < BOUND


@pytest.mark.parametrize(
    "call", [lambda g, e: g.answer("What?", e), lambda g, _: g.check()], ids=["answer", "check"]
)
def test_a_model_that_is_not_there_names_the_pull(
    server: OllamaServer, pieces: Pieces, call: Callable[..., Any]
) -> None:
    with pytest.raises(ModelUnavailable, match=r"ollama pull qwen3:8b") as caught:
        call(generator(server.url, "qwen3:8b"), pieces("A cat."))
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "call", [lambda g, e: g.answer("What?", e), lambda g, _: g.check()], ids=["answer", "check"]
)
def test_a_password_in_the_url_is_never_said(pieces: Pieces, call: Callable[..., Any]) -> None:
    url = _closed_port().replace("://", "://olhar:hunter2@")
    with pytest.raises(ModelUnavailable, match=r"http://olhar:\*\*\*@127") as caught:
        call(generator(url), pieces("A cat."))
    assert "hunter2" not in str(caught.value)


def test_check_says_no_password(server: OllamaServer) -> None:
    said = generator(server.url.replace("://", "://olhar:hunter2@")).check()
    assert "hunter2" not in str(said)
    assert "olhar:***@" in said["device"]


def test_a_server_that_is_no_ollama(pieces: Pieces) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ModelUnavailable, match="OLHAR_LLM_LOAD_SECONDS"):
            generator(url, load_seconds=0.3, answer_seconds=0.3).answer("What?", pieces("A cat."))


def test_it_answers_again_once_the_trouble_is_over(server: OllamaServer, pieces: Pieces) -> None:
    asked = generator(server.url)
    server.backend = Script(ending="cut", after=1)
    with pytest.raises(ModelUnavailable):
        asked.answer("What?", pieces("A cat."))
    server.backend = Script()
    assert asked.answer("What?", pieces("A cat.")).citations


@pytest.mark.parametrize(("on_gpu", "device"), [(0.0, "cpu"), (0.5, "cpu and gpu"), (1.0, "gpu")])
def test_check_says_where_a_loaded_model_runs(server: OllamaServer, on_gpu: float, device: str) -> None:
    server.on_gpu = on_gpu
    asked = generator(server.url)
    assert asked.check()["device"].startswith("not loaded")
    server.loaded.append("tiny:latest")
    assert asked.check() == {"device": f"{device} (Ollama at {server.url})", "model": "tiny"}


def test_a_real_model_behind_it(pieces: Pieces) -> None:
    with OllamaServer(LlamaCpp(model_file("smollm2"))) as server:
        draft = generator(server.url).answer("What animal is it?", pieces("A grey cat sleeps."))
    assert draft.text
    assert all(citation.marker == 1 for citation in draft.citations)


def test_the_pieces_of_an_answer_make_its_text(server: OllamaServer, pieces: Pieces) -> None:
    server.backend = Script("A cat [1] and [9] a dog [2], it seems [7].")
    *texts, draft = generator(server.url).stream("What?", pieces("A cat.", "A dog."))
    assert isinstance(draft, Draft)
    assert "".join(map(str, texts)) == draft.text == "A cat [1] and a dog [2], it seems."
    assert len(texts) > 3
    assert [citation.marker for citation in draft.citations] == [1, 2]
    assert draft.usage.completion_tokens == 11
    assert draft.finish == "stop"


def test_how_it_is_to_be_written_reaches_the_model(server: OllamaServer, pieces: Pieces) -> None:
    server.backend = Script("one two three four")
    options = GenerationOptions(temperature=0.5, max_tokens=2, seed=7, stop=("END",))
    *_, draft = generator(server.url).stream("What?", pieces("A cat."), options=options)
    assert isinstance(draft, Draft)
    assert (draft.text, draft.finish) == ("one two", "length")
    sent = server.requests[-1][1]["options"]
    assert (sent["temperature"], sent["num_predict"], sent["seed"], sent["stop"]) == (0.5, 2, 7, ["END"])
    assert sent["num_ctx"] > 4096


def test_an_answer_by_a_schema_is_not_touched(server: OllamaServer, pieces: Pieces) -> None:
    server.backend = Script('{"rooms": [7], "said": "a cat [1] [9]"}')
    schema: dict[str, JSON] = {"type": "object", "properties": {"rooms": {"type": "array"}}}
    *texts, draft = generator(server.url).stream(
        "What?", pieces("A cat."), options=GenerationOptions(schema=schema)
    )
    assert isinstance(draft, Draft)
    assert "".join(map(str, texts)) == draft.text == '{"rooms": [7], "said": "a cat [1] [9]"}'
    assert [citation.marker for citation in draft.citations] == [1]
    assert "[9]" in draft.warnings[0]
    assert server.requests[-1][1]["format"] == schema


def test_earlier_turns_are_told_without_their_markers(server: OllamaServer, pieces: Pieces) -> None:
    server.backend = Script("A cat [1].")
    history = (Turn("user", "Who is there?"), Turn("assistant", "A dog [1]."))
    list(generator(server.url).stream("And then?", pieces("A cat."), history=history))
    told = server.requests[-1][1]["messages"]
    assert [message["role"] for message in told] == ["system", "user", "assistant", "user"]
    assert told[2]["content"] == "A dog."


def test_a_prompt_fits_the_context_that_ollama_is_asked_for(server: OllamaServer, pieces: Pieces) -> None:
    server.context_length = 2048
    server.backend = Script("A cat [1].")
    many = pieces(*(f"photo {n} " + "of a cat " * 40 for n in range(30)))
    *_, draft = generator(server.url).stream("And then?", many, history=[Turn("user", "word " * 4_000)])
    assert isinstance(draft, Draft)
    (body,) = [body for path, body in server.requests if path == "/api/chat"]
    assert body["options"]["num_ctx"] == 2048
    assert estimated("".join(m["content"] for m in body["messages"])) < 2048 - body["options"]["num_predict"]
    assert 1 < draft.shown.evidence < 30
    assert f"[{draft.shown.evidence}] " in body["messages"][-1]["content"]
    assert f"[{draft.shown.evidence + 1}] " not in body["messages"][-1]["content"]
    assert draft.shown.tokens <= draft.shown.room <= 2048


def test_what_was_not_shown_cannot_be_cited(server: OllamaServer, pieces: Pieces) -> None:
    server.context_length = 1024
    server.backend = Script("A cat [1] and a dog [30].")
    draft = generator(server.url).answer("What?", pieces(*["of a cat " * 60] * 30))
    assert draft.text == "A cat [1] and a dog."


def test_a_count_that_was_too_small_is_made_up_for(server: OllamaServer, pieces: Pieces) -> None:
    server.backend = Counting(10)
    asked, many = generator(server.url), pieces(*["of a cat " * 40] * 40)
    first, second = asked.answer("What?", many), asked.answer("What?", many)
    server.backend = Counting(first.shown.tokens * 2)
    asked.answer("What?", many)
    third = asked.answer("What?", many)
    assert second.shown.evidence == first.shown.evidence
    assert third.shown.evidence < first.shown.evidence


def test_a_model_that_sees_is_sent_the_pictures_in_the_order_of_the_evidence(
    server: OllamaServer, pieces: Pieces
) -> None:
    server.capabilities = ("completion", "vision")
    server.backend = Script("A cat [1].")
    colours = {"1": (250, 0, 0), "2": (0, 250, 0)}
    sight = Sight(lambda sha256: filled(colours[sha256]) if sha256 in colours else None, 3, 64)
    evidence = tuple(
        replace(one, hit=replace(one.hit, item=replace(one.hit.item, content_hash=str(one.marker))))
        for one in pieces("A.", "B.", "C.")
    )
    asked = generator(server.url, sight=sight)
    *_, draft = asked.stream("What?", evidence, pictures=(filled((0, 0, 250)),))
    assert isinstance(draft, Draft)
    assert draft.shown.pictures == 3
    message = server.requests[-1][1]["messages"][-1]
    assert "Pictures sent along, in this order: the question's picture, [1], [2]." in message["content"]
    assert [seen(image) for image in message["images"]] == ["blue", "red", "green"]
    message_to_the_blind(server, evidence, sight)


def message_to_the_blind(server: OllamaServer, evidence: tuple[Evidence, ...], sight: Sight) -> None:
    server.capabilities = ("completion",)
    draft = generator(server.url, sight=sight).answer("What?", evidence)
    message = server.requests[-1][1]["messages"][-1]
    assert (draft.shown.pictures, message.get("images") or []) == (0, [])
    assert "Pictures" not in message["content"]


def filled(colour: tuple[int, int, int]) -> Pixels:
    return np.full((100, 200, 3), colour, np.uint8)


def seen(image: str) -> str:
    pixels = decode(base64.b64decode(image), max_pixels=10_000)
    assert max(pixels.shape) == 64
    return ("red", "green", "blue")[int(np.argmax(pixels.mean(axis=(0, 1))))]


def test_a_reader_who_leaves_stops_the_model(server: OllamaServer, pieces: Pieces) -> None:
    server.backend = Script("word " * 400, delay=0.01)
    stream = generator(server.url).stream("What?", pieces("A cat."))
    next(stream)
    assert isinstance(stream, GeneratorType)
    stream.close()
    assert [path for path, _ in server.requests] == ["/api/show", "/api/chat"]
