"""How many pairs a second a reranker of Ollama reads, one request at a time and several.

    python -m benchmarks.rerank_latency [--url http://localhost:11434 --model NAME] [--pairs 24]

Without ``--url`` a server that speaks Ollama's protocol is started in this process, with SmolLM2-135M in
llama.cpp behind it: no reranker, but the length of prompts, log-probabilities and what is sent are real. A
text has about 45 words.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rag.generation.llamacpp import model_file
from rag.rerankers.ollama import PREFIX, OllamaScorer
from rag.rerankers.scorer import Pair
from tests.ollama_server import LlamaCpp, OllamaServer

TEXT = (
    "page {n} of Ports: The harbour of town {n} was built in {year} by fishermen who came from the north. "
    "Two stone piers keep the waves out, and a small red lighthouse stands at the end of the longer one. "
    "Boats leave at dawn."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--url")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--parallel", type=int, nargs="+", default=[1, 4])
    given = parser.parse_args()
    for parallel in given.parallel:
        with served(given.url, parallel) as url:
            took, scored = measured(url, given.model, given.pairs, parallel)
        print(f"{parallel} at a time: {scored} pairs in {took:.1f} s, {scored / took:.1f} a second")


def measured(url: str, model: str, pairs: int, parallel: int) -> tuple[float, int]:
    """Seconds for all pairs once the model is in memory, and how many were scored."""
    name = PREFIX + model
    scorer = OllamaScorer(name, url, lambda _: None, parallel=parallel, seconds=600, load_seconds=600)
    scorer.load()
    asked = [Pair("When was the harbour built?", TEXT.format(n=n, year=1800 + n)) for n in range(pairs)]
    started = time.perf_counter()
    scored = sum(1 for _ in scorer.score(asked, 600))
    took = time.perf_counter() - started
    scorer.close()
    return took, scored


@contextmanager
def served(url: str | None, parallel: int) -> Iterator[str]:
    """That server, or one of our own with as many slots as requests come at a time."""
    if url is not None:
        yield url
        return
    with OllamaServer(LlamaCpp(model_file("smollm2"), parallel=parallel), models=("smollm2:latest",)) as own:
        yield own.url


if __name__ == "__main__":
    main()
