"""What a large model reads fits, and the best of it comes first."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from rag.errors import ModelUnavailable
from rag.generation.capacity import Capacity, Exact, estimated
from rag.generation.context import Context, Material, assembled, fitted
from rag.generation.fitting import MESSAGE, shortened
from rag.generation.framing import MARK, cut
from rag.generation.pictures import BLIND, Sight
from rag.generation.prompts import small_messages
from rag.pipeline import number
from rag.types import Evidence, GenerationOptions, Turn
from tests.rag.generation.conftest import photo

Pieces = Callable[..., tuple[Evidence, ...]]
ANSWER = 256


def read(
    evidence: Sequence[Evidence],
    history: Sequence[Turn] = (),
    question: str = "What?",
    context: int = 1024,
    told: str = "",
    sight: Sight = BLIND,
) -> Context:
    measure = Exact(Capacity(context, sees=True), estimated)
    material = Material(question, evidence, history, GenerationOptions(instructions=told))
    return assembled(material, measure, ANSWER, sight)


def conversation(*texts: str) -> list[Turn]:
    return [Turn("assistant" if n % 2 else "user", text) for n, text in enumerate(texts)]


def size(messages: Sequence[BaseMessage]) -> int:
    return sum(estimated(str(message.content)) + MESSAGE for message in messages)


@given(
    st.lists(st.text(max_size=1_500), min_size=1, max_size=8),
    st.lists(st.text(max_size=1_500), max_size=4),
    st.text(max_size=3_000),
    st.text(max_size=5_000),
)
@settings(max_examples=50)
def test_whatever_there_is_to_read_fits(
    captions: list[str], turns: list[str], question: str, told: str
) -> None:
    evidence = number([photo(caption, n=n) for n, caption in enumerate(captions, start=1)])
    context = read(evidence, conversation(*turns), question, told=told)
    assert size(context.messages) <= context.shown.tokens <= context.shown.room == 1024 - ANSWER
    assert context.shown.evidence == len(context.evidence) > 0


def test_what_does_not_fit_is_left_out_whole(pieces: Pieces) -> None:
    context = read(pieces("a cat " * 60, "a dog " * 190, "a bird"))
    assert [piece.marker for piece in context.evidence] == [1, 3]
    assert "dog" not in str(context.messages[-1].content)
    assert MARK not in str(context.messages[-1].content)


def test_the_best_is_cut_after_a_word_with_a_mark_where_not_even_it_fits(pieces: Pieces) -> None:
    context = read(pieces("lighthouse " * 100, "a bird"), context=700)
    (line,) = [line for line in str(context.messages[-1].content).splitlines() if line.startswith("[1]")]
    assert line.endswith("lighthouse…")


@pytest.mark.parametrize("told", ["x y " * 1_000, "説明" * 2_000, "привет " * 570])
@pytest.mark.parametrize("context", [1024, 8192])
def test_long_instructions_are_cut_to_a_quarter_and_it_is_said(
    pieces: Pieces, told: str, context: int
) -> None:
    long = read(pieces("A cat.", "A dog."), told=told, context=context)
    assert size(long.messages) <= long.shown.room
    assert len(long.evidence) == 2
    assert ("OLHAR_LLM_CONTEXT" in "".join(long.warnings)) is (MARK in str(long.messages[0].content))
    assert bool(long.warnings) is (estimated(told) > (context - ANSWER - 268) // 4)
    assert read(pieces("A cat."), told="Be kind.").warnings == ()


def test_where_no_evidence_fits_nobody_is_asked(pieces: Pieces) -> None:
    with pytest.raises(ModelUnavailable, match="OLHAR_LLM_CONTEXT") as caught:
        read(pieces("A cat."), question="why " * 400, context=600)
    assert not caught.value.retryable


def test_the_latest_turns_are_kept_whole_and_an_older_one_is_cut_with_a_mark() -> None:
    history = conversation(*(f"{n} " + "some words " * 26 for n in range(7)))
    told = [str(message.content) for message in read((), history, context=2048).messages[1:]]
    assert told[-1].startswith(history[-1].text.strip())
    assert told[0].endswith(MARK)
    assert all(not text.endswith(MARK) for text in told[1:])
    assert 2 < len(told) < 7


def test_a_conversation_begins_with_the_user_and_nobody_speaks_twice_in_a_row(pieces: Pieces) -> None:
    turns = [*conversation("q " * 20, "a " * 300) * 3, Turn("user", "One."), Turn("user", "Two.")]
    for context in (1024, 1280, 2048, 8192):
        read_then = read(pieces("A cat."), turns, context=context)
        kinds = [type(message) for message in read_then.messages[1:]]
        assert kinds == [HumanMessage, AIMessage] * (len(kinds) // 2) + [HumanMessage]
        assert str(read_then.messages[-1].content).startswith("One.\nTwo.\n<evidence>")
        assert 2 <= read_then.shown.turns <= 8
    assert kinds.count(AIMessage) == 3


def test_a_picture_is_sent_of_evidence_that_is_shown_and_of_no_other(pieces: Pieces) -> None:
    sight = Sight(lambda _: np.zeros((8, 8, 3), np.uint8), 3)
    evidence = pieces("A red cat.", "犬が浜辺を走る。" * 140, "A dog.", "A bird.")
    for context in (2560, 3072, 4096, 8192):
        seen = read(evidence, context=context, sight=sight)
        content = seen.messages[-1].content
        assert isinstance(content, list)
        assert isinstance(content[0], dict)
        line = content[0]["text"].split("order: ")[1].split(".")[0]
        sent = [int(marker) for marker in re.findall(r"\d+", line)]
        assert set(sent) <= {piece.marker for piece in seen.evidence}
        assert len(sent) == seen.shown.pictures == len(content) - 1
        assert size(seen.messages[:1]) + estimated(content[0]["text"]) + MESSAGE <= (
            seen.shown.room - len(sent) * sight.tokens
        )


def test_room_that_was_held_for_pictures_that_cannot_be_had_is_for_evidence(pieces: Pieces) -> None:
    evidence = pieces(*["long caption " * 40] * 30)
    gone = read(evidence, context=4096, sight=Sight(lambda _: None, 3))
    assert gone.shown.pictures == 0
    assert [piece.marker for piece in gone.evidence] == list(range(1, len(gone.evidence) + 1))
    assert len(gone.evidence) == len(read(evidence, context=4096).evidence)


def test_a_conversation_takes_a_quarter_at_most(pieces: Pieces) -> None:
    history = conversation(*["some words " * 200] * 9)
    context = read(pieces(*["a cat on a wall " * 10] * 9), history, context=2048)
    assert context.shown.turns < 4
    assert context.shown.evidence > 3


def test_a_small_model_gets_what_fits_too() -> None:
    measure = Exact(Capacity(512), estimated)
    statement, question = fitted("a cat " * 900, "why " * 900, 400, measure)
    assert size(small_messages(question, statement)) <= 400 + MESSAGE
    assert (statement[-1], question[-1]) == (MARK, MARK)


def test_a_cut_text_ends_with_a_whole_word_unless_it_has_none() -> None:
    assert cut("a lighthouse", 12) == "a lighthouse"
    assert cut("a lighthouse", 8) == "a…"
    assert cut("x" * 100, 10) == "x" * 9 + MARK
    assert shortened("one two three", 100, Exact(Capacity(), estimated)) == "one two three"
