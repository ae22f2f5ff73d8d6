"""The demo: its photos are there, its questions are read and judged, and it runs end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.cli.demo import HERE, Question, demo_photos, judge, read_questions
from api.schemas import AskOut, CitationOut, RerankOut
from rag.errors import InvalidInput
from rag.images import decode


def reply(answer: str, *sources: str, abstained: bool = False) -> AskOut:
    return AskOut(
        answer=answer,
        abstained=abstained,
        citations=[CitationOut(marker=n, item_id="i", source=source) for n, source in enumerate(sources, 1)],
        evidence=[],
        rerank=RerankOut(state="skipped", reason=""),
        model="m",
        warnings=[],
        timings_ms={},
    )


def test_the_photos_are_real_and_about_two_thirds_have_a_caption() -> None:
    photos = demo_photos()
    for photo in photos:
        decode(photo.read(), max_pixels=10**7)
    captioned = [photo for photo in photos if photo.description.caption]
    assert len(photos) == 20
    assert 0.6 <= len(captioned) / len(photos) <= 0.72


def test_the_questions_are_eight_with_one_unanswerable_and_one_picture() -> None:
    questions = read_questions(HERE / "questions.jsonl")
    assert len(questions) == 8
    assert sum(question.unanswerable for question in questions) == 1
    assert sum(bool(question.image) for question in questions) == 1
    assert all(question.unanswerable or (question.photo and question.answer) for question in questions)


def test_questions_are_lines_or_objects(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(
        '\ufeffWho is there?\n\n{"question": "Why?", "answer": "cat", "photo": "a/b.png"}\n', "utf-8"
    )
    assert read_questions(file) == [
        Question("Who is there?"),
        Question("Why?", photo="a/b.png", answer=("cat",)),
    ]


def test_a_json_list_and_further_keys_are_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "q.json"
    file.write_text('["Who?", {"question": "Why?", "topic": "cats"}]')
    assert read_questions(file) == [Question("Who?"), Question("Why?")]
    assert "topic" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [("{oops", "q.jsonl:1"), ('{"qestion": "a"}', "qestion"), ('{"photo": "a"}', "question")],
)
def test_a_line_that_cannot_be_used_is_named(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(line)
    with pytest.raises(InvalidInput, match=said):
        read_questions(file)


def test_right_is_the_photo_cited_and_a_word_in_the_answer() -> None:
    question = Question("q", photo="cat.png", answer=("tabby", "cat"))
    assert judge(question, reply("A Cat. [1]", "/x/cat.png"))
    assert not judge(question, reply("A Cat. [1]", "/x/dog.png"))
    assert not judge(question, reply("A dog. [1]", "/x/cat.png"))
    assert not judge(question, reply("A Cat."))
    assert judge(Question("q", unanswerable=True), reply("no", abstained=True))
    assert not judge(Question("q", unanswerable=True), reply("A Cat. [1]", "/x/cat.png"))
    assert judge(Question("q"), reply("anything")) is None


def test_the_demo_runs_and_a_second_run_ingests_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Path
) -> None:
    monkeypatch.setenv("OLHAR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OLHAR_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    for status in ("indexed", "unchanged"):
        result = CliRunner().invoke(app, ["demo", "--json"], catch_exceptions=False)
        assert result.exit_code == 0
        told = json.loads(result.stdout)
        assert told["ingest"]["counts"][status] == 20
        assert sum(row["right"] for row in told["questions"]) >= 7
        assert told["questions"][-1]["reply"]["abstained"]
