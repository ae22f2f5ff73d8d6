"""Two tenants with their keys on one server over Milvus Lite: neither sees or touches what is the other's."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from rag.build import Olhar, build
from rag.records.types import Place
from rag.settings import Settings
from rag.types import Draft, Scope, content_hash, item_id
from tests.api.conftest import FakeGenerator, problem
from tests.api.security.conftest import operations
from tests.clips import tone
from tests.ingest.conftest import FakeEncoder, in_place, picture
from tests.loopback import running

CAPTION = "ana's secret lighthouse"
MARKS = ("secret lighthouse", "ana.png", "ana.txt", "anastag", "ana's key", "ana's thread", "attic")
"""What is in nothing but what Ana has."""
ASK = {"text": "the lighthouse", "limit": 50, "group": "none"}


@dataclass
class Two:
    """A server that Ana and Ben use, each with a key for everything."""

    olhar: Olhar
    app: FastAPI
    ana: httpx.Client
    ben: httpx.Client
    names: Mapping[str, str]
    """Of each kind of path parameter, one of Ana's."""

    def filled(self, path: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: self.names[match[1]], path)


def upload(client: httpx.Client, who: str, seed: int) -> dict[str, Any]:
    files = [("files", (f"{who}.png", picture(seed)))]
    if who == "ana":  # reading a document takes a process of its own
        files.append(("files", (f"{who}.txt", b"A lighthouse. " * 30)))
    told = {f"{who}.png": {"caption": CAPTION if who == "ana" else "a lighthouse", "tags": [f"{who}stag"]}}
    answer = client.post(
        "/v1/collections/photos/items", files=files, data={"descriptions": json.dumps(told)}
    ).json()
    receipts = client.get(f"/v1/jobs/{answer['id']}/files").json()["files"]
    assert {one["status"] for one in receipts} == {"indexed"}
    return {"job_id": answer["id"], "item_id": receipts[0]["item_id"]}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("two")
    settings = Settings(
        data=folder / "data", models=folder, auth="required", collection="photos", ocr="off", relevance=0,
        requests_per_minute=0, batch=4,
    )  # fmt: skip
    with build(settings) as olhar:
        fake = FakeEncoder()
        vars(olhar).update(encoder=fake, text_encoder=fake, generator=Mute())  # the rest of it is real
        secrets = {who: olhar.records.keys.create(who, f"{who}'s key", ["admin"]) for who in ("ana", "ben")}
        app = create_app(olhar, in_place(olhar))
        with running(app) as url:
            ana, ben = (
                httpx.Client(
                    base_url=url, timeout=60, trust_env=False, verify=False, headers={"x-api-key": secret}
                )
                for _, secret in secrets.values()
            )
            with ana, ben:
                names = upload(ana, "ana", 1) | {"name": "photos", "prefix": secrets["ana"][0].prefix}
                link = ana.post("/v1/links", json={"items": [names["item_id"]]}).json()["links"][0]
                names["link"] = link["original"].rpartition("/")[2][:-1]  # cut short, so that it is none
                taught = {"a": [names["item_id"]], "b": [data_uri(7), data_uri(8)]}
                taught["a"].append(data_uri(9))
                made = {"name": "lighthouses", "examples": taught}
                assert ana.post("/v1/collections/photos/classifiers", json=made).status_code == 201
                names["classifier"] = "lighthouses"
                names["review_id"] = olhar.records.reviews.put(
                    Scope("ana", "photos"), "a" * 64, item_id=names["item_id"], source="ana.png",
                    action="flag", policy="default", flagged=["lighthouses"], scores={"lighthouses": 0.9},
                )  # fmt: skip
                names["thread_id"] = ana.post("/v1/threads", json={"title": "ana's thread"}).json()["id"]
                one = {"files": ("attic.png", picture(5))}
                assert ana.post("/v1/collections/attic/items", files=one).status_code == 202
                names["model"] = "olhar/attic"
                upload(ben, "ben", 2)
                yield Two(olhar, app, ana, ben, names)


class Mute(FakeGenerator):
    """Has a language model's place and says nothing: only evidence is looked at here."""

    name = "mute:model"

    def stream(self, *_: object, **__: object) -> Iterator[str | Draft]:
        yield "Nothing."
        yield Draft("Nothing.", ())

    def close(self) -> None: ...


def data_uri(seed: int) -> str:
    return "data:image/png;base64," + base64.b64encode(picture(seed)).decode()


