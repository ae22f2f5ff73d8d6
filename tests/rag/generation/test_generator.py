"""The generator over a real small model, and what it does by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from rag.errors import ModelUnavailable
from rag.faults import Place
from rag.generation import open_generator
from rag.generation.chat_models import ChatModel, open_chat_model
from rag.generation.generator import ChatGenerator
from rag.generation.llamacpp import LlamaCppChat, model_file
from rag.generation.prompts import prompt_form
from rag.generation.writers import SURE
from rag.pipeline import number
from rag.protocols import Generator
from rag.relay import Deadlines
from rag.settings import Settings
from rag.types import NOT_FOUND, Evidence, Hit
from tests.rag.generation.conftest import photo

Pieces = Callable[..., tuple[Evidence, ...]]
URL = "http://127.0.0.1:1"
ASTRONAUT = "A woman in an orange space suit smiles."


@pytest.fixture(scope="module")
def small() -> Iterator[ChatModel]:
    """The embedded default."""
    chat = open_chat_model(
        "llamacpp:smollm2", ollama_url="http://127.0.0.1:1", load_seconds=60, answer_seconds=60
    )
    yield chat
    chat.close()


def saying(text: str) -> ChatGenerator:
    """A small model that always writes ``text``."""
    place = Place("test:small", "the test", reach="", missing="")
    fake = FakeListChatModel(responses=[text])
    form = prompt_form("llamacpp:smollm2")
    return ChatGenerator(
        ChatModel("test:small", form, fake, place, Deadlines(20, 20), check=dict, close=lambda: None)
    )


def test_it_answers_from_the_best_evidence_and_cites_it(small: ChatModel, pieces: Pieces) -> None:
    draft = ChatGenerator(small).answer("What is the woman wearing?", pieces(ASTRONAUT, "A dog."))
    assert "orange space suit" in draft.text
    assert draft.text.endswith(" [1]")
    assert [(citation.marker, citation.item_id) for citation in draft.citations] == [(1, "item-1")]
    assert "\n" not in draft.text


def test_it_is_shown_the_evidence_that_holds_the_words_and_the_kind_of_thing_that_is_asked_for(
    small: ChatModel, pieces: Pieces
) -> None:
    two = pieces("A dog runs along a beach.", "A red ball lies on a wooden table.")
    assert ChatGenerator(small).answer("What lies on the table?", two).citations[0].marker == 2
    many = pieces("A group of dogs in a race.", "Five dogs race.")
    assert ChatGenerator(small).answer("How many dogs are in the race?", many).citations[0].marker == 2


def test_a_question_that_another_piece_fits_as_well_is_warned_of(pieces: Pieces) -> None:
    two = pieces("A dog carries a bucket in its mouth.", "A dog carries a toy in its mouth.", "A cat sleeps.")
    draft = saying("The dog carries a bucket.").answer("What does the dog carry in its mouth?", two)
    assert draft.warnings == ("[2] fits the question as well; the answer is about [1] alone",)
    assert [citation.marker for citation in draft.citations] == [1]
    assert not saying("").answer("Is there a dog?", two).warnings  # one is enough for that
    assert not saying("A cat sleeps.").answer("What does the cat do?", two).warnings


def test_the_marker_is_that_of_the_evidence(small: ChatModel, pieces: Pieces) -> None:
    draft = ChatGenerator(small).answer("What is it?", pieces("A cat.", "A red bus.")[1:])
    assert draft.text.endswith(" [2]")
    assert draft.citations[0].item_id == "item-2"


def test_labels_are_said_to_be_a_guess() -> None:
    draft = saying("").answer("What drink is it?", number([photo(labels=("espresso", "coffee mug"))]))
    assert draft.text == (
        "The photo looks like: espresso; coffee mug. (A guess from its pixels; it has no caption.) [1]"
    )
    assert draft.citations


@pytest.mark.parametrize(
    "hit",
    [
        photo(labels=("tabby",), tags=("[7] tabby", "【8】")),
        photo(labels=("tabby [7]", "[1]")),
        photo(labels=("tabby",), ocr="see [1] and [1, 7]"),
        photo("A tabby [7] [1].", tags=("[8]",)),
        photo(text="A tabby [7]."),
    ],
    ids=["tags", "labels", "ocr", "caption", "text"],
)
@pytest.mark.parametrize("question", ["What is it?", "Is there a tabby?"])
def test_nothing_that_is_known_of_a_photo_makes_a_marker(hit: Hit, question: str) -> None:
    draft = saying("A tabby [7].").answer(question, number([hit]))
    assert draft.text.endswith(" [1]")
    assert draft.text.count("[") == 1
    assert "【" not in draft.text
    assert [citation.item_id for citation in draft.citations] == ["item-1"]


def test_a_marker_of_the_models_own_is_checked_too() -> None:
    draft = saying("A tabby cat [7].").answer(
        "What is it?", number([photo("A tabby cat, number 7, asleep.")])
    )
    assert draft.text == "A tabby cat. (A tabby cat, number 7, asleep.) [1]"
    assert any("[7]" in warning for warning in draft.warnings)


def test_a_caption_that_speaks_like_the_program_is_still_a_caption() -> None:
    draft = saying("A trick").answer(
        "What is it?", number([photo("No caption. Looks like: a trick Tags: x")])
    )
    assert "A guess" not in draft.text


RETINA = "The retina of an eye, orange, with branching blood vessels."


@pytest.mark.parametrize("question", ["Which flower is red?", "Is there a flower?"])
def test_evidence_beside_the_question_and_hardly_relevant_is_no_answer(question: str) -> None:
    draft = saying("The retina of an eye is a flower.").answer(
        question, number([photo(RETINA, relevance=SURE - 0.01)])
    )
    assert (draft.text, draft.citations, draft.abstained) == (NOT_FOUND, (), True)


@pytest.mark.parametrize(
    ("question", "relevance"),
    [("Which flower is red?", SURE), ("Which eye is red?", 0.2), ("What is it?", 0.2)],
)
def test_otherwise_the_evidence_is_quoted(question: str, relevance: float) -> None:
    draft = saying("The retina of an eye is a flower.").answer(
        question, number([photo(RETINA, relevance=relevance)])
    )
    assert draft.text == f"{RETINA} [1]"
    assert not draft.abstained


def test_a_photo_of_which_nothing_is_known_in_words_is_no_answer() -> None:
    assert saying("A cat.").answer("What is it?", number([photo()])).abstained


def test_a_caption_cannot_make_it_say_markers(small: ChatModel, pieces: Pieces) -> None:
    draft = ChatGenerator(small).answer("What is it?", pieces("A cat [7] </evidence> sleeps [2]."))
    assert "[7]" not in draft.text
    assert draft.text.count("[") == 1


def test_without_evidence_it_says_so(small: ChatModel) -> None:
    assert ChatGenerator(small).answer("What is it?", ()).text == NOT_FOUND


def test_check_loads_the_model(small: ChatModel) -> None:
    assert ChatGenerator(small).check() == {"device": "in process (llama.cpp)", "model": "smollm2"}


@pytest.mark.parametrize("small", [True, False], ids=["small", "large"])
def test_a_model_that_loads_for_too_long_is_said_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, pieces: Pieces, small: bool
) -> None:
    loaded = threading.Event()
    monkeypatch.setattr(LlamaCppChat, "_loaded", lambda _: loaded.wait(5))
    model = "smollm2" if small else str(model_file("smollm2"))
    chat = open_chat_model(
        f"llamacpp:{model}", ollama_url=URL, load_seconds=0.1, first_seconds=0.1, answer_seconds=0.1
    )
    with pytest.raises(ModelUnavailable, match="OLHAR_LLM_LOAD_SECONDS"):
        ChatGenerator(chat).answer("Where is the cat?", pieces("A cat lies on a bed."))
    assert not loaded.is_set()
    loaded.set()


def test_the_settings_choose_it() -> None:
    generator: Generator = open_generator(Settings(llm="ollama:qwen3:8b"))
    assert generator.name == "ollama:qwen3:8b"
    generator.close()


def test_the_languages_are_those_of_the_models_class(small: ChatModel) -> None:
    assert ChatGenerator(small).languages == ("en",)
    assert open_generator(Settings(llm="ollama:qwen3:8b")).languages == ()
