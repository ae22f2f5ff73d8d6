"""OpenAI's own client gets vectors, and clear refusals."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest
from openai import OpenAI

from tests.api.conftest import FakeSystem, png

URI = "data:image/png;base64," + base64.b64encode(png()).decode()


@pytest.fixture
def openai_client(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAI]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_texts_and_pictures_in_their_order(openai_client: OpenAI) -> None:
    # The client asks for base64 unless told otherwise.
    found = openai_client.embeddings.create(model="fake", input=["a cat", URI, "a dog"])
    vectors = [row.embedding for row in found.data]
    assert [row.index for row in found.data] == [0, 1, 2]
    assert vectors[0] == pytest.approx([1, 0])
    assert vectors[1] == pytest.approx([0.5, 0.75**0.5])
    assert vectors[2] == pytest.approx([1, 0])
    assert found.model == "fake"


def test_both_forms_hold_the_same_numbers(openai_client: OpenAI) -> None:
    plain: Any = openai_client.embeddings.create(model="fake", input=URI, encoding_format="float")
    packed: Any = openai_client.embeddings.create(model="fake", input=URI)
    assert np.array_equal(
        np.float32(plain.data[0].embedding), np.asarray(packed.data[0].embedding, np.float32)
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": [1, 2]}, "input"),
        ({"input": ["x"] * 2049}, "input"),
        ({"input": ["x", "data:image/png;base64,eA=="]}, "input.1"),
        ({"input": "x", "dimensions": 7}, "dimensions"),
        ({"input": "x", "extra_body": {"nonsense": 1}}, "nonsense"),
    ],
)
def test_what_cannot_be_embedded_is_refused(openai_client: OpenAI, given: dict[str, Any], named: str) -> None:
    with pytest.raises(openai.BadRequestError, match=named):
        openai_client.embeddings.create(model="fake", **given)


def test_another_model_is_not_found(openai_client: OpenAI, system: FakeSystem) -> None:
    del system
    with pytest.raises(openai.NotFoundError):
        openai_client.embeddings.create(model="text-embedding-3-small", input="x")


def test_few_pictures_are_decoded_at_a_time(openai_client: OpenAI, system: FakeSystem) -> None:
    found = openai_client.embeddings.create(model="fake", input=[URI] * 70)
    assert len(found.data) == 70
    assert max(system.encoder.batches) <= 32