def bodies(two: Two) -> dict[str, dict[str, Any]]:
    """For operations that want more than a path, the request in which Ben names what is Ana's."""
    item, source = two.names["item_id"], "ana.png"
    like, shown = {"like": [item]}, {"image": f"olhar:{item}"}
    chat = [{"role": "user", "content": "the lighthouse"}]
    pair = {"file": ("x.png", picture(3))}
    return {
        "search": {"json": ASK | {"everywhere": True}},
        "ask": {"json": ASK},
        "chat_completions": {"json": {"model": "olhar/photos", "messages": chat}},
        "responses": {"json": {"model": "olhar/photos", "input": "the lighthouse"}},
        "embeddings": {"json": {"model": two.olhar.encoder.fingerprint.name, "input": "x"}},
        "embed_text": {"json": {"text": "x"}},
        "embed_image": {"files": pair},
        "embed_sound": {"files": {"file": ("x.wav", tone())}},
        "similarity": {"files": pair, "data": {"text": "x"}},
        "rerank": {"json": {"query": "x", "documents": ["y"]}},
        "rerank_v2": {"json": {"query": "x", "documents": ["y"]}},
        "ingest": {"files": {"files": ("other.png", picture(4))}},
        "ingest_urls": {"json": {"urls": ["https://127.0.0.1/x.png"]}},
        "edit_item": {"json": {"caption": "ben was here"}},
        "make_links": {"json": {"items": [item]}},
        "delete_source": {"params": {"source": source}},
        "reconcile": {"params": {"repair": "true"}},
        "create_key": {"json": {"name": "x", "scopes": ["read"]}},
        "rotate_key": {"json": {}},
        "classify": {"json": shown | {"labels": ["a", "b"]}},
        "moderate": {"json": shown},
        "coverage": {"json": {"labels": ["a", "b"]}},
        "classify_collection": {"json": {"labels": ["a", "b"], "store": True}},
        "teach_classifier": {"json": {"name": "x", "examples": {"a": [item], "b": [item]}}},
        "moderate_collection": {"json": {"apply": True}},
        "decide_review": {"json": {"decision": "reject"}},
        "audit_fairness": {"json": {"groups": {item: "one", "ben.png": "two"}}},
        "rename_thread": {"json": {"title": "ben was here"}},
        "give_feedback": {"json": {"answer": "0" * 32, "rating": "up"}},
        "ask thread": {"json": ASK | {"thread": two.names["thread_id"]}},
        "search like": {"json": ASK | like},
        "search shown": {"json": ASK | shown},
        "ask like": {"json": ASK | like},
    }


def state(two: Two) -> dict[str, Any]:
    """All that Ana has, as she sees it."""
    paths = ["/v1/collections", "/v1/collections/photos/items", "/v1/collections/photos/items?kind=passage",
             "/v1/collections/photos/sources", "/v1/jobs", "/v1/parked", "/v1/reconcile", "/v1/threads",
             "/v1/feedback", "/v1/moderation",
             "/v1/collections/photos/classifiers"]  # fmt: skip
    seen = {path: two.ana.get(path).json() for path in paths}
    keys = two.ana.get("/v1/keys").json()["keys"]
    seen["keys"] = [{k: v for k, v in key.items() if k != "used_at"} for key in keys]
    for form in ("original", "thumbnail"):
        seen[form] = two.ana.get(f"/v1/items/{two.names['item_id']}/{form}").content
    return seen


def misunderstood(answer: httpx.Response) -> bool:
    """Whether the request was refused for its form, so that it tells nothing of tenants."""
    if answer.status_code not in (400, 422):
        return False
    told = answer.json()
    return "errors" in told or bool(told.get("error", {}).get("param"))


def calls(two: Two) -> Iterator[tuple[str, httpx.Response]]:
    """Every operation, called by Ben with what is Ana's."""
    wanted = bodies(two)
    walked = operations(two.app)
    for name in [*sorted(walked.keys() - {"delete_collection"}), *(wanted.keys() - walked.keys())]:
        method, path = walked[name.partition(" ")[0]]
        # Ben's own collection of the same name is not meant: he deletes a source that only Ana has.
        given = wanted.get(name, {} if method in ("GET", "DELETE") else {"json": {}})
        yield name, two.ben.request(method, two.filled(path), **given)


def test_what_is_one_tenants_is_neither_seen_nor_touched_by_another(two: Two) -> None:
    before = state(two)
    assert CAPTION in json.dumps(before["/v1/collections/photos/items"])
    for name, answer in calls(two):
        assert answer.status_code < 500, (name, answer.text)
        assert not misunderstood(answer), (
            f"{name}: {answer.text}; say in `bodies` how it is asked for what is another's"
        )
        for mark in (*MARKS, two.names["job_id"], two.names["prefix"]):
            assert answer.status_code >= 400 or mark not in answer.text, (name, mark)
        if re.search(
            "{(item|job|prefix|thread|review|classifier)", operations(two.app)[name.partition(" ")[0]][1]
        ):
            problem(answer, 404)
        if name == "model":
            assert answer.status_code == 404
    assert state(two) == before
    assert two.ben.delete("/v1/collections/photos").json()["items"] > 0
    assert state(two) == before


