"""Writes an answer from numbered evidence with a chat model, and checks what it cites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from rag.generation.capacity import Limits, Sees
from rag.generation.chat_models import ChatModel, open_chat_model
from rag.generation.context import Material
from rag.generation.judging import ChatJudge
from rag.generation.pictures import BLIND, Sight
from rag.generation.rewriting import ChatRewriter
from rag.generation.writers import WRITERS, write_json
from rag.questions import PLAIN
from rag.types import NOT_FOUND, Draft, Evidence, GenerationOptions, Pixels, Turn


class LanguageModelSettings(Protocol):
    """The settings that choose a language model, as in ``rag.settings``."""

    @property
    def llm(self) -> str: ...
    @property
    def ollama_url(self) -> str: ...
    @property
    def llm_load_seconds(self) -> float: ...
    @property
    def llm_first_seconds(self) -> float: ...
    @property
    def llm_answer_seconds(self) -> float: ...
    @property
    def ollama_keep_alive(self) -> str: ...
    @property
    def llm_context(self) -> int: ...
    @property
    def llm_sight(self) -> Sees: ...


class ChatGenerator:
    """A Generator over a chat model. Safe to use from several threads."""

    def __init__(self, chat: ChatModel, sight: Sight = BLIND) -> None:
        self._chat = chat
        self._sight = sight
        self._write = WRITERS[chat.form.kind]

    def rewriter(self, *, seconds: float) -> ChatRewriter:
        """One that asks the same model."""
        return ChatRewriter(self._chat, seconds=seconds)

    def judge(self) -> ChatJudge:
        """One that asks the same model."""
        return ChatJudge(self._chat)

    @property
    def name(self) -> str:
        """As set by OLHAR_LLM."""
        return self._chat.name

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that the model's authors name; empty when unknown."""
        return self._chat.form.languages

    def stream(
        self,
        question: str,
        evidence: Sequence[Evidence],
        *,
        options: GenerationOptions = PLAIN,
        history: Sequence[Turn] = (),
        pictures: Sequence[Pixels] = (),
    ) -> Iterator[str | Draft]:
        """An answer in pieces, and last the draft whose text they make; without evidence, NOT_FOUND.

        A model that sees is sent ``pictures``, which came with the question, and those of the evidence. All
        markers point at evidence that it was shown. Raises ModelUnavailable when it cannot be had in time.
        """
        if not evidence:
            yield from (NOT_FOUND, Draft(NOT_FOUND, (), abstained=True))
            return
        write = self._write if options.schema is None else write_json
        yield from write(self._chat, Material(question, evidence, history, options, pictures), self._sight)

    def answer(self, question: str, evidence: Sequence[Evidence]) -> Draft:
        """The whole of ``stream``."""
        *_, draft = self.stream(question, evidence)
        assert isinstance(draft, Draft)
        return draft

    def check(self) -> Mapping[str, str]:
        """``{"device": …, "model": …}`` when usable; raises ModelUnavailable otherwise."""
        return self._chat.check()

    def warm(self) -> None:
        """Load the model, where Olhar can have it loaded. Raises ModelUnavailable."""
        self._chat.warm()

    def close(self) -> None:
        """Free what the model holds."""
        self._chat.close()


def open_generator(settings: LanguageModelSettings, sight: Sight = BLIND) -> ChatGenerator:
    """The generator that OLHAR_LLM chooses; it loads or connects at first use. ``sight`` finds its pictures.

    Raises BadSettings or ModelUnavailable, as ``open_chat_model`` does.
    """
    return ChatGenerator(
        open_chat_model(
            settings.llm,
            ollama_url=settings.ollama_url,
            load_seconds=settings.llm_load_seconds,
            first_seconds=settings.llm_first_seconds,
            answer_seconds=settings.llm_answer_seconds,
            keep_alive=settings.ollama_keep_alive,
            limits=Limits(settings.llm_context, settings.llm_sight),
        ),
        sight,
    )
