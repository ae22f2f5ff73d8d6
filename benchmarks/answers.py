"""Questions about captioned photos, through the whole path: is the answer right, and the right photo cited?

    python -m benchmarks.answers FOLDER [--half tune|check] [--llm llamacpp:smollm2] [--data FOLDER]

FOLDER holds photos and their ``captions.jsonl``; all of them are ingested with ``compact``. A line of
``answers_questions.jsonl`` is ``{"question", "photo", "answer", "half"}``: an answer is right when it cites
the photo and holds one of the words. Prompts and thresholds may be chosen on the half ``tune``; ``check`` is
for measuring only. ``--data`` keeps what was ingested for the next time.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ingest.run import ingest
from ingest.sources import Reading, open_sources
from rag.build import Olhar, build
from rag.questions import Question
from rag.settings import load_settings
from rag.types import Answer, Query, Scope

QUESTIONS = Path(__file__).with_name("answers_questions.jsonl")
SCOPE = Scope("benchmark", "answers")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what a right answer says and cites."""

    question: str
    photo: str
    answer: tuple[str, ...]
    half: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What an answer is worth: right words, the photo cited, how many of its citations are the photo's."""

    said: bool
    cited: bool
    right_citations: int
    citations: int
    abstained: bool


def questions(half: str) -> list[Asked]:
    """Those of one half; all for an empty name."""
    rows = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    asked = [Asked(row["question"], row["photo"], tuple(row["answer"]), row["half"]) for row in rows]
    return [one for one in asked if not half or one.half == half]


def marked(asked: Asked, answer: Answer) -> Mark:
    """Words are looked for at the beginning of words, in any case; a number has to be the whole word."""
    words = (re.escape(word) + (r"\b" if len(word) < 3 else "") for word in asked.answer)
    said = re.search(rf"\b(?:{'|'.join(words)})", answer.text, re.IGNORECASE) is not None
    right = sum(PurePath(citation.source).name == asked.photo for citation in answer.citations)
    return Mark(said, right > 0, right, len(answer.citations), answer.abstained)


@contextmanager
def opened(data: Path | None, **settings: Any) -> Iterator[Olhar]:
    """The system over a folder that is kept, or over one that is thrown away."""
    with (
        tempfile.TemporaryDirectory() as passing,
        build(load_settings(data=data or Path(passing), ocr="off", **settings)) as olhar,
    ):
        yield olhar


def report(asked: Sequence[Asked], marks: Sequence[Mark]) -> str:
    """The figures, one a line."""
    right = sum(mark.said and mark.cited for mark in marks)
    citations = sum(mark.citations for mark in marks)
    precision = sum(mark.right_citations for mark in marks) / citations if citations else float("nan")
    lines = (
        f"right answer from the right photo: {right} of {len(asked)}",
        f"right photo cited: {sum(mark.cited for mark in marks)}",
        f"citation precision: {precision:.3f} ({citations} citations)",
        f"abstained: {sum(mark.abstained for mark in marks)}",
    )
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", choices=("tune", "check"), default="")
    parser.add_argument("--llm", default="llamacpp:smollm2", help="as OLHAR_LLM")
    parser.add_argument("--data", type=Path, help="keep what was ingested here")
    given = parser.parse_args()
    asked = questions(given.half)
    with opened(given.data, llm=given.llm) as olhar:
        if not olhar.store.count(SCOPE, "image"):
            files = open_sources([given.folder], Reading.of(olhar.settings, local=True))
            done = ingest(olhar, SCOPE, list(files))
            print(", ".join(f"{count} {status}" for status, count in done.counts.items()))
        marks, started = [], time.perf_counter()
        for one in asked:
            answer = olhar.pipeline.ask(Question(SCOPE, Query(one.question)))
            marks.append(marked(one, answer))
            sign = "+" if marks[-1].said and marks[-1].cited else "c" if marks[-1].cited else "-"
            print(sign, one.question, "|", answer.text)
        print(report(asked, marks))
        print(f"{(time.perf_counter() - started) / len(asked):.2f} s an answer")


if __name__ == "__main__":
    main()
