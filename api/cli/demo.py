"""The demo: photos that come inside installed packages, and questions about them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from api.cli import show
from api.cli.backend import Backend, open_backend
from api.query_schemas import QueryIn
from api.schemas import AskOut, IngestOut
from ingest.sidecars import read_captions
from ingest.sources import Description, SourceFile
from rag.errors import InvalidInput
from rag.settings import Settings

FOLDERS = {"skimage": "data", "sklearn": "datasets/images"}
PHOTOS = {
    "skimage": (
        "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png", "coins.png",
        "grass.png", "gravel.png", "horse.png", "hubble_deep_field.jpg", "ihc.png", "moon.png",
        "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg", "text.png",
    ),
    "sklearn": ("china.jpg", "flower.jpg"),
}  # fmt: skip
HERE = Path(__file__).parents[1] / "demo"


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what a right answer cites and holds; nothing expected means it is only asked."""

    question: str = ""
    image: str = ""
    photo: str = ""
    answer: tuple[str, ...] = ()
    unanswerable: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a question; ``right`` is None when nothing was expected."""

    question: Question
    reply: AskOut
    right: bool | None


def run(settings: Settings, questions: Path | None, *, as_json: bool) -> bool:
    """Ingest the photos, ask the questions, print both. True when no more than one answer is wrong.

    Raises InvalidInput for a file of questions that cannot be read, ModelUnavailable when a package
    that carries photos is missing.
    """
    asked = read_questions(questions or HERE / "questions.jsonl")
    photos = demo_photos()
    with open_backend(settings) as backend:
        with show.progress(len(photos), quiet=as_json) as on_file:
            report = backend.ingest(
                photos, collection=settings.collection, all_captions=False, on_file=on_file
            )
        if not as_json:
            show.ingested(report, as_json=False)
        verdicts = []
        for question in asked:
            verdict = _ask(backend, settings, question)
            verdicts.append(verdict)
            if not as_json:
                _print(verdict)
    return _conclude(report, verdicts, as_json=as_json)


def demo_photos() -> list[SourceFile]:
    """The photos, about two thirds with a caption; the others have to be found by their pixels."""
    captions = read_captions(HERE / "captions.jsonl")
    return [
        SourceFile.of(_packaged(package, name), captions.get(name, Description()))
        for package, names in PHOTOS.items()
        for name in names
    ]


def read_questions(path: Path) -> list[Question]:
    """Questions from JSON lines or a JSON list: ``question`` and, as they apply, ``image``, ``photo``,
    ``answer`` (words of which one has to stand in the answer) and ``unanswerable``. A line that is no JSON
    object is a question by itself. Other keys are not used, which is said on standard error. Raises
    InvalidInput naming the line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read as UTF-8 text: {error}") from None
    if text.lstrip().startswith("["):
        listed = _json(text, str(path))
        return [_question(entry, f"{path}, entry {n}") for n, entry in enumerate(listed, start=1)]
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]
    return [
        _question(_json(line, f"{path}:{n}") if line.startswith("{") else line, f"{path}:{n}")
        for n, line in lines
    ]


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{where} is no JSON: {error}") from None


def _question(entry: Any, where: str) -> Question:
    fields = {"question": entry} if isinstance(entry, str) else entry
    if not isinstance(fields, dict):
        raise InvalidInput(f"{where}: a question is a text or an object")
    known = {name: fields[name] for name in Question.__dataclass_fields__ if name in fields}
    unknown = ", ".join(sorted(map(str, set(fields) - set(known))))
    answer = known.get("answer") or ()
    known["answer"] = (answer,) if isinstance(answer, str) else tuple(map(str, answer))
    question = Question(**known)
    if not question.question and not question.image:
        raise InvalidInput(f"{where}: give a `question`, an `image` or both; it has {unknown or 'neither'}")
    if unknown:
        typer.echo(f"{where}: not used: {unknown}", err=True)
    return question


def _ask(backend: Backend, settings: Settings, question: Question) -> Verdict:
    image = _picture(question.image) if question.image else None
    reply = backend.ask(
        QueryIn(text=question.question, collection=settings.collection), [image] if image else []
    )
    return Verdict(question, reply, judge(question, reply))


def judge(question: Question, reply: AskOut) -> bool | None:
    """Right: refused where it must be; else the photo is cited and one of the words stands in the answer."""
    if question.unanswerable:
        return reply.abstained
    if not question.photo and not question.answer:
        return None
    cited = {PurePath(citation.source).name for citation in reply.citations}
    words = reply.answer.casefold()
    photo = not question.photo or PurePath(question.photo).name in cited
    return photo and (not question.answer or any(word.casefold() in words for word in question.answer))


def _picture(name: str) -> Path:
    path = Path(name)
    if path.is_file():
        return path
    for package in FOLDERS:
        packaged = _packaged(package, name)
        if packaged.is_file():
            return packaged
    raise InvalidInput(f"{name} is neither a file nor a photo of the demo")


def _packaged(package: str, name: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise InvalidInput(
            f"the package that carries photos of the demo is missing: {package}; run `make install`"
        )
    return Path(spec.origin).parent / FOLDERS[package] / name


def _print(verdict: Verdict) -> None:
    out = show.console()
    question, reply = verdict.question, verdict.reply
    picture = f" [dim](with the picture {escape(PurePath(question.image).name)})[/]" if question.image else ""
    mark = {True: "[green]right[/]", False: "[red]wrong[/]", None: ""}[verdict.right]
    out.print(f"\n[bold]{escape(question.question or 'What is this?')}[/]{picture}")
    out.print(f"  {escape(reply.answer)}  {mark}")
    cited = {citation.marker for citation in reply.citations}
    for evidence in reply.evidence:
        if evidence.marker in cited:
            name = PurePath(evidence.source).name
            out.print(f"  [dim]{escape(f'[{evidence.marker}]')} {escape(name)}  {show.scores(evidence)}[/]")


def _conclude(report: IngestOut, verdicts: Sequence[Verdict], *, as_json: bool) -> bool:
    judged = [verdict.right for verdict in verdicts if verdict.right is not None]
    if as_json:
        rows = [
            {"question": asdict(v.question), "reply": v.reply.model_dump(), "right": v.right}
            for v in verdicts
        ]
        typer.echo(json.dumps({"ingest": report.model_dump(), "questions": rows}, ensure_ascii=False))
    else:
        out = Console(soft_wrap=True, highlight=False)
        if judged:
            out.print(f"\n{sum(judged)} of {len(judged)} answered rightly.")
        out.print(
            "\nNext: your own photos with [bold]olhar ingest FOLDER[/], then [bold]olhar ask QUESTION[/]; "
            "or [bold]olhar serve[/] for the HTTP API on http://127.0.0.1:8000/docs."
        )
    return sum(judged) >= len(judged) - 1