def test_the_owner_finds_it(two: Two) -> None:
    """Else the test above would see nothing because there is nothing."""
    wanted = bodies(two)
    for name in ("search", "search shown", "ask", "chat_completions", "responses"):
        method, path = operations(two.app)[name.partition(" ")[0]]
        assert CAPTION in two.ana.request(method, path, **wanted[name]).text, name
    assert two.ana.get(f"/v1/jobs/{two.names['job_id']}/events").text.count("event: receipt") == 2
    assert two.ana.get("/v1/audit").json()["entries"][-1]["operation"] == "ingest"


def test_whoever_has_a_link_sees_its_picture_without_a_key_and_nothing_else(two: Two) -> None:
    body = {"items": [two.names["item_id"]]}
    (link,) = two.ana.post("/v1/links", json=body).json()["links"]
    with httpx.Client(base_url=two.ana.base_url, trust_env=False, verify=False) as stranger:
        assert stranger.get(link["original"]).content == picture(1)
        assert stranger.get(link["thumbnail"]).headers["content-type"] == "image/webp"
        problem(stranger.get(f"/v1/items/{two.names['item_id']}/original"), 401)
        problem(stranger.post("/v1/links", json=body), 401)
    assert two.ben.get(link["original"]).content == picture(1)
    assert two.ben.post("/v1/links", json=body).json()["links"] == []


def test_a_cursor_of_one_tenant_shows_another_nothing(two: Two) -> None:
    first = two.ana.post("/v1/search", json=ASK | {"limit": 1}).json()
    assert first["next"]
    answer = two.ben.post("/v1/search", json=ASK | {"limit": 1, "cursor": first["next"]})
    assert not any(mark in answer.text for mark in MARKS)


def test_reconciling_with_a_key_is_about_its_tenant_alone(two: Two) -> None:
    scope = Scope("ana", "photos")
    two.olhar.records.places.forget(scope, ["ana.png"])
    try:
        assert two.ben.post("/v1/reconcile?repair=true").json()["counts"] == {}
        found = two.ana.post("/v1/reconcile?repair=false").json()
        assert found["counts"] == {"no-place": 1}
        assert two.ben.get("/v1/reconcile").json()["counts"] == {}
        assert two.ana.get("/v1/reconcile").json()["counts"] == {"no-place": 1}
    finally:
        assert two.ana.post("/v1/reconcile?repair=true").json()["left"] == 0


def test_a_review_of_bytes_that_another_tenant_has_shows_nothing(two: Two) -> None:
    sha256 = content_hash(picture(1))
    scope = Scope("ben", "photos")
    review = two.olhar.records.reviews.put(
        scope, sha256, item_id=item_id(scope, sha256), source="guess.png", action="reject", policy="default",
        flagged=[], scores={},
    )  # fmt: skip
    for form in ("original", "thumbnail"):
        assert two.ana.get(f"/v1/items/{two.names['item_id']}/{form}").status_code == 200
        problem(two.ben.get(f"/v1/moderation/{review}/{form}"), 404)
    two.olhar.records.places.put(scope, [Place("guess.png", item_id(scope, sha256), sha256)])
    try:
        assert two.ben.get(f"/v1/moderation/{review}/original").content == picture(1)
    finally:
        two.olhar.records.places.forget(scope, ["guess.png"])


def test_a_bucket_that_the_server_could_read_is_not_read_for_a_key(two: Two) -> None:
    refused = problem(two.ben.post("/v1/collections/photos/urls", json={"urls": ["s3://bucket/x.png"]}), 422)
    assert "OLHAR_SOURCE_PROTOCOLS" in refused["detail"]


def test_what_was_sent_names_no_file_of_the_server(two: Two, tmp_path: Path) -> None:
    """Not even when the item is to be ingested again, from where its source says that it lies."""
    lure = tmp_path / "notes.txt"
    lure.write_text("the password of the operator")
    told = {"descriptions": json.dumps([{"source": str(lure)}])}
    files = {"files": ("notes.txt", b"harmless " * 50)}
    sent = two.ben.post("/v1/collections/other/items", files=files, data=told).json()
    (receipt,) = two.ben.get(f"/v1/jobs/{sent['id']}/files").json()["files"]
    passages = two.ben.get("/v1/collections/other/items?kind=passage").json()["items"]
    assert passages
    two.olhar.store.delete(Scope("ben", "other"), "passage", [one["item_id"] for one in passages])
    found = two.ben.post("/v1/reconcile?repair=true").json()
    assert found["counts"]["incomplete-document"] == 1
    again = two.ben.get("/v1/collections/other/items?kind=passage").text
    assert "harmless" in again
    assert "password" not in again
    assert receipt["item_id"]
