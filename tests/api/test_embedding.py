from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import png, problem


def test_a_text_has_a_vector(client: httpx.Client) -> None:
    assert client.post("/embed/text", json={"text": "a cat"}).json() == {"embedding": [[1.0, 0.0]]}


def test_a_picture_has_a_vector(client: httpx.Client) -> None:
    body = client.post("/embed/image", files={"file": ("a.png", png())}).json()
    assert body["embedding"][0] == pytest.approx([0.5, 0.8660254])


def test_similarity_is_the_logit_and_the_cosine(client: httpx.Client) -> None:
    body = client.post("/similarity", data={"text": "a cat"}, files={"file": ("a.png", png())}).json()
    assert body == pytest.approx({"similarity": 50.0, "cosine": 0.5})


def test_what_cannot_be_embedded(client: httpx.Client) -> None:
    picture = {"file": ("a.png", png())}
    problem(client.post("/embed/text", json={"text": ""}), 422)
    problem(client.post("/embed/image", data={"file": "text"}, files={"other": ("a", b"x")}), 422)
    problem(client.post("/embed/image", files=picture, data={"text": "x"}), 422)
    problem(client.post("/embed/image", files={"file": ("a.png", b"no picture")}), 400)
    told = problem(client.post("/embed/sound", files={"file": ("a.wav", b"")}), 422)["detail"]
    assert "the encoder cannot hear: choose one that does" in told
    problem(client.post("/similarity", files=picture), 422)
    problem(client.post("/similarity", data={"text": "x\0"}, files=picture), 422)
    problem(client.post("/similarity", data={"text": "x"}), 415)
