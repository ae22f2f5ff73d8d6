"""The endpoints of the test server. Shapes are those of Ollama's docs/api.md and api/types.go."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.loopback import listening
from tests.ollama_server.backends import Ask, Backend, Body, FailureInStream, Refusal, Script, Token

VERSION = "0.12.11"
MAX_TOP_LOGPROBS = 20
SIZE = 98_000_000


@dataclass
class OllamaServer:
    """Runs from ``with`` to its end. ``models``: what is installed; ``loaded``: what is in memory.

    ``load_seconds``: how long the first request for a model waits. ``requests``: (path, body) of all
    that came in. ``on_gpu``: what part of a loaded model ``/api/ps`` says is on a GPU, in [0, 1].
    ``context_length``: tokens that the model takes in, as ``/api/show`` says.
    ``tells_logprobs``: False for a server before version 0.12.11.
    """

    backend: Backend = field(default_factory=Script)
    models: Sequence[str] = ("tiny:latest",)
    capabilities: Sequence[str] = ("completion",)
    context_length: int = 8192
    load_seconds: float = 0.0
    on_gpu: float = 0.0
    tells_logprobs: bool = True
    loaded: list[str] = field(default_factory=list)
    requests: list[tuple[str, Body]] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> Self:
        self._stopping = threading.Event()
        self._socket = listening()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(self._app(), log_config=None, log_level="critical", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="ollama", daemon=True
        )
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", lambda _: PlainTextResponse("Ollama is running")),
                Route("/api/version", lambda _: JSONResponse({"version": VERSION})),
                Route("/api/tags", self._tags),
                Route("/api/ps", self._ps),
                Route("/api/show", self._show, methods=["POST"]),
                Route("/api/chat", self._text, methods=["POST"]),
                Route("/api/generate", self._text, methods=["POST"]),
            ],
            exception_handlers={Refusal: _refused},
        )

    async def _tags(self, _: Request) -> Response:
        return JSONResponse({"models": [_card(name) | {"modified_at": _now()} for name in self.models]})

    async def _ps(self, _: Request) -> Response:
        until = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        more = {"expires_at": until, "size_vram": int(SIZE * self.on_gpu), "context_length": 4096}
        return JSONResponse({"models": [_card(name) | more for name in self.loaded]})

    async def _show(self, request: Request) -> Response:
        name = self._installed(await self._body(request))
        return JSONResponse(
            {
                "modelfile": f"FROM {name}\n",
                "parameters": 'stop "<|im_end|>"',
                "template": "{{ .Prompt }}",
                "details": _card(name)["details"],
                "model_info": {"general.architecture": "llama", "llama.context_length": self.context_length},
                "capabilities": list(self.capabilities),
                "modified_at": _now(),
            }
        )

    async def _text(self, request: Request) -> Response:
        body = await self._body(request)
        name = self._installed(body)
        chat = request.url.path == "/api/chat"
        top = body.get("top_logprobs") or 0
        if not 0 <= top <= MAX_TOP_LOGPROBS:
            raise Refusal(400, f"top_logprobs must be between 0 and {MAX_TOP_LOGPROBS}")
        started = time.perf_counter_ns()
        if not body.get("messages" if chat else "prompt"):
            return self._load_only(name, body, chat)
        await run_in_threadpool(self._load, name)
        load = time.perf_counter_ns() - started
        lines = self._lines(body, chat, started, load)
        first = await run_in_threadpool(lambda: next(lines, None))
        # The status is sent with the first line, so that a failure before it has a status of its own.
        whole = itertools.chain(() if first is None else (first,), lines)
        if body.get("stream", True):
            return StreamingResponse(_ndjson(whole), media_type="application/x-ndjson")
        return JSONResponse(await run_in_threadpool(_joined, whole))

    def _load(self, name: str) -> None:
        if name not in self.loaded:
            self._stopping.wait(self.load_seconds)
            self.loaded.append(name)

    def _load_only(self, name: str, body: Body, chat: bool) -> Response:
        unload = body.get("keep_alive") == 0
        if unload and name in self.loaded:
            self.loaded.remove(name)
        elif not unload:
            self._load(name)
        reason = "unload" if unload else "load"
        return JSONResponse(_line(body["model"], chat, "") | {"done": True, "done_reason": reason})

    def _lines(self, body: Body, chat: bool, started: int, load: int) -> Iterator[Body]:
        ask = _ask(body, chat)
        began = time.perf_counter_ns()
        first: int | None = None
        try:
            for part in self.backend.tokens(ask, self._stopping):
                now = time.perf_counter_ns()
                first = first or now
                if isinstance(part, Token):
                    told = _logprobs(part, body) if self.tells_logprobs else {}
                    yield _line(body["model"], chat, part.text) | {"done": False} | told
                    continue
                context = {} if chat or body.get("raw") else {"context": [1, 2, 3]}
                yield {
                    **_line(body["model"], chat, ""),
                    "done": True,
                    "done_reason": part.reason,
                    **context,
                    "total_duration": now - started,
                    "load_duration": load,
                    "prompt_eval_count": part.prompt_tokens,
                    "prompt_eval_duration": first - began,
                    "eval_count": part.tokens,
                    "eval_duration": now - first,
                }
        except FailureInStream as error:
            yield {"error": str(error)}

    async def _body(self, request: Request) -> Body:
        try:
            body: Body = await request.json()
        except json.JSONDecodeError as error:
            raise Refusal(400, str(error)) from error
        self.requests.append((request.url.path, body))
        return body

    def _installed(self, body: Body) -> str:
        asked = body.get("model", "")
        if not asked:
            raise Refusal(400, "model is required")
        name = asked if ":" in asked else f"{asked}:latest"
        if name not in self.models:
            raise Refusal(404, f"model '{asked}' not found")
        return name


def _refused(_: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, Refusal) else 500
    return JSONResponse({"error": str(error)}, status_code=status)


def _ask(body: Body, chat: bool) -> Ask:
    options = body.get("options") or {}
    top = body.get("top_logprobs") or 0
    if chat:
        return Ask(body["messages"], None, options, top)
    if body.get("raw"):
        return Ask((), body["prompt"], options, top)
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    user = {"role": "user", "content": body["prompt"], "images": body.get("images") or []}
    return Ask([*system, user], None, options, top)


def _line(name: str, chat: bool, text: str) -> Body:
    said = {"message": {"role": "assistant", "content": text}} if chat else {"response": text}
    return {"model": name, "created_at": _now(), **said}


def _logprobs(token: Token, body: Body) -> Body:
    if not body.get("logprobs"):
        return {}
    row: Body = _scored(token.text, token.logprob)
    if top := body.get("top_logprobs"):
        row["top_logprobs"] = [_scored(*choice) for choice in token.choices[:top]]
    return {"logprobs": [row]}


def _scored(text: str, logprob: float) -> Body:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}


def _ndjson(lines: Iterator[Body]) -> Iterator[bytes]:
    for line in lines:
        yield json.dumps(line).encode() + b"\n"


def _joined(parts: Iterator[Body]) -> Body:
    lines = list(parts)
    if error := lines[-1].get("error"):
        raise Refusal(500, error)
    answer = dict(lines[-1])
    if "message" in answer:
        text = "".join(line["message"]["content"] for line in lines)
        answer["message"] = {"role": "assistant", "content": text}
    else:
        answer["response"] = "".join(line["response"] for line in lines)
    if rows := [row for line in lines for row in line.get("logprobs", ())]:
        answer["logprobs"] = rows
    return answer


def _card(name: str) -> Body:
    return {
        "name": name,
        "model": name,
        "size": SIZE,
        "digest": "0" * 64,
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": "llama",
            "families": ["llama"],
            "parameter_size": "134.52M",
            "quantization_level": "Q4_1",
        },
    }


def _now() -> str:
    return datetime.now(UTC).isoformat()
