"""What Olhar adds to a language model's own time: to the first word of an answer, and between its words.

    python -m benchmarks.first_token FOLDER [--questions 12]

FOLDER holds photos with a `captions.jsonl`; its first photos are ingested, and captions are asked. `olhar
serve` runs in a process of its own. The language model is SmolLM2-135M in llama.cpp, asked as a large model
is, behind a server of this process that speaks Ollama's protocol. For each question a streamed chat takes
turns with its parts: the search alone, and the very request that the chat sent to the model, sent again.
Another prompt goes before each, so that neither finds its own in the model's memory. Prints medians of both,
and of the ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.serving import serving
from rag.evaluation.datasets import read_dataset
from rag.generation.llamacpp import model_file
from tests.ollama_server import LlamaCpp, OllamaServer

PHOTOS: Final = 100
WORDS: Final = 48
"""Tokens of an answer, at most."""
EVIDENCE: Final = 5
TIMEOUT: Final = httpx.Timeout(300)
MODEL: Final = "writer:latest"
ELSE: Final = "Zebras, zinc, zither, zeppelin, zone, zodiac, zucchini, zenith, zephyr, zero."


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds to the first piece of text, seconds from it to the last, and tokens written."""

    first: float
    rest: float
    tokens: int

    @property
    def rate(self) -> float:
        return (self.tokens - 1) / self.rest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--questions", type=int, default=12)
    given = parser.parse_args()
    photos = read_dataset(given.folder).photos[:PHOTOS]
    questions = [f"What is there to see in the photo of this: {photo.captions[1]}" for photo in photos]
    model = LlamaCpp(model_file("smollm2"))
    with OllamaServer(model, models=(MODEL,)) as server:
        env = {"OLHAR_LLM": f"ollama:{MODEL}", "OLHAR_OLLAMA_URL": server.url, "OLHAR_RELEVANCE": "0"}
        with serving(photos, env) as olhar, httpx.Client(timeout=TIMEOUT) as client:
            chat(client, olhar.url, questions[-1])
            search(client, olhar.url, questions[-1])
            report(
                [
                    measured(client, olhar.url, server, question, n)
                    for n, question in enumerate(questions[: given.questions])
                ]
            )


def measured(
    client: httpx.Client, url: str, server: OllamaServer, question: str, turn: int
) -> tuple[Taken, float, Taken]:
    """The chat, the search, and the model's own; the chat first or last by turns."""
    forget(client, server)
    whole = chat(client, url, question)  # when it is not its turn yet: to learn what it sends
    asked = next(body for path, body in reversed(server.requests) if path == "/api/chat" and body["messages"])
    found = search(client, url, question)
    forget(client, server)
    bare = taken(client, f"{server.url}/api/chat", asked, _of_ollama)
    if turn % 2:
        forget(client, server)
        whole = chat(client, url, question)
    return whole, found, bare


def forget(client: httpx.Client, server: OllamaServer) -> None:
    body = {
        "model": server.models[0],
        "prompt": ELSE,
        "raw": True,
        "options": {"num_predict": 1},
        "stream": False,
    }
    client.post(f"{server.url}/api/generate", json=body).raise_for_status()


def search(client: httpx.Client, url: str, question: str) -> float:
    started = time.perf_counter()
    client.post(f"{url}/v1/search", json={"text": question, "limit": EVIDENCE}).raise_for_status()
    return time.perf_counter() - started


def chat(client: httpx.Client, url: str, question: str) -> Taken:
    body = {
        "model": "olhar/default",
        "messages": [{"role": "user", "content": question}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": WORDS,
    }
    return taken(client, f"{url}/v1/chat/completions", body, _of_chat)


def taken(
    client: httpx.Client, url: str, body: Mapping[str, Any], read: Callable[[str], tuple[str, int]]
) -> Taken:
    """Send it, and look at the clock whenever text comes."""
    started, times, tokens = time.perf_counter(), [], 0
    with client.stream("POST", url, json=dict(body)) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            text, counted = read(line)
            if text:
                times.append(time.perf_counter())
            tokens = counted or tokens
    return Taken(times[0] - started, times[-1] - times[0], tokens)


def _of_chat(line: str) -> tuple[str, int]:
    if not line.startswith("data: {"):
        return "", 0
    part = json.loads(line.removeprefix("data: "))
    usage = part.get("usage") or {}
    choices = part.get("choices") or [{}]
    return choices[0].get("delta", {}).get("content") or "", usage.get("completion_tokens", 0)


def _of_ollama(line: str) -> tuple[str, int]:
    part = json.loads(line) if line else {}
    return part.get("message", {}).get("content", ""), part.get("eval_count", 0)


def report(runs: list[tuple[Taken, float, Taken]]) -> None:
    whole = [chat.first for chat, _, _ in runs]
    parts = [found + bare.first for _, found, bare in runs]
    ratio = statistics.median(one / other for one, other in zip(whole, parts, strict=True))
    print(
        f"first token: chat {statistics.median(whole) * 1e3:.0f} ms, search and the model's own "
        f"{statistics.median(parts) * 1e3:.0f} ms; ratio {ratio:.3f}"
    )
    long = [(chat.rate, bare.rate) for chat, _, bare in runs if min(chat.tokens, bare.tokens) > 8]
    print(
        f"tokens a second: chat {statistics.median(a for a, _ in long):.1f}, the model's own "
        f"{statistics.median(b for _, b in long):.1f}; ratio {statistics.median(a / b for a, b in long):.3f} "
        f"({len(long)} answers of {len(runs)} are long enough)"
    )


if __name__ == "__main__":
    main()
