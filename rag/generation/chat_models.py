"""OLHAR_LLM becomes a chat model: in process, of an Ollama server, or of any LangChain provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage

from rag.errors import BadSettings
from rag.faults import BrokenStream, Place, unavailable
from rag.generation.capacity import UNLIMITED, Capacity, Estimate, Exact, Limits, Measure
from rag.generation.prompts import PromptForm, prompt_form
from rag.ollama import KEEP_ALIVE, Ollama, Patience, place
from rag.questions import PLAIN
from rag.relay import Deadlines, within
from rag.types import NO_USAGE, Finish, GenerationOptions, Usage

# Each kind of model is imported only when it is chosen: together they take over a second.


END_KEYS = ("finish_reason", "stop_reason")
"""Where providers say why an answer ended: OpenAI, Google and most others; Anthropic."""
CUT_OFF = frozenset({"length", "max_tokens"})
"""What they say, in lower case, when it was cut off at the number of tokens that it might have."""


def no_more() -> float:
    """The model is in memory."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Written:
    """The end of what a model wrote."""

    usage: Usage = NO_USAGE
    finish: Finish = "stop"


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A LangChain chat model with deadlines, whose every error is ModelUnavailable.

    ``arguments`` are the vendor's words for how an answer is to be written. ``end_key`` is the key of the
    response metadata that only a complete answer carries, where the vendor has one: without it an answer was
    cut off. ``warm`` loads the model, where that can be done. ``loading`` is called when a
    question is sent; what it gives tells how many seconds more the first word may take, should that be late,
    since the model was not in memory. ``measure`` counts tokens as the model does; ``ready`` is called before
    it counts, and loads in time what it counts with.
    """

    name: str
    form: PromptForm
    model: BaseChatModel
    place: Place
    deadlines: Deadlines
    check: Callable[[], Mapping[str, str]]
    close: Callable[[], None]
    arguments: Callable[[GenerationOptions], dict[str, Any]] = lambda _: {}
    end_key: str = ""
    warm: Callable[[], None] = lambda: None
    loading: Callable[[], Callable[[], float]] = lambda: no_more
    measure: Measure = field(default_factory=lambda: Estimate(Capacity))
    ready: Callable[[], None] = lambda: None

    def stream(
        self, messages: Sequence[BaseMessage], options: GenerationOptions = PLAIN
    ) -> Iterator[str | Written]:
        """The answer's text as it comes, and last how it ended. Raises ModelUnavailable."""
        end: Written | None = None if self.end_key else Written()
        usage = NO_USAGE
        try:
            deadlines = replace(self.deadlines, more=self.loading())
            for chunk in within(self.model.stream(list(messages), **self.arguments(options)), deadlines):
                if reason := self._reason(chunk.response_metadata):
                    end = Written(finish="length" if reason.lower() in CUT_OFF else "stop")
                usage = _usage(chunk) or usage
                if text := chunk.text:
                    yield text
            if end is None:
                raise BrokenStream
        except Exception as error:
            raise unavailable(error, self.place) from error
        yield Written(usage, end.finish)

    def _reason(self, told: Mapping[str, Any]) -> str:
        keys = (self.end_key,) if self.end_key else END_KEYS
        return next((str(told[key]) for key in keys if told.get(key)), "")

    def complete(
        self, messages: Sequence[BaseMessage], options: GenerationOptions = PLAIN
    ) -> tuple[str, Written]:
        """The whole answer's text, and how it ended. Raises ModelUnavailable."""
        *pieces, end = self.stream(messages, options)
        assert isinstance(end, Written)
        return "".join(piece for piece in pieces if isinstance(piece, str)), end


def _usage(chunk: AIMessageChunk) -> Usage | None:
    counted = chunk.usage_metadata
    return Usage(counted["input_tokens"], counted["output_tokens"]) if counted else None


