"""Labels taught by examples, over HTTP, by the commands and in process, on a real store of drawn vectors."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from api.cli.app import app as commands
from api.cli.local import Local
from api.cli.remote import Remote
from api.teaching_schemas import SortIn, TeachIn
from rag.build import Olhar
from rag.settings import Settings
from rag.store import MilvusStore
from rag.types import Fingerprint, Matrix, Pixels
from tests.api.conftest import FakeSystem, png, problem
from tests.rag.vision.conftest import AXES, Drawn, drawn_row, drawn_store, rows

__all__ = ["drawn_store"]
ROUTE = "/v1/collections/drawn"
NAMES = {"0": "cat", "1": "boat", "2": "tree"}


def examples(count: int = 3) -> dict[str, list[str]]:
    """Ids of so many pictures of each thing."""
    found: dict[str, list[str]] = {name: [] for name in NAMES.values()}
    for row in rows():
        name = NAMES.get(row.item.source[0])
        if name and len(found[name]) < count:
            found[name].append(row.item.id)
    return found


@pytest.fixture(autouse=True)
def _drawn(system: FakeSystem, drawn_store: MilvusStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "store", drawn_store)
    monkeypatch.setattr(system, "encoder", Drawn())


def teach(client: httpx.Client, **more: Any) -> httpx.Response:
    return client.post(f"{ROUTE}/classifiers", json={"name": "things", "examples": examples()} | more)


def test_a_taught_classifier_sorts_a_collection(client: httpx.Client, url: str, system: FakeSystem) -> None:
    made = teach(client)
    assert made.status_code == 201
    assert made.json()["examples"] == {"cat": 3, "boat": 3, "tree": 3}
    shares = made.json()["shares"]
    assert shares["tree"] > shares["boat"] > shares["cat"]
    assert client.get(f"{ROUTE}/classifiers").json()["classifiers"][0]["shares"] == shares
    told = client.post(f"{ROUTE}/classify", json={"classifier": "things", "none": False}).json()
    assert {"tree", "boat", "cat"} == set(told["labels"])
    assert all(told["labels"][name] >= count for name, count in (("tree", 40), ("boat", 30), ("cat", 20)))
    assert sum(told["labels"].values()) + told["none"] == told["pictures"] == 91
    assert (told["tagged"], told["calibrated"]) == (0, True)
    wanted = SortIn.model_validate({"classifier": "things"})
    with Remote(url, system.settings) as remote:
        local = Local(cast(Olhar, system))
        assert remote.sort("drawn", wanted) == local.sort("drawn", wanted)
        assert remote.classifiers("drawn") == local.classifiers("drawn")
        again = TeachIn.model_validate({"name": "others", "examples": examples(4), "words": False})
        assert remote.teach("drawn", again).labels == local.teach("drawn", again).labels
        remote.forget_classifier("drawn", "others")
        assert [one.name for one in local.classifiers("drawn").classifiers] == ["things"]
    by_words = client.post(f"{ROUTE}/classify", json={"labels": list(NAMES.values()), "none": False}).json()
    assert sum(by_words["labels"].values()) >= 85


def test_how_common_a_label_is_comes_from_what_is_sorted_and_not_from_the_frames_of_a_film(
    client: httpx.Client, system: FakeSystem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shares = teach(client).json()["shares"]
    film = drawn_row("film", np.eye(AXES)[0], modality="video")
    frames = [
        drawn_row(f"9{n:03}", np.eye(AXES)[0], parent_id=film.item.id, part=f"frame-{n}") for n in range(300)
    ]
    store = MilvusStore.open(str(tmp_path / "x.db"), image=Drawn.fingerprint, text=Drawn.fingerprint)
    store.upsert([*rows(), film, *frames])
    monkeypatch.setattr(system, "store", store)
    assert teach(client).json()["shares"] == pytest.approx(shares)
    told = client.post(f"{ROUTE}/classify", json={"classifier": "things"}).json()
    assert told["pictures"] == 91
    store.close()


def test_pictures_may_be_sent_as_examples(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(_: Drawn, images: Sequence[Pixels]) -> Matrix:
        return np.eye(16, dtype=np.float32)[[int(image[0, 0, 0] > 100) for image in images]]

    monkeypatch.setattr(Drawn, "encode_images", seen)
    monkeypatch.setattr("api.limits.SMALL_BYTES", 100)
    uris = ["data:image/png;base64," + base64.b64encode(png((n, 0, 0))).decode() for n in (1, 2, 200, 201)]
    made = teach(client, examples={"dark": uris[:2], "bright": uris[2:]})
    assert made.json()["examples"] == {"dark": 2, "bright": 2}


def test_another_encoder_is_refused(
    client: httpx.Client, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(client)
    other = Drawn()
    monkeypatch.setattr(other, "fingerprint", Fingerprint("other", "w", "p", 16), raising=False)
    monkeypatch.setattr(system, "encoder", other)
    refused = problem(client.post(f"{ROUTE}/classify", json={"classifier": "things"}), 409)
    assert "teach it again" in refused["detail"]
    assert not client.get(f"{ROUTE}/classifiers").json()["classifiers"][0]["usable"]


def test_what_cannot_be_taught_or_used(client: httpx.Client) -> None:
    few = {name: ids[:1] for name, ids in examples().items()}
    assert "give 2 or more" in problem(teach(client, examples=few), 422)["detail"]
    problem(teach(client, examples={"a": ["0" * 32] * 2, "b": ["1" * 32] * 2}), 404)
    problem(teach(client, examples={"a": ["no picture"] * 2, "b": ["1" * 32] * 2}), 404)
    problem(client.post(f"{ROUTE}/classify", json={}), 422)
    problem(client.post(f"{ROUTE}/classify", json={"labels": ["a"], "classifier": "things"}), 422)
    problem(client.post(f"{ROUTE}/classify", json={"classifier": "nowhere"}), 404)
    problem(client.delete(f"{ROUTE}/classifiers/nowhere"), 404)


def test_the_commands_teach_sort_list_and_delete(
    tmp_path: Path, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def here(_: Settings) -> Iterator[Local]:
        yield Local(cast(Olhar, system))

    monkeypatch.setattr("api.cli.backend.open_backend", here)

    def run(*words: str) -> str:
        done = CliRunner().invoke(commands, list(words))
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    manifest = tmp_path / "examples.jsonl"
    lines = [{"label": label, "item": one} for label, ids in examples().items() for one in ids]
    manifest.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    assert "cat 3" in run("classifiers", "teach", "things", str(manifest), "--collection", "drawn")
    listed = run("classifiers", "list", "--collection", "drawn")
    assert re.search(r"things: cat \d+%, boat \d+%, tree \d+%", listed), listed
    told = json.loads(run("classify", "drawn", "--classifier", "things", "--json"))
    assert told["pictures"] == 91
    run("classifiers", "delete", "things", "--collection", "drawn")
    assert "things" not in run("classifiers", "list", "--collection", "drawn")
    manifest.write_text('{"label": "a", "file": "missing.png"}\n', "utf-8")
    wrong = CliRunner().invoke(commands, ["classifiers", "teach", "x", str(manifest)])
    assert "missing.png" in str(wrong.exception)
    manifest.write_text('{"label": "a"}\n', "utf-8")
    wrong = CliRunner().invoke(commands, ["classifiers", "teach", "x", str(manifest)])
    assert "examples.jsonl:1" in str(wrong.exception)
    wrong = CliRunner().invoke(commands, ["classify", "no/such", "--labels", "a"])
    assert "no file" in str(wrong.exception)
    wrong = CliRunner().invoke(commands, ["classify", "missing.jpg", "--labels", "a"])
    assert "no collection with pictures" in str(wrong.exception)
