"""How well a language model rewrites questions that follow others.

    python -m benchmarks.rewriting --llm ollama:qwen3:4b [--aside]

A case of ``rewriting_cases.jsonl`` has the turns of a conversation (user and assistant in turn), the question
that follows, and the words that the rewritten question needs (``a|b``: either). ``--aside`` takes the five
cases that no prompt was chosen by, else the ten others.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rag.errors import ModelUnavailable
from rag.folding import fold
from rag.generation import open_generator
from rag.protocols import Rewriter
from rag.settings import Settings
from rag.types import Turn

CASES = Path(__file__).with_name("rewriting_cases.jsonl")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--llm", default="llamacpp:smollm2")
    parser.add_argument("--ollama-url", default="http://localhost:11434")
    parser.add_argument("--aside", action="store_true")
    given = parser.parse_args()
    generator = open_generator(Settings(llm=given.llm, ollama_url=given.ollama_url))
    rewriter = generator.rewriter(seconds=60)
    cases = [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]
    counts: Counter[str] = Counter()
    took: list[float] = []
    for case in (case for case in cases if case["aside"] is given.aside):
        started = time.perf_counter()
        verdict, shown = judged(rewriter, case)
        took.append(time.perf_counter() - started)
        counts[verdict] += 1
        print(f"{verdict:>8}  {case['question']}  ->  {shown}")
    generator.close()
    print(f"{given.llm}: {dict(counts)}, {sum(took) / len(took):.2f} s a question")


def judged(rewriter: Rewriter, case: dict[str, Any]) -> tuple[str, str]:
    """``right``, ``wrong`` (words are missing), or ``refused`` (used as it was); and what came."""
    turns = [Turn("assistant" if n % 2 else "user", text) for n, text in enumerate(case["turns"])]
    try:
        rewritten = rewriter.rewrite(case["question"], turns)
    except ModelUnavailable as error:
        return "refused", str(error)
    return ("right" if has_all(rewritten, case["needs"]) else "wrong"), rewritten


def has_all(text: str, needs: Sequence[str]) -> bool:
    """Whether a word of each need is in the text."""
    folded = fold(text)
    return all(any(fold(word) in folded for word in need.split("|")) for need in needs)


if __name__ == "__main__":
    main()
