"""Moderation over HTTP, by the command, and in process: verdicts, the queue, decisions."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httpx
import pytest
from typer.testing import CliRunner

from api.cli.app import app as commands
from api.cli.local import Local
from api.cli.remote import Remote
from api.turns import one_at_a_time
from rag.build import Olhar
from rag.errors import InvalidInput
from rag.settings import Settings
from rag.store import MilvusStore
from rag.types import Scope
from rag.vision.moderation import Moderator, open_policy
from tests.api.conftest import CAT, FakeEncoder, FakeSystem, png, problem
from tests.rag.vision.conftest import Drawn, drawn_store

__all__ = ["drawn_store"]

PICTURE = "data:image/png;base64," + base64.b64encode(png()).decode()
SCOPE = Scope("default", "default")


@pytest.fixture(autouse=True)
def _moderated(system: FakeSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    def moderator_of(policy: str) -> Moderator:
        return Moderator(FakeEncoder(), open_policy(policy))  # type: ignore[arg-type]  # encodes what is asked

    monkeypatch.setattr(system, "moderator_of", moderator_of, raising=False)


def flagged(system: FakeSystem, item_id: str = "f" * 32) -> str:
    return system.records.reviews.put(
        SCOPE,
        "a" * 64,
        item_id=item_id,
        source="gun.png",
        action="quarantine",
        policy="house",
        flagged=["weapons"],
        scores={"weapons": 0.8, "educational": 0.2},
    )


def test_a_picture_and_a_text_have_verdicts(
    client: httpx.Client, url: str, system: FakeSystem, tmp_path: Path
) -> None:
    told = client.post("/v1/moderate", json={"image": PICTURE}).json()
    assert told["is_safe"]
    assert told["confidence"] == pytest.approx(1 - 1 / 8)
    assert set(told) == {"is_safe", "confidence", "flagged_categories", "scores", "action", "policy"}
    assert sum(told["scores"].values()) == pytest.approx(1)
    form = client.post("/v1/moderate", data={"policy": "default"}, files={"image": ("a.png", png())})
    assert form.json() == told
    assert client.post("/v1/moderate", json={"text": "a cat"}).json()["is_safe"]
    file = tmp_path / "a.png"
    file.write_bytes(png())
    with Remote(url, system.settings) as remote:
        local = Local(cast(Olhar, system))
        assert remote.moderate(file, "", "default-pt") == local.moderate(file, "", "default-pt")
        assert remote.moderate(None, "a cat", "") == local.moderate(None, "a cat", "")
        with pytest.raises(InvalidInput, match="OLHAR_MODERATION"):
            remote.moderate(file, "", "house.yaml")


def test_what_cannot_be_moderated(client: httpx.Client) -> None:
    assert "one of them" in problem(client.post("/v1/moderate", json={}), 422)["detail"]
    problem(client.post("/v1/moderate", json={"image": PICTURE, "text": "x"}), 422)
    problem(client.post("/v1/moderate", json={"text": "x", "policy": "/etc/passwd"}), 422)


def test_the_queue_is_decided_and_the_decisions_are_kept(client: httpx.Client, system: FakeSystem) -> None:
    review = flagged(system)
    (one,) = client.get("/v1/moderation", params={"state": "pending"}).json()["reviews"]
    assert (one["id"], one["flagged_categories"], one["decisions"]) == (review, ["weapons"], [])
    decided = client.post(f"/v1/moderation/{review}", json={"decision": "allow", "note": "a toy"}).json()
    assert decided["state"] == "allowed"
    assert [(d["decision"], d["note"]) for d in decided["decisions"]] == [("allow", "a toy")]
    assert client.get("/v1/moderation", params={"state": "pending"}).json() == {"reviews": [], "next": None}
    problem(client.post(f"/v1/moderation/{'0' * 32}", json={"decision": "allow"}), 404)
    problem(client.post(f"/v1/moderation/{review}", json={"decision": "burn"}), 422)


def test_what_waits_for_a_decision_can_be_seen_where_it_was_stored(
    client: httpx.Client, system: FakeSystem
) -> None:
    review = system.records.reviews.put(
        SCOPE, CAT.content_hash, item_id=CAT.id, source="cat.png", action="flag", policy="house", flagged=[],
        scores={},
    )  # fmt: skip
    shown = client.get(f"/v1/moderation/{review}/thumbnail")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")
    assert client.get(f"/v1/moderation/{review}/original").content == png()
    problem(client.get(f"/v1/moderation/{flagged(system)}/original"), 404)
    problem(client.get(f"/v1/moderation/{flagged(system)}/thumbnail"), 404)
    problem(client.get(f"/v1/moderation/{'0' * 32}/thumbnail"), 404)


def test_a_stored_collection_is_judged_over_http_by_the_command_and_in_process(
    client: httpx.Client,
    url: str,
    system: FakeSystem,
    drawn_store: MilvusStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def moderator_of(policy: str) -> Moderator:
        return Moderator(Drawn(), open_policy(policy))

    @contextmanager
    def here(_: Settings) -> Iterator[Local]:
        yield Local(cast(Olhar, system))

    policy = tmp_path / "boats.yaml"
    policy.write_text(
        "unsafe: [{name: boats, prompts: [a boat], action: quarantine, threshold: 0.6}]\n"
        "safe: [{name: others, prompts: [a cat, a tree]}]\n",
        "utf-8",
    )
    monkeypatch.setattr(system, "store", drawn_store)
    monkeypatch.setattr(system, "moderator_of", moderator_of)
    told = client.post("/v1/collections/drawn/moderate", json={}).json()
    assert (told["files"], told["applied"], told["held"]) == (91, False, 0)
    missing = problem(client.post("/v1/collections/drawm/moderate", json={}), 404)
    assert "drawm" in missing["detail"]
    with one_at_a_time("measuring"):
        busy = client.post("/v1/collections/drawn/moderate", json={})
    assert "moderating a collection" in problem(busy, 429)["detail"]
    local = Local(cast(Olhar, system))
    with Remote(url, system.settings) as remote:
        assert remote.moderate_collection("drawn", "", apply=False).model_dump() == told
        with pytest.raises(InvalidInput, match="OLHAR_MODERATION"):
            remote.moderate_collection("drawn", str(policy), apply=False)
    found = local.moderate_collection("drawn", str(policy), apply=False)
    assert found.actions == {"allow": 61, "quarantine": 30}
    assert all(one.source.startswith("1") and one.review is None for one in found.findings)
    monkeypatch.setattr("api.cli.backend.open_backend", here)
    run = CliRunner().invoke(commands, ["moderate", "drawn", "--policy", str(policy)])
    assert run.exit_code == 3
    assert "30 to be taken out of search" in run.output
    assert "no collection with pictures" in str(CliRunner().invoke(commands, ["moderate", "none"]).exception)
    refused = CliRunner().invoke(commands, ["moderate", "--text", "a boat", "--apply"])
    assert "for collections" in str(refused.exception)


def test_what_is_rejected_is_deleted(
    client: httpx.Client, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[tuple[object, ...]] = []
    monkeypatch.setattr("ingest.moderating_stored.remove", lambda _, *given: removed.append(given))
    review = flagged(system, CAT.id)
    assert client.post(f"/v1/moderation/{review}", json={"decision": "reject"}).json()["state"] == "rejected"
    assert removed == [(SCOPE, "item", CAT.id)]


def test_the_commands_moderate_list_and_decide(
    tmp_path: Path, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def here(_: Settings) -> Iterator[Local]:
        yield Local(cast(Olhar, system))

    monkeypatch.setattr("api.cli.backend.open_backend", here)
    file, policy = tmp_path / "a.png", tmp_path / "strict.yaml"
    file.write_bytes(png())
    policy.write_text("extends: default\nunsafe: [{name: all, threshold: 0.1, action: reject}]\n", "utf-8")
    safe = CliRunner().invoke(commands, ["moderate", str(file)])
    assert (safe.exit_code, "safe" in safe.output) == (0, True)
    strict = CliRunner().invoke(commands, ["moderate", str(file), "--policy", str(policy), "--json"])
    assert strict.exit_code == 3
    assert json.loads(strict.stdout)["action"] == "reject"
    review = flagged(system)
    assert review in CliRunner().invoke(commands, ["moderation", "list"]).output
    decided = CliRunner().invoke(commands, ["moderation", "decide", review, "allow"])
    assert "retry" in decided.output
    assert review not in CliRunner().invoke(commands, ["moderation", "list"]).output
