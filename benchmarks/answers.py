"""Questions about captioned photos, through the whole path: is the answer right, and the right photo cited?

    python -m benchmarks.answers FOLDER [--questions FILE] [--half tune|check] [--llm llamacpp:smollm2]
        [--data FOLDER]

FOLDER holds photos and their ``captions.jsonl``; all of them are ingested with ``compact``. A line of
``answers_questions.jsonl``, or of FILE, is ``{"question", "photo", "answer", "half"}``: an answer is right
when it cites the photo and holds one of the words. Prompts and thresholds may be chosen on the half ``tune``;
``check`` is for measuring only. ``--data`` keeps what was ingested for the next time.

A citation is right when it is the photo that was meant. Beside that it is said how many are supported: what
any of the cited photo's captions says holds one of the words. Only the first caption is ingested; the others
were written of the same photo by other people.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ingest.run import ingest
from ingest.sources import Reading, open_sources
from rag.build import Olhar, build
from rag.generation.choosing import AS_WELL
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
    """What an answer is worth: right words, the photo cited, how many of its citations are the photo's, how
    many cite a photo of which somebody said the right words; whether it was told that another fits as well.
    """

    said: bool
    cited: bool
    right_citations: int
    supported_citations: int
    citations: int
    abstained: bool
    warned: bool


def questions(half: str, file: Path = QUESTIONS) -> list[Asked]:
    """Those of one half; all for an empty name."""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    asked = [Asked(row["question"], row["photo"], tuple(row["answer"]), row["half"]) for row in rows]
    return [one for one in asked if not half or one.half == half]


def said_of(folder: Path) -> dict[str, tuple[str, ...]]:
    """All captions of each photo, by its name."""
    rows = [json.loads(line) for line in (folder / "captions.jsonl").read_text("utf-8").splitlines()]
    return {PurePath(row["file"]).name: tuple(row["captions"]) for row in rows}


def marked(asked: Asked, answer: Answer, captions: Mapping[str, Sequence[str]]) -> Mark:
    """``captions``: all that people said of each photo, by its name."""
    cited = [PurePath(citation.source).name for citation in answer.citations]
    supported = [any(holds(caption, asked.answer) for caption in captions.get(name, ())) for name in cited]
    return Mark(
        holds(answer.text, asked.answer),
        asked.photo in cited,
        cited.count(asked.photo),
        sum(supported),
        len(cited),
        answer.abstained,
        any(AS_WELL in warning for warning in answer.warnings),
    )


def holds(text: str, words: Sequence[str]) -> bool:
    """Whether a text holds one of the words: at the beginning of a word, in any case; a number as a whole."""
    looked_for = (re.escape(word) + (r"\b" if len(word) < 3 else "") for word in words)
    return re.search(rf"\b(?:{'|'.join(looked_for)})", text, re.IGNORECASE) is not None


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
    supported = sum(mark.supported_citations for mark in marks) / citations if citations else float("nan")
    lines = (
        f"right answer from the right photo: {right} of {len(asked)}",
        f"right photo cited: {sum(mark.cited for mark in marks)}",
        f"citation precision: {precision:.3f} ({citations} citations)",
        f"citations supported by a caption of the cited photo: {supported:.3f}",
        f"warned that another photo fits as well: {told(marks, cited=False)} where the wrong one was cited, "
        f"{told(marks, cited=True)} where the right one was",
        f"abstained: {sum(mark.abstained for mark in marks)}",
    )
    return "\n".join(lines)


def told(marks: Sequence[Mark], *, cited: bool) -> str:
    """How many of the answers that cite the right photo, or of those that cite others, were warned of."""
    some = [mark.warned for mark in marks if mark.citations and mark.cited is cited]
    return f"{sum(some)} of {len(some)}"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=Path, default=QUESTIONS, help="others, in the same form")
    parser.add_argument("--half", choices=("tune", "check"), default="")
    parser.add_argument("--llm", default="llamacpp:smollm2", help="as OLHAR_LLM")
    parser.add_argument("--data", type=Path, help="keep what was ingested here")
    given = parser.parse_args()
    asked, captions = questions(given.half, given.questions), said_of(given.folder)
    with opened(given.data, llm=given.llm) as olhar:
        if not olhar.store.count(SCOPE, "image"):
            files = open_sources([given.folder], Reading.of(olhar.settings, local=True))
            done = ingest(olhar, SCOPE, list(files))
            print(", ".join(f"{count} {status}" for status, count in done.counts.items()))
        marks, started = [], time.perf_counter()
        for one in asked:
            answer = olhar.pipeline.ask(Question(SCOPE, Query(one.question)))
            marks.append(marked(one, answer, captions))
            sign = "+" if marks[-1].said and marks[-1].cited else "c" if marks[-1].cited else "-"
            print(sign, one.question, "|", answer.text)
        print(report(asked, marks))
        print(f"{(time.perf_counter() - started) / len(asked):.2f} s an answer")


if __name__ == "__main__":
    main()
