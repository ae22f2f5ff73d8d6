"""How often the small prompt form is right, on questions and captions written for it.

    python benchmarks/small_prompt.py [--held-out] [--llm llamacpp:smollm2]

Prints each case with two marks and then two rates. *model*: the model's own sentence says what was
expected. *answer*: the answer that a user reads does. The prompt was tuned on the cases that are not
held out; the held-out ones are for measuring only.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage

from rag.generation.chat_models import ChatModel, open_chat_model
from rag.generation.context import Material, assembled
from rag.generation.generator import ChatGenerator
from rag.generation.prompts import small_messages, statement_of
from rag.pipeline import number
from rag.types import Evidence, Hit, Item, Label, Legs

CASES = Path(__file__).with_name("small_prompt_cases.jsonl")


@dataclass(frozen=True, slots=True)
class Case:
    """``expect``: any of these, as the beginning of a word (numbers and “no”: as a whole word)."""

    question: str
    evidence: tuple[Evidence, ...]
    expect: tuple[str, ...]
    held_out: bool

    def said_in(self, text: str) -> bool:
        """Whether the text says what was expected."""
        words = (re.escape(word) + (r"\b" if len(word) < 3 else "") for word in self.expect)
        return re.search(rf"\b(?:{'|'.join(words)})", text.lower()) is not None


def cases(held_out: bool) -> Iterator[Case]:
    """The cases of one half."""
    for line in CASES.read_text("utf-8").splitlines():
        row = json.loads(line)
        case = Case(row["question"], evidence_of(row), tuple(row["expect"]), row["held_out"])
        if case.held_out == held_out:
            yield case


def evidence_of(row: Mapping[str, Any]) -> tuple[Evidence, ...]:
    """One photo as evidence: with the row's ``caption``, or without one and with its ``labels``."""
    item = Item("id", "tenant", "collection", "hash", ("photo.jpg",), caption=row.get("caption", ""))
    labels = tuple(Label(name, 0.3) for name in row.get("labels", ()))
    return number([Hit(1, item, 0.0, 1.0, Legs(), labels)])


def asked(chat: ChatModel, case: Case) -> Sequence[BaseMessage]:
    """What the model is given to read, in its form."""
    if chat.form.kind == "small":
        return small_messages(case.question, statement_of(case.evidence[0]))
    material = Material(case.question, case.evidence)
    return assembled(material, chat.measure, chat.form.max_tokens).messages


def measure(chat: ChatModel, chosen: Sequence[Case]) -> tuple[int, int]:
    """How many are right in the model's own words, and in the final answer."""
    generator = ChatGenerator(chat)
    model_right = answer_right = 0
    for case in chosen:
        written = chat.complete(asked(chat, case))[0].strip()
        answer = generator.answer(case.question, case.evidence).text
        marks = case.said_in(written), case.said_in(answer)
        model_right, answer_right = model_right + marks[0], answer_right + marks[1]
        print("".join("+" if mark else "-" for mark in marks), case.question, "|", written, "|", answer)
    return model_right, answer_right


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--held-out", action="store_true", help="the cases that no prompt was tuned on")
    parser.add_argument("--llm", default="llamacpp:smollm2", help="as OLHAR_LLM")
    arguments = parser.parse_args()
    chat = open_chat_model(
        arguments.llm, ollama_url="http://localhost:11434", load_seconds=120, answer_seconds=120
    )
    chosen = list(cases(arguments.held_out))
    started = time.perf_counter()
    model_right, answer_right = measure(chat, chosen)
    seconds = (time.perf_counter() - started) / (2 * len(chosen))
    print(
        f"model {model_right}/{len(chosen)}, answer {answer_right}/{len(chosen)}, about {seconds:.2f} s each"
    )
    chat.close()


if __name__ == "__main__":
    main()
