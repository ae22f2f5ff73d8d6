"""Olhar in LangChain: a real embedded system, in calls of both kinds and in a chain."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from rag.build import Olhar, build
from rag.errors import InvalidInput
from rag.images import working_picture
from rag.langchain import OlharRetriever
from rag.pipeline import Pipeline
from rag.questions import Question
from rag.settings import Settings
from rag.types import Item, Query, Row, Scope, SearchResult, Where, content_hash, item_id
from tests.api.test_integration import CAPTIONS, photo
from tests.ollama_server import OllamaServer, Script

SCOPE = Scope("default", "photos")


def row(olhar: Olhar, name: str, caption: str, tags: tuple[str, ...]) -> Row:
    sha256 = content_hash(photo(name))
    item = Item(
        item_id(SCOPE, sha256),
        SCOPE.tenant,
        "photos",
        sha256,
        (name,),
        caption=caption,
        tags=tags,
        metadata={"shelf": 3},
    )
    picture = working_picture(photo(name), max_pixels=10**7).pixels
    return Row(
        item,
        olhar.encoder.encode_images([picture])[0],
        olhar.text_encoder.encode_documents([caption])[0] if caption else None,
    )


@pytest.fixture(scope="module")
def olhar(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Olhar]:
    """Three photos with captions and one without."""
    settings = Settings(data=tmp_path_factory.mktemp("data"), models=models, collection="photos")
    with build(settings) as opened:
        rows = [row(opened, name, text, ("captioned",)) for name, text in CAPTIONS.items()]
        opened.store.upsert([*rows, row(opened, "motorcycle_left.png", "", ())])
        yield opened


def sources(documents: Sequence[Document]) -> list[str]:
    return [document.metadata["source"] for document in documents]


def test_documents_are_the_hits_of_the_search(olhar: Olhar) -> None:
    documents = OlharRetriever.of(olhar).invoke("a cat that looks at you")
    hits = olhar.pipeline.search(Question(SCOPE, Query("a cat that looks at you"))).hits
    assert [document.id for document in documents] == [hit.item.id for hit in hits]
    best, told = documents[0], documents[0].metadata
    assert best.page_content == "Caption: a tabby cat looking into the camera Tags: captioned"
    legs = asdict(hits[0].legs)
    assert told["legs"] == {name: score for name, score in legs.items() if score is not None}
    assert told["legs"].keys() >= {"image", "caption", "bm25"}
    assert (told["relevance"], told["score"], told["rank"]) == (hits[0].relevance, hits[0].score, 1)
    assert (told["item_id"], told["source"], told["collection"]) == (
        hits[0].item.id,
        "chelsea.png",
        "photos",
    )
    assert (told["kind"], told["page"], told["metadata"]) == ("image", 0, {"shelf": 3})
    assert json.loads(json.dumps(told)) == told


def test_a_photo_without_caption_is_a_document_with_words(olhar: Olhar) -> None:
    (document,) = OlharRetriever.of(olhar, limit=1).invoke("a motorcycle")
    assert document.metadata["source"] == "motorcycle_left.png"
    assert document.page_content.startswith("No caption. Looks like: ")
    assert "caption" not in document.metadata["legs"]


def test_limit_filter_and_relevance_of_the_retriever_and_of_the_call(olhar: Olhar) -> None:
    captioned = OlharRetriever.of(olhar, where=Where("tags", "contains", "captioned"))
    assert sorted(sources(captioned.invoke("a photo"))) == sorted(CAPTIONS)
    assert len(captioned.invoke("a photo", limit=2)) == 2
    assert sources(captioned.invoke("a photo", where="source:coffee.png")) == ["coffee.png"]
    assert sorted(sources(OlharRetriever.of(olhar, where="tags:captioned").invoke("a photo"))) == sorted(
        CAPTIONS
    )
    assert captioned.invoke("a photo", where=Where("tags", "contains", "other")) == []
    assert sources(captioned.invoke("a cup of espresso", relevance=0.5)) == ["coffee.png"]
    assert sources(OlharRetriever.of(olhar, relevance=0.5).invoke("a cup of espresso")) == ["coffee.png"]


def test_the_reranker_looks_at_the_hits_where_that_is_wanted(
    olhar: Olhar, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool | None] = []
    search = Pipeline.search

    def noted(self: Pipeline, question: Question) -> SearchResult:
        asked.append(question.rerank)
        return search(self, question)

    monkeypatch.setattr(Pipeline, "search", noted)
    OlharRetriever.of(olhar).invoke("a cat")
    OlharRetriever.of(olhar).invoke("a cat", rerank=True)
    OlharRetriever.of(olhar, rerank=True).invoke("a cat")
    assert asked == [False, True, True]


def test_asynchronous_calls_find_the_same(olhar: Olhar) -> None:
    retriever = OlharRetriever.of(olhar)

    async def both() -> list[list[Document]]:
        return list(await asyncio.gather(retriever.ainvoke("a rocket"), retriever.ainvoke("a cat", limit=1)))

    rocket, cat = asyncio.run(both())
    assert rocket == retriever.invoke("a rocket")
    assert sources(cat) == ["chelsea.png"]


def test_it_is_a_link_of_a_chain(olhar: Olhar) -> None:
    seen: list[str] = []

    def note(prompt: PromptValue) -> PromptValue:
        seen.append(prompt.to_string())
        return prompt

    def together(documents: Sequence[Document]) -> str:
        return "\n".join(document.page_content for document in documents)

    chain = (
        {"evidence": OlharRetriever.of(olhar, limit=1) | together, "question": RunnablePassthrough()}
        | ChatPromptTemplate.from_template("{evidence}\n{question}")
        | RunnableLambda(note)
        | FakeListChatModel(responses=["an espresso"])
        | StrOutputParser()
    )
    assert chain.invoke("What is in the cup?") == "an espresso"
    assert "a cup of espresso with a spoon on a saucer" in seen[0]


@pytest.mark.parametrize(
    ("query", "given"),
    [
        (" ", {}),
        ("a cat", {"limit": 1001}),
        ("a cat", {"limit": 0}),
        ("a cat", {"where": "(tags:"}),
        ("a cat", {"where": ""}),
        ("a cat", {"relevance": 1.5}),
        ("a cat", {"relevance": -0.1}),
        ("a cat", {"relevance": float("nan")}),
    ],
)
def test_what_olhar_refuses_it_refuses(olhar: Olhar, query: str, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        OlharRetriever.of(olhar).invoke(query, **given)


def test_a_warning_of_the_search_is_in_the_documents(olhar: Olhar) -> None:
    documents = OlharRetriever.of(olhar, limit=1).invoke("Ein Hund läuft am Strand entlang und bellt laut")
    assert any("OLHAR_ENCODER" in text for text in documents[0].metadata["warnings"])


def test_the_example_of_the_documentation_runs(
    olhar: Olhar, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the collection of this module, with a model that says what it is told to."""
    page = (Path(__file__).parents[2] / "docs" / "langchain.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.setattr("rag.build.build", lambda _: nullcontext(olhar))
    with OllamaServer(Script("It sleeps."), models=["qwen3:8b"]) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        made: dict[str, Any] = {}
        exec(compile(example, "docs/langchain.md", "exec"), made)
        made["chain"].steps[2]._client._client.close()  # the connections of ChatOllama, which has no close
        assert "Question: What is the dog doing?" in str(server.requests[-1][1])
    assert capsys.readouterr().out.endswith("It sleeps.\n")
