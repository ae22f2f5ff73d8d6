"""Writes an answer from numbered evidence with a chat model, and checks what it cites."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from rag.faults import BrokenStream, unavailable
from rag.generation.chat_models import ChatModel, open_chat_model
from rag.generation.citations import NO_CITATION, check
from rag.generation.grounding import beside, guessed, supported, verdict
from rag.generation.prompts import inscriptions, labels_of, only_labels, statement_of
from rag.types import NOT_FOUND, Draft, Evidence

_THOUGHTS = re.compile(r"^\s*<think>.*?(?:</think>|\Z)", re.DOTALL)

SURE = 0.5
"""The relevance from which evidence is quoted even when it shares no word with the question."""


class LanguageModelSettings(Protocol):
    """The settings that choose a language model, as in ``rag.settings``."""

    @property
    def llm(self) -> str: ...
    @property
    def ollama_url(self) -> str: ...
    @property
    def llm_load_seconds(self) -> float: ...
    @property
    def llm_answer_seconds(self) -> float: ...


class ChatGenerator:
    """A Generator over a chat model. Safe to use from several threads."""

    def __init__(self, chat: ChatModel) -> None:
        self._chat = chat
        self._write = WRITERS[chat.form.kind]

    @property
    def name(self) -> str:
        """As set by OLHAR_LLM."""
        return self._chat.name

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that the model's authors name; empty when unknown."""
        return self._chat.form.languages

    def answer(self, question: str, evidence: Sequence[Evidence]) -> Draft:
        """An answer whose markers all point at evidence; without evidence, NOT_FOUND.

        Raises ModelUnavailable when the model cannot be reached in time.
        """
        return (
            self._write(self._chat, question, evidence) if evidence else Draft(NOT_FOUND, (), abstained=True)
        )

    def check(self) -> Mapping[str, str]:
        """``{"device": …, "model": …}`` when usable; raises ModelUnavailable otherwise."""
        return self._chat.check()

    def close(self) -> None:
        """Free what the model holds."""
        self._chat.close()


def open_generator(settings: LanguageModelSettings) -> ChatGenerator:
    """The generator that OLHAR_LLM chooses; it loads or connects at first use.

    Raises BadSettings or ModelUnavailable, as ``open_chat_model`` does.
    """
    return ChatGenerator(
        open_chat_model(
            settings.llm,
            ollama_url=settings.ollama_url,
            load_seconds=settings.llm_load_seconds,
            answer_seconds=settings.llm_answer_seconds,
        )
    )


def write_large(chat: ChatModel, question: str, evidence: Sequence[Evidence]) -> Draft:
    """The model's own words with its own markers, those that point at nothing taken out."""
    text = _THOUGHTS.sub("", chat.complete(chat.form.messages(question, evidence))).strip()
    if not text:
        raise unavailable(BrokenStream("empty answer"), chat.place)
    text, citations, warnings = check(text, evidence)
    if not citations and NOT_FOUND.rstrip(".").casefold() in text.casefold():
        removed = tuple(said for said in warnings if said != NO_CITATION)
        return Draft(NOT_FOUND, (), removed, abstained=True)
    return Draft(text, citations, warnings)


def write_small(chat: ChatModel, question: str, evidence: Sequence[Evidence]) -> Draft:
    """One sentence about the best evidence, which the program cites: nothing else was shown.

    The program answers by itself where small models only guess: from labels, and with yes or no. It abstains
    where the evidence shares no word with the question and is not surely relevant either.
    """
    best = evidence[0]
    text: str | None
    if only_labels(best):
        text = guessed(labels_of(best), inscriptions(best.hit.item))
    else:
        statement = statement_of(best)
        if not statement or (best.hit.relevance < SURE and beside(question, statement)):
            return Draft(NOT_FOUND, (), abstained=True)
        text = verdict(question, statement)
        if text is None:
            text = supported(chat.complete(chat.form.messages(question, evidence)), question, statement)
    return Draft(*check(f"{text} [{best.marker}]", (best,)))


Writer: TypeAlias = Callable[[ChatModel, str, Sequence[Evidence]], Draft]
WRITERS: Mapping[Literal["large", "small"], Writer] = {"large": write_large, "small": write_small}
