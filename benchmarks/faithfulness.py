"""How often true sentences are found supported by their evidence, and false ones not.

    python -m benchmarks.faithfulness [--half tune|check] [--llm llamacpp:smollm2]

A line of ``faithfulness_cases.jsonl`` is ``{"evidence", "sentence", "true", "half"}``, written before
anything was tuned. Without ``--llm`` the check is by words.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rag.faithfulness import sentences
from rag.generation.chat_models import open_chat_model
from rag.generation.judging import ChatJudge
from rag.wording import share, supported

CASES = Path(__file__).with_name("faithfulness_cases.jsonl")


def cases(half: str = "") -> list[dict[str, Any]]:
    """Those of one half; all for an empty name."""
    rows = [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]
    return [row for row in rows if not half or row["half"] == half]


def measured(half: str, check: Callable[[str, str], bool | None]) -> tuple[int, int, int]:
    """How many true ones were supported, how many false ones were not, how many there are of each."""
    rows = cases(half)
    right = {True: 0, False: 0}
    for row in rows:
        ((sentence, _),) = sentences(row["sentence"])
        found = check(sentence, row["evidence"])
        right[row["true"]] += found is row["true"]
        if found is not row["true"]:
            print(
                f"  wrong ({found}): {row['evidence']} | {sentence} ({share(sentence, row['evidence']):.2f})"
            )
    return right[True], right[False], len(rows) // 2


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--half", choices=("tune", "check"), default="")
    parser.add_argument("--llm", default="", help="as OLHAR_LLM")
    given = parser.parse_args()
    check: Callable[[str, str], bool | None] = supported
    if given.llm:
        chat = open_chat_model(
            given.llm, ollama_url="http://localhost:11434", load_seconds=120, answer_seconds=120
        )
        check = ChatJudge(chat, even_small=True).supports
    true, false, each = measured(given.half, check)
    print(f"true sentences supported: {true} of {each}; false ones not supported: {false} of {each}")


if __name__ == "__main__":
    main()
