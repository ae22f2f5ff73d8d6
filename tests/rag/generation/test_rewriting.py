"""Questions that follow others: what the model is asked, and what is taken of what it writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from rag.errors import ModelUnavailable
from rag.generation.capacity import Capacity, Exact, estimated
from rag.generation.fitting import MESSAGE
from rag.generation.framing import MARK
from rag.generation.generator import open_generator
from rag.generation.rewriting import (
    ANSWER,
    EXAMPLES,
    MAX_REWRITTEN,
    MAX_TURN,
    TURNS,
    ChatRewriter,
    cleaned,
    fitted,
    messages,
    objection,
)
from rag.settings import Settings
from rag.types import Turn
from tests.ollama_server import OllamaServer, Script

EARLIER = (Turn("user", "Where is the cat?"), Turn("assistant", "The grey cat sleeps on a sofa. [1]"))
STANDS = "What colour is the sofa that the grey cat sleeps on?"


def rewriter(server: OllamaServer, seconds: float = 30) -> ChatRewriter:
    return open_generator(Settings(llm="ollama:tiny", ollama_url=server.url)).rewriter(seconds=seconds)


def test_the_rewritten_question_is_what_the_model_writes(server: OllamaServer) -> None:
    server.backend = Script(f'Rewritten question: "{STANDS}"\nI replaced it.')
    assert rewriter(server).rewrite("What colour is it?", EARLIER) == STANDS
    body = server.requests[-1][1]
    assert body["options"]["temperature"] == 0
    last = body["messages"][-1]["content"]
    assert "User: Where is the cat?\nAssistant: The grey cat sleeps" in last
    assert "Last question: What colour is it?" in last
    assert "[1]" not in last


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("The moon rises over seven green mountains in colour", "speaks of what nobody mentioned"),
        ("Where is the cat?", "leaves out what was asked"),
        ("colour " * MAX_REWRITTEN, "is too long"),
        (" ", "is empty"),
    ],
)
def test_what_is_no_such_question_is_refused(server: OllamaServer, written: str, said: str) -> None:
    server.backend = Script(written)
    with pytest.raises(ModelUnavailable, match=f"OLHAR_REWRITE=llm.*{said}"):
        rewriter(server).rewrite("What colour is it?", EARLIER)


def test_a_deadline_of_its_own(server: OllamaServer) -> None:
    server.backend = Script(STANDS, first_delay=5)
    with pytest.raises(ModelUnavailable, match="OLHAR_REWRITE_SECONDS"):
        rewriter(server, seconds=0.2).rewrite("What colour is it?", EARLIER)
    server.backend = Script(STANDS, delay=0.1)
    with pytest.raises(ModelUnavailable, match="OLHAR_REWRITE_SECONDS"):
        rewriter(server, seconds=0.3).rewrite("What colour is it?", EARLIER)


def test_a_model_that_is_away_is_said(server: OllamaServer) -> None:
    server.backend = Script(status=500)
    with pytest.raises(ModelUnavailable, match="ollama:tiny"):
        rewriter(server).rewrite("What colour is it?", EARLIER)


def test_the_latest_turns_are_read_and_no_turn_is_endless(server: OllamaServer) -> None:
    server.backend = Script("What colour is it?")
    turns = [Turn("user", f"turn {n} " + "x" * 5_000) for n in range(20)]
    rewriter(server).rewrite("What colour is it?", turns)
    last = server.requests[-1][1]["messages"][-1]["content"]
    assert "turn 19" in last
    assert f"turn {20 - TURNS} " in last
    assert f"turn {19 - TURNS} " not in last
    assert len(last) < TURNS * (MAX_TURN + 50) + 200


@pytest.mark.parametrize("said", ["犬が浜辺を走る。", "some words of it ", "привет "])
@pytest.mark.parametrize("context", [1024, 2048, 8192])
def test_what_the_model_reads_fits_and_the_latest_comes_first(said: str, context: int) -> None:
    measure = Exact(Capacity(context), estimated)
    turns = [Turn("assistant" if n % 2 else "user", f"{n} " + said * 60) for n in range(TURNS)]
    question, kept = fitted("Why " + said * 200, turns, measure)
    read = sum(estimated(str(message.content)) + MESSAGE for message in messages(question, kept))
    assert read <= context - ANSWER
    assert kept
    assert kept[1:] == turns[len(turns) - len(kept) + 1 :]
    assert kept[0].text[:2] == turns[-len(kept)].text[:2]
    assert question.startswith("Why ")
    assert fitted("Why?", EARLIER, measure) == ("Why?", list(EARLIER))


def test_what_was_cut_for_the_model_is_missed_in_what_it_writes(server: OllamaServer) -> None:
    server.context_length = 1024
    server.backend = Script("Why one two?")
    with pytest.raises(ModelUnavailable, match="leaves out what was asked"):
        rewriter(server).rewrite("Why " + " ".join(f"word{n} " for n in range(200)) + "?", EARLIER)
    assert MARK in server.requests[-1][1]["messages"][-1]["content"]


def test_a_model_with_no_room_for_a_conversation_is_not_asked() -> None:
    with pytest.raises(ModelUnavailable, match="OLHAR_LLM_CONTEXT"):
        fitted("Why?", EARLIER, Exact(Capacity(512), estimated))


def test_the_examples_pass_what_they_teach() -> None:
    for turns, question, rewritten in EXAMPLES:
        assert objection(rewritten, question, turns) == ""
    asked = messages("Why?", EARLIER)
    assert isinstance(asked[0], SystemMessage)
    assert [type(one) for one in asked[1:]] == [HumanMessage, AIMessage] * len(EXAMPLES) + [HumanMessage]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("<think>hm\nhm</think>\n\nWhere is it?", "Where is it?"),
        ("Standalone question: «Onde está?»", "Onde está?"),
        ("", ""),
        ("<think>never ends", ""),
        ("At 9:30, who comes?", "At 9:30, who comes?"),
    ],
)
def test_what_surrounds_the_question_is_taken_off(written: str, kept: str) -> None:
    assert cleaned(written) == kept


@given(st.text(max_size=200))
def test_whatever_is_written_one_line_is_taken(text: str) -> None:
    assert len(cleaned(text).splitlines()) <= 1


@given(st.text(min_size=1, max_size=80).filter(str.strip))
def test_the_question_itself_is_always_allowed(question: str) -> None:
    assert objection(question, question, EARLIER) == ""
