"""BEIR (Thakur et al. 2021): ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/{split}.tsv``. Texts only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rag.errors import InvalidInput
from rag.evaluation.datasets.rows import json_object, lines, text, texts, word
from rag.evaluation.datasets.types import BadRow, Dataset, Passage, Question

CORPUS = "corpus.jsonl"
QUERIES = "queries.jsonl"
HEADING = "query-id"


def read(folder: Path, split: str) -> Dataset:
    """Passages, and the questions of a split (``test`` unless told) that have a right passage.

    Raises InvalidInput when a file is not there.
    """
    bad: list[BadRow] = []
    corpus = _texts(folder / CORPUS, bad)
    asked = _texts(folder / QUERIES, bad)
    right: dict[str, dict[str, int]] = {}
    for number, line in lines(_qrels(folder, split)):
        try:
            query, passage, grade = _judged(text(line))
            if query == HEADING:
                continue
            if query not in asked or passage not in corpus:
                missing = f"query {query}" if query not in asked else f"passage {passage}"
                raise InvalidInput(f"there is no {missing}")
            if int(grade) > 0:
                right.setdefault(query, {})[passage] = int(grade)
        except (InvalidInput, ValueError) as error:
            bad.append(BadRow(number, f"qrels/{split or 'test'}.tsv", str(error)))
    return Dataset(
        folder,
        bad_rows=tuple(bad),
        passages=tuple(Passage(name, body) for name, body in corpus.items()),
        questions=tuple(Question(asked[query], found) for query, found in right.items()),
    )


def _texts(path: Path, bad: list[BadRow]) -> dict[str, str]:
    """Title and text of each line, by its id."""
    found: dict[str, str] = {}
    for number, line in lines(path):
        try:
            fields = json_object(line)
            name = word(fields, "_id")
            body = " ".join((*texts(fields, "title"), *texts(fields, "text")))
            if not body:
                raise InvalidInput("it has no text")
            if name in found:
                raise InvalidInput(f"the id {name} was there before")
            found[name] = body
        except InvalidInput as error:
            bad.append(BadRow(number, path.name, str(error)))
    return found


def _judged(line: str) -> tuple[str, str, str]:
    fields = line.split("\t")
    if len(fields) == 4:  # as in TREC: query, iteration, passage, grade
        del fields[1]
    if len(fields) != 3:
        raise InvalidInput("a line has to have a query, a passage and a grade, with tabs between them")
    query, passage, grade = (field.strip() for field in fields)
    if query != HEADING:
        _checked(grade, int)
    return query, passage, grade


def _checked(value: str, kind: Callable[[str], object]) -> None:
    try:
        kind(value)
    except ValueError:
        raise InvalidInput(f"{value!r} is no grade") from None


def _qrels(folder: Path, split: str) -> Path:
    path = folder / "qrels" / f"{split or 'test'}.tsv"
    if not path.is_file():
        there = [found.stem for found in sorted((folder / "qrels").glob("*.tsv"))]
        raise InvalidInput(f"{path} is not there; choose with --split: {', '.join(there) or 'there is none'}")
    return path
