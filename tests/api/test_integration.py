"""The whole system behind the API: compact encoder, Milvus Lite, language model; real photos."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from api.app import create_app
from ingest.worker import Worker
from rag.build import build
from rag.settings import Settings
from tests.api.conftest import problem
from tests.loopback import running

CAPTIONS = {
    "chelsea.png": "a tabby cat looking into the camera",
    "coffee.png": "a cup of espresso with a spoon on a saucer",
    "rocket.jpg": "a rocket standing on its launch pad at night",
}
ITEMS = "/v1/collections/photos/items?wait=true"


def photo(name: str) -> bytes:
    """A photo that comes with scikit-image."""
    spec = find_spec("skimage")
    assert spec
    assert spec.origin
    return (Path(spec.origin).parent / "data" / name).read_bytes()


def upload(client: httpx.Client) -> list[dict[str, Any]]:
    files = [("files", (name, photo(name))) for name in CAPTIONS]
    told = {"descriptions": json.dumps({name: {"caption": text} for name, text in CAPTIONS.items()})}
    response = client.post(ITEMS, files=files, data=told)
    assert response.status_code == 200, response.text
    receipts: list[dict[str, Any]] = response.json()["files"]
    return receipts


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[httpx.Client]:
    """A client of a server that holds three captioned photos."""
    settings = Settings(data=tmp_path_factory.mktemp("real"), models=models, collection="photos")
    with build(settings) as olhar:
        olhar.warm()
        with (
            Worker(olhar) as worker,
            running(create_app(olhar, worker.wake)) as url,
            httpx.Client(base_url=url, timeout=100, trust_env=False) as client,
        ):
            assert [f["status"] for f in upload(client)] == ["indexed"] * 3
            yield client


def test_the_same_upload_again_changes_nothing(real: httpx.Client) -> None:
    assert [f["status"] for f in upload(real)] == ["unchanged"] * 3
    (collection,) = real.get("/v1/collections").json()["collections"]
    assert collection == {"name": "photos", "images": 3, "passages": 0, "ocr": {}, "captions": {}}


def test_a_text_finds_its_photo(real: httpx.Client) -> None:
    hits = real.post("/v1/search", json={"text": "a cat"}).json()["hits"]
    assert hits[0]["source"] == "chelsea.png"
    assert hits[0]["legs"]["caption"] > hits[1]["legs"]["caption"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3]


def test_a_picture_finds_itself_and_its_original_comes_back(real: httpx.Client) -> None:
    data = photo("rocket.jpg")
    hits = real.post("/v1/search", files={"image": ("q.jpg", data)}, data={"limit": "2"}).json()["hits"]
    assert len(hits) == 2
    assert hits[0]["source"] == "rocket.jpg"
    assert hits[0]["legs"]["image"] == pytest.approx(1, abs=0.01)
    original = real.get(f"/v1/items/{hits[0]['item_id']}/original")
    assert original.content == data
    assert original.headers["content-type"] == "image/jpeg"


def test_of_two_who_edit_at_once_the_second_is_told(real: httpx.Client) -> None:
    hits = real.post("/v1/search", json={"text": "a cup of espresso"}).json()["hits"]
    path = f"/v1/items/{hits[0]['item_id']}"
    read = real.get(path)
    tag = read.headers["etag"]
    assert real.get(path, headers={"if-none-match": tag}).status_code == 304
    problem(real.patch(path, json={"tags": ["x"]}, headers={"if-match": '"other"'}), 412)
    problem(real.patch(path, json={"tags": ["x"]}, headers={"if-match": f"W/{tag}"}), 412)
    first = real.patch(path, json={"tags": ["cup"]}, headers={"if-match": tag})
    assert (first.status_code, first.json()["tags"]) == (200, ["cup"])
    late = real.patch(path, json={"tags": ["glass"]}, headers={"if-match": tag})
    assert problem(late, 412)["type"] == "urn:olhar:problem:changed"
    now = real.get(path)
    assert (now.headers["etag"], now.json()["tags"]) == (first.headers["etag"], ["cup"])
    again = real.patch(path, json={"tags": None}, headers={"if-match": f'"other", {now.headers["etag"]}'})
    assert (again.status_code, again.json()["tags"]) == (200, [])
    assert real.patch(path, json={}).status_code == 200


def test_texts_of_ones_own_are_put_in_order(real: httpx.Client) -> None:
    body = {"query": "Where is the cat?", "documents": [*CAPTIONS.values()][::-1], "top_n": 2}
    found = real.post("/v1/rerank", json=body).json()
    assert found["results"][0]["index"] == 2
    assert 1 > found["results"][0]["relevance_score"] > found["results"][1]["relevance_score"] > 0
    assert len(found["meta"]["warnings"]) == 1


def test_a_photo_has_neighbours_and_parts_of_it_can_be_had(real: httpx.Client) -> None:
    photos = real.get("/v1/collections/photos/items").json()["items"]
    cat = next(item["item_id"] for item in photos if item["sources"] == ["chelsea.png"])
    for by in ("both", "image", "text"):
        hits = real.get(f"/v1/items/{cat}/neighbours", params={"by": by}).json()["hits"]
        assert {hit["source"] for hit in hits} == {"coffee.png", "rocket.jpg"}
    data = photo("chelsea.png")
    part = real.get(f"/v1/items/{cat}/original", headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])


def test_a_question_is_answered_from_the_photo_cited(real: httpx.Client) -> None:
    body = real.post("/v1/ask", json={"text": "Where is the rocket standing?"}).json()
    assert not body["abstained"]
    assert body["evidence"][0]["source"] == "rocket.jpg"
    assert {c["item_id"] for c in body["citations"]} <= {e["item_id"] for e in body["evidence"]}
    question = [{"role": "user", "content": "Where is the rocket standing?"}]
    chat = real.post("/v1/chat/completions", json={"model": "olhar/photos", "messages": question}).json()
    assert chat["olhar"]["evidence"][0]["source"] == "rocket.jpg"
    assert chat["choices"][0]["message"]["content"] == chat["olhar"]["answer"]


def test_a_chat_streams_what_it_answers(real: httpx.Client) -> None:
    question = [{"role": "user", "content": "Where is the rocket standing?"}]
    body: dict[str, Any] = {"model": "olhar/photos", "messages": question, "stream": True}
    lines = real.post("/v1/chat/completions", json=body).text.split("\n\n")
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines if "{" in line]
    said = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert said == chunks[-1]["olhar"]["answer"]
    assert chunks[-1]["olhar"]["citations"]


def test_an_unknown_collection_is_no_model(real: httpx.Client) -> None:
    body = {"model": "olhar/nowhere", "messages": [{"role": "user", "content": "a cat"}]}
    response = real.post("/v1/chat/completions", json=body)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


def test_embeddings_are_of_one_space(real: httpx.Client) -> None:
    cat = {"file": ("c.png", photo("chelsea.png"))}
    text = np.array(real.post("/embed/text", json={"text": "a tabby cat"}).json()["embedding"])
    image = np.array(real.post("/embed/image", files=cat).json()["embedding"])
    assert np.linalg.norm(text) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(image) == pytest.approx(1, abs=1e-5)
    body = real.post("/similarity", files=cat, data={"text": "a tabby cat"}).json()
    assert body["cosine"] == pytest.approx(float(text[0] @ image[0]), abs=1e-5)
    other = real.post("/similarity", files=cat, data={"text": "a rocket"}).json()
    assert body["similarity"] > other["similarity"]


def test_a_bad_file_hurts_no_other(real: httpx.Client) -> None:
    files = [
        ("files", ("broken.png", photo("coffee.png")[:2000])),
        ("files", ("page.png", photo("page.png"))),
    ]
    body = real.post("/v1/collections/other/items?wait=true", files=files).json()
    assert [f["status"] for f in body["files"]] == ["quarantined", "indexed"]
    assert body["files"][0]["reason"]
    hits = real.post("/v1/search", json={"text": "a page of text", "collection": "other"}).json()["hits"]
    assert [hit["source"] for hit in hits] == ["page.png"]


def test_a_filter_is_obeyed_and_a_wrong_one_refused(real: httpx.Client) -> None:
    def wanted(field: str, value: str) -> dict[str, Any]:
        return {
            "text": "a cat",
            "collection": "photos",
            "filter": {"field": field, "op": "eq", "value": value},
        }

    caption = CAPTIONS["coffee.png"]
    hits = real.post("/v1/search", json=wanted("caption", caption)).json()["hits"]
    assert [hit["source"] for hit in hits] == ["coffee.png"]
    problem(real.post("/v1/search", json=wanted("no_such_field", "x")), 422)
    problem(real.post("/v1/search", json=wanted('caption == "" or 1 == 1 //', "x")), 422)


def test_searches_and_uploads_at_once(real: httpx.Client) -> None:
    def search(_: int) -> int:
        return real.post("/v1/search", json={"text": "a cup", "collection": "photos"}).status_code

    with ThreadPoolExecutor(4) as pool:
        uploading = pool.submit(
            real.post,
            "/v1/collections/third/items?wait=true",
            files=[("files", ("c.png", photo("camera.png")))],
        )
        assert set(pool.map(search, range(8))) == {200}
        assert uploading.result().json()["counts"]["indexed"] == 1


def test_everything_is_healthy(real: httpx.Client) -> None:
    body = real.get("/health").json()
    assert body["status"] == "ok", body
    assert body["parts"]["encoder"]["detail"]["name"]
    assert body["parts"]["text_encoder"]["detail"]["name"] == "compact"
