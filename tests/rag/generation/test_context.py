"""What a large model reads fits, and the best of it comes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage

from rag.generation.capacity import Capacity, Exact, estimated
from rag.generation.context import MESSAGE, Context, Material, assembled, fitted, shortened
from rag.generation.framing import MARK, cut
from rag.generation.prompts import small_messages
from rag.pipeline import number
from rag.types import Evidence, Turn
from tests.rag.generation.conftest import photo

Pieces = Callable[..., tuple[Evidence, ...]]
ANSWER = 256


def read(
    evidence: Sequence[Evidence], history: Sequence[Turn] = (), question: str = "What?", context: int = 1024
) -> Context:
    measure = Exact(Capacity(context), estimated)
    return assembled(Material(question, evidence, history), measure, ANSWER)


def size(messages: Sequence[BaseMessage]) -> int:
    return sum(estimated(str(message.content)) + MESSAGE for message in messages)


@given(
    st.lists(st.text(max_size=1_500), min_size=1, max_size=8),
    st.lists(st.text(max_size=1_500), max_size=4),
    st.text(max_size=3_000),
)
def test_whatever_there_is_to_read_fits(captions: list[str], turns: list[str], question: str) -> None:
    evidence = number([photo(caption, n=n) for n, caption in enumerate(captions, start=1)])
    context = read(evidence, [Turn("user", turn) for turn in turns], question)
    assert size(context.messages) <= 1024 - ANSWER
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


def test_the_latest_turns_are_kept_whole_and_an_older_one_is_cut_with_a_mark() -> None:
    history = [Turn("user", f"{n} " + "some words " * 26) for n in range(6)]
    told = [str(message.content) for message in read((), history, context=2048).messages[1:-1]]
    assert told[-1] == history[-1].text.strip()
    assert told[0].endswith(MARK)
    assert all(not text.endswith(MARK) for text in told[1:])
    assert 2 < len(told) < 6


def test_a_conversation_takes_a_quarter_at_most(pieces: Pieces) -> None:
    history = [Turn("user", "some words " * 200) for _ in range(9)]
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