def open_chat_model(
    settings_llm: str,
    *,
    ollama_url: str,
    load_seconds: float,
    answer_seconds: float,
    first_seconds: float = 60.0,
    keep_alive: str = KEEP_ALIVE,
    limits: Limits = UNLIMITED,
) -> ChatModel:
    """``llamacpp:<name or .gguf>``, ``ollama:<model>``, or LangChain's ``<provider>:<model>``.

    Nothing is loaded or connected yet. ``first_seconds`` bounds the time until the first word of a model that
    is in memory, ``load_seconds`` comes on top for one that is not, ``answer_seconds`` the time from there to
    the last. ``keep_alive`` is how long Ollama keeps the model; ``limits``: what it may take in.
    Raises BadSettings when the value names no provider, ModelUnavailable when the provider's package or key
    is missing.
    """
    provider, _, model = settings_llm.partition(":")
    if not provider or not model:
        raise BadSettings(f"OLHAR_LLM={settings_llm}: give a provider and a model, like `ollama:qwen3:8b`")
    deadlines = Deadlines(first=first_seconds, whole=answer_seconds)
    form = prompt_form(settings_llm)
    if provider == "llamacpp":
        return _open_llamacpp(settings_llm, model, form, deadlines, load_seconds, limits)
    if provider == "ollama":
        patience = Patience(load_seconds, first_seconds, answer_seconds)
        return _open_ollama(settings_llm, model, ollama_url, form, patience, keep_alive, limits)
    from rag.generation.providers import open_provider

    return open_provider(settings_llm, provider, form, deadlines, limits)


def _open_llamacpp(
    name: str, model: str, form: PromptForm, deadlines: Deadlines, load_seconds: float, limits: Limits
) -> ChatModel:
    from rag.generation.llamacpp import LlamaCppChat

    chat = LlamaCppChat(model=model, max_tokens=form.max_tokens, context=limits.context)

    def check() -> Mapping[str, str]:
        chat.load()
        return {"device": "in process (llama.cpp)", "model": model}

    where = Place(
        name, "llama.cpp", reach="set OLHAR_LLM to a smaller model", missing="give a .gguf file's path"
    )

    def ready() -> None:
        if not chat.is_loaded:
            _load_within(load_seconds, chat.load, where)

    return ChatModel(
        name,
        form,
        chat,
        where,
        deadlines,
        check,
        chat.close,
        arguments=lambda options: openai_arguments(form, options, chat.size),
        end_key="finish_reason",
        warm=chat.load,
        loading=lambda: no_more if chat.is_loaded else lambda: load_seconds,
        measure=Exact(Capacity(chat.size), chat.get_num_tokens),
        ready=ready,
    )


def _load_within(seconds: float, load: Callable[[], None], where: Place) -> None:
    def loaded() -> Iterator[None]:
        load()
        yield None

    try:
        list(within(loaded(), Deadlines(first=seconds, whole=seconds)))
    except Exception as error:
        raise unavailable(error, where) from error


def _open_ollama(
    name: str,
    model: str,
    url: str,
    form: PromptForm,
    patience: Patience,
    keep_alive: str,
    limits: Limits,
) -> ChatModel:
    from rag.generation import ollama

    server = Ollama(model, url, place=place(model, url), patience=patience, keep_alive=keep_alive)
    deadlines = Deadlines(first=patience.first, whole=patience.whole)
    measure = Estimate(
        lambda: ollama.capacity(server, limits, patience.first), otherwise=limits.of(0, sees=False)
    )
    return ChatModel(
        name,
        form,
        ollama.open_chat(model, url, deadlines, load=patience.load, keep_alive=keep_alive),
        server.place,
        deadlines,
        check=lambda: ollama.check(server, url),
        close=server.close,
        arguments=lambda options: ollama.arguments(form, options, measure.capacity()),
        end_key="done_reason",
        warm=lambda: server.load(measure.capacity().context),
        loading=lambda: ollama.loading(server),
        measure=measure,
    )


def openai_arguments(form: PromptForm, options: GenerationOptions, context: int) -> dict[str, Any]:
    """In the words of OpenAI's API, which llama.cpp and LangChain's providers know."""
    given: dict[str, Any] = {
        "temperature": options.temperature,
        "max_tokens": options.max_tokens and min(options.max_tokens, context // 2),
        "seed": options.seed,
        "stop": [*form.stop, *options.stop] or None,
    }
    if options.schema is not None:
        shape = {"name": "answer", "schema": dict(options.schema), "strict": True}
        given |= {"response_format": {"type": "json_schema", "json_schema": shape}}
        given["stop"] = list(options.stop) or None
    return {key: value for key, value in given.items() if value is not None}
