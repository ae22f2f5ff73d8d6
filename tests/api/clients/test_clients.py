"""The clients that people have: each converses, streams, shows a picture, embeds and is refused."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai import OpenAI
from pydantic import BaseModel, SecretStr

from rag.errors import Busy, FingerprintMismatch, StoreUnavailable
from rag.types import Turn
from tests.api.conftest import ANSWER, FakeSystem, png
from tests.conftest import CLIENTS

HERE = Path(__file__).parent
LLAMAINDEX, NPM = CLIENTS / "llamaindex" / ".installed", CLIENTS / "npm"
PICTURE = "data:image/png;base64," + base64.b64encode(png()).decode()
MODEL = "olhar/default"
EARLIER = (Turn("user", "first"), Turn("assistant", "well"))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def check_what_was_asked(system: FakeSystem) -> None:
    """A conversation, a stream and a picture arrived as they were meant."""
    conversation, stream, picture = system.pipeline.calls
    assert (conversation.query.text, conversation.history) == ("second", EARLIER)
    assert conversation.options.instructions == "be brief"
    assert (stream.query.text, stream.history) == ("third", ())
    assert picture.query.text == "fourth"
    assert picture.query.image is not None
    assert picture.query.image.shape == (8, 8, 3)


def check_vectors(vectors: Sequence[Sequence[float]]) -> None:
    assert np.allclose(vectors, [[1, 0], [0.5, 0.75**0.5]])


@pytest.fixture
def client(url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_openais_client_for_python(client: OpenAI, system: FakeSystem) -> None:
    conversation: Any = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "well"},
        {"role": "user", "content": "second"},
    ]
    answer: Any = client.chat.completions.create(model=MODEL, messages=conversation)
    assert answer.choices[0].message.content == ANSWER.text
    assert answer.olhar["citations"][0]["source"] == "photos/cat.png"
    third: Any = [{"role": "user", "content": "third"}]
    chunks: Any = list(
        client.chat.completions.create(
            model=MODEL, messages=third, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == ANSWER.text
    assert chunks[-1].usage.total_tokens == 15
    parts: Any = [
        {"type": "text", "text": "fourth"},
        {"type": "image_url", "image_url": {"url": PICTURE}},
    ]
    client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}])
    check_what_was_asked(system)
    found = client.embeddings.create(model="fake", input=["a cat", PICTURE])
    check_vectors([row.embedding for row in found.data])
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-4", messages=third)
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="not supported: n"):
        client.chat.completions.create(model=MODEL, messages=third, n=2)


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (Busy("later"), openai.RateLimitError),
        (FingerprintMismatch("another encoder"), openai.ConflictError),
        (StoreUnavailable("away"), openai.InternalServerError),
        (RuntimeError("a bug"), openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_each_error_is_one_that_the_clients_know(
    client: OpenAI, url: str, system: FakeSystem, error: Exception, refusal: type[Exception], stream: bool
) -> None:
    system.pipeline.error = error
    messages: Any = [{"role": "user", "content": "x"}]
    with pytest.raises(refusal):
        client.chat.completions.create(model=MODEL, messages=messages, stream=stream)
    chat = ChatOpenAI(model=MODEL, base_url=f"{url}/v1", api_key=SecretStr("none"), max_retries=0)
    with pytest.raises(refusal):
        list(chat.stream("x")) if stream else chat.invoke("x")


class Animal(BaseModel):
    """What an answer may be asked to be."""

    animal: str


def test_an_answer_of_a_form_of_ones_own(client: OpenAI, url: str, system: FakeSystem) -> None:
    system.pipeline.answer = replace(ANSWER, text='{"animal": "cat"}')
    third: Any = [{"role": "user", "content": "which animal?"}]
    parsed = client.chat.completions.parse(model=MODEL, messages=third, response_format=Animal)
    assert parsed.choices[0].message.parsed == Animal(animal="cat")
    chat = ChatOpenAI(model=MODEL, base_url=f"{url}/v1", api_key=SecretStr("none"), max_retries=0)
    structured = chat.with_structured_output(Animal, method="json_schema")
    assert structured.invoke("which animal?") == Animal(animal="cat")
    for call in system.pipeline.calls:
        assert call.options.schema is not None
        assert "animal" in str(call.options.schema)


def test_langchains_client(url: str, system: FakeSystem) -> None:
    chat = ChatOpenAI(
        model=MODEL, base_url=f"{url}/v1", api_key=SecretStr("none"), max_retries=0, stream_usage=True
    )
    answer = chat.invoke(
        [SystemMessage("be brief"), HumanMessage("first"), AIMessage("well"), HumanMessage("second")]
    )
    assert answer.content == ANSWER.text
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] == 15
    pieces = list(chat.stream("third"))
    assert "".join(str(piece.content) for piece in pieces) == ANSWER.text
    counted = [piece.usage_metadata for piece in pieces if piece.usage_metadata is not None]
    assert sum(usage["total_tokens"] for usage in counted) == 15
    looked = HumanMessage(
        [{"type": "text", "text": "fourth"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    )
    assert chat.invoke([looked]).content == ANSWER.text
    check_what_was_asked(system)
    younger = ChatOpenAI(
        model=MODEL,
        base_url=f"{url}/v1",
        api_key=SecretStr("none"),
        max_retries=0,
        use_responses_api=True,
    )
    assert younger.invoke([HumanMessage("first"), AIMessage("well"), looked]).text == ANSWER.text
    assert "".join(piece.text for piece in younger.stream("third")) == ANSWER.text
    assert system.pipeline.calls[3].history == EARLIER
    encoder = OpenAIEmbeddings(
        model="fake",
        openai_api_base=f"{url}/v1",
        openai_api_key=SecretStr("none"),
        max_retries=0,
        check_embedding_ctx_length=False,
    )
    check_vectors(encoder.embed_documents(["a cat", PICTURE]))
    other = ChatOpenAI(model="gpt-4", base_url=f"{url}/v1", api_key=SecretStr("none"), max_retries=0)
    with pytest.raises(openai.NotFoundError):
        other.invoke("x")
    with pytest.raises(openai.BadRequestError, match="not supported: tools"):
        chat.bind_tools([Animal]).invoke("x")


def examples(kind: str) -> list[str]:
    """The code of this kind in the documentation."""
    page = (HERE.parents[2] / "docs" / "clients.md").read_text("utf-8")
    return re.findall(rf"^```{kind}\n(.+?)^```$", page, re.S | re.M)


def pointed_at(url: str, code: str) -> str:
    return code.replace("http://127.0.0.1:8000", url).replace('"compact"', '"fake"')


def test_what_the_documentation_shows_runs(
    url: str, system: FakeSystem, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = examples("python")
    assert len(shown) == 4
    for code in shown:
        system.pipeline.answer = replace(ANSWER, text='{"animal": "cat"}') if "Scene" in code else ANSWER
        exec(compile(pointed_at(url, code), "docs/clients.md", "exec"), {"__name__": "example"})
    said = capsys.readouterr().out
    assert said.count("A cat [1].") == 4
    assert "A cat [1]. photos/cat.png" in said
    assert "['photos/cat.png']" in said
    assert "total_tokens=15" in said
    assert "animal='cat'" in said


def run(command: Sequence[str], given: str = "", **variables: str) -> str:
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "NO_PROXY": "127.0.0.1", **variables},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_what_was_answered(said: Mapping[str, Any]) -> None:
    """What a client in a process of its own was answered."""
    assert said["answer"] == said["streamed"] == said["seen"] == ANSWER.text
    assert said["cited"] == ["photos/cat.png"]
    assert said["tokens"] == 15
    check_vectors(said["vectors"])
    assert said["errors"] == ["NotFoundError 404 model_not_found", "BadRequestError 400 invalid_input"]


@pytest.mark.skipif(not LLAMAINDEX.exists(), reason="`make clients` installs LlamaIndex")
def test_llamaindexs_clients(url: str, system: FakeSystem) -> None:
    (code,) = examples("python llamaindex")
    script = [sys.executable, str(HERE / "converse_llamaindex.py"), url, PICTURE]
    variables = {"PYTHONPATH": str(LLAMAINDEX.parent), "NLTK_DATA": "/nowhere"}
    said = json.loads(run(script, pointed_at(url, code), **variables))
    check_what_was_answered(said)
    assert "A cat [1]." in said["example"]
    del system.pipeline.calls[3:]  # those of the example
    check_what_was_asked(system)


@pytest.mark.npm
@pytest.mark.skipif(
    not ((NPM / ".installed").exists() and (NPM / "node").exists()),
    reason="`make clients` fetches OpenAI's client for JavaScript, where npm's registry can be reached",
)
def test_openais_client_for_javascript(url: str, system: FakeSystem, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(NPM / "node_modules")  # scripts look for packages beside them
    script, example = tmp_path / "converse.mjs", tmp_path / "example.mjs"
    script.write_text((HERE / "converse.mjs").read_text("utf-8"), "utf-8")
    said = json.loads(run([str(NPM / "node"), str(script), url, PICTURE]))
    check_what_was_answered(said)
    assert said["younger"] == said["heard"] == ANSWER.text
    assert [call.query.text for call in system.pipeline.calls[3:]] == ["fifth", "sixth"]
    del system.pipeline.calls[3:]
    check_what_was_asked(system)
    (code,) = examples("javascript")
    example.write_text(pointed_at(url, code), "utf-8")
    assert "photos/cat.png" in run([str(NPM / "node"), str(example)])


def test_the_documentation_names_the_versions_that_are_tried() -> None:
    rows = [line.split("|") for line in (HERE.parents[2] / "docs/clients.md").read_text("utf-8").splitlines()]
    said = [re.findall(r"\d+\.\d+\.\d+", row[2]) for row in rows if len(row) > 6]
    npm = json.loads((HERE / "package.json").read_text("utf-8"))["dependencies"]["openai"]
    apart = dict(re.findall(r"^(\S+)==(\S+)$", (HERE / "llamaindex.txt").read_text("utf-8"), re.M))
    llamaindex = [apart["llama-index-llms-openai-like"], apart["openai"]]
    assert [found for found in said if found] == [
        [version("openai")],
        [version("langchain-openai")],
        llamaindex,
        [npm],
    ]


def test_curl_is_a_client_too(url: str) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
    headers = {"authorization": "Bearer any", "user-agent": "curl/8"}
    response = httpx.post(f"{url}/v1/chat/completions", json=body, headers=headers, trust_env=False)
    assert response.json()["choices"][0]["message"]["content"] == ANSWER.text
