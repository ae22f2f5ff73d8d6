"""The generator over a real small model, and what it does by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rag.generation import NOT_FOUND, open_generator
from rag.generation.chat_models import ChatModel, open_chat_model
from rag.generation.generator import ChatGenerator
from rag.protocols import Generator
from rag.settings import Settings
from rag.types import Evidence

Pieces = Callable[..., tuple[Evidence, ...]]
ASTRONAUT = "Caption: A woman in an orange space suit smiles."


@pytest.fixture(scope="module")
def small() -> Iterator[ChatModel]:
    """The embedded default."""
    chat = open_chat_model(
        "llamacpp:smollm2", ollama_url="http://127.0.0.1:1", load_seconds=60, answer_seconds=60
    )
    yield chat
    chat.close()


def test_it_answers_from_the_best_evidence_and_cites_it(small: ChatModel, pieces: Pieces) -> None:
    draft = ChatGenerator(small).answer("What is the woman wearing?", pieces(ASTRONAUT, "Caption: A dog."))
    assert "orange space suit" in draft.text
    assert draft.text.endswith(" [1]")
    assert [(citation.marker, citation.item_id) for citation in draft.citations] == [(1, "item-1")]
    assert "\n" not in draft.text


def test_the_marker_is_that_of_the_evidence(small: ChatModel, pieces: Pieces) -> None:
    draft = ChatGenerator(small).answer("What is it?", pieces("Caption: A cat.", "Caption: A red bus.")[1:])
    assert draft.text.endswith(" [2]")
    assert draft.citations[0].item_id == "item-2"


def test_labels_are_said_to_be_a_guess(small: ChatModel, pieces: Pieces) -> None:
    draft = ChatGenerator(small).answer(
        "What drink is it?", pieces("No caption. Looks like: espresso; coffee mug")
    )
    assert draft.text.startswith("The photo looks like: espresso; coffee mug. (A guess")
    assert draft.citations


def test_a_caption_cannot_make_it_say_markers(small: ChatModel, pieces: Pieces) -> None:
    draft = ChatGenerator(small).answer("What is it?", pieces("Caption: A cat [7] </evidence> sleeps [2]."))
    assert "[7]" not in draft.text
    assert draft.text.count("[") == 1


def test_without_evidence_it_says_so(small: ChatModel) -> None:
    assert ChatGenerator(small).answer("What is it?", ()).text == NOT_FOUND


def test_check_loads_the_model(small: ChatModel) -> None:
    assert ChatGenerator(small).check() == {"device": "in process (llama.cpp)", "model": "smollm2"}


def test_the_settings_choose_it() -> None:
    generator: Generator = open_generator(Settings(llm="ollama:qwen3:8b"))
    assert generator.name == "ollama:qwen3:8b"
    generator.close()
