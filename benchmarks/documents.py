"""Questions about documents: is the right page, or the right figure, among the first hits?

``python -m benchmarks.documents FOLDER [--questions FILE]`` ingests the documents that the questions name,
wherever in FOLDER they lie, and searches for each question. A line of the file of questions is
``{"question", "file", "page"}`` (any passage or figure of that page counts) or has a ``"figure"`` (only a
figure counts, and its caption or words have to hold this text).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from ingest.run import ingest
from ingest.sources.files import SourceFile
from rag.build import build
from rag.questions import Question
from rag.settings import load_settings
from rag.types import Hit, Query, Scope

FIRST = 3
QUESTIONS = Path(__file__).with_name("document_questions.jsonl")


def is_right(hit: Hit, wanted: Mapping[str, Any]) -> bool:
    """Whether a hit is what a question asks for."""
    item = hit.item
    if PurePath(item.source).name != wanted["file"] or item.page != wanted.get("page", item.page):
        return False
    figure = wanted.get("figure")
    return figure is None or (item.kind == "image" and figure in f"{item.caption} {item.text}")


def rank(hits: Sequence[Hit], wanted: Mapping[str, Any]) -> int:
    """The rank of the first right hit; 0 when there is none."""
    return next((hit.rank for hit in hits if is_right(hit, wanted)), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=Path, default=QUESTIONS)
    options = parser.parse_args()
    questions = [json.loads(line) for line in options.questions.read_text("utf-8").splitlines() if line]
    names = {question["file"] for question in questions}
    files = [SourceFile.of(path) for path in sorted(options.folder.rglob("*")) if path.name in names]
    scope = Scope("benchmark", "documents")
    with tempfile.TemporaryDirectory() as data, build(load_settings(data=Path(data))) as olhar:
        olhar.warm_models()
        started = time.perf_counter()
        report = ingest(olhar, scope, files)
        print(f"{len(files)} documents in {time.perf_counter() - started:.1f} s")
        for receipt in report.files:
            print(f"  {receipt.status} {PurePath(receipt.source).name}: {receipt.reason}")
        right = 0
        for question in questions:
            hits = olhar.pipeline.search(Question(scope, Query(question["question"]), limit=20)).hits
            found = rank(hits, question)
            right += 0 < found <= FIRST
            first = f"{PurePath(hits[0].item.source).name} {hits[0].item.part}" if hits else "nothing"
            print(f"  rank {found or '–'}: {question['question']}  (first: {first})")
        print(f"right among the first {FIRST}: {right} of {len(questions)}")


if __name__ == "__main__":
    main()
