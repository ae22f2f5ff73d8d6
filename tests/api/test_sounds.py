"""Pictures and sounds in one collection of a real server, by an ImageBind with random weights."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from api.app import create_app
from api.cli.local import Local
from api.cli.remote import Remote
from api.query_schemas import SearchIn
from ingest.sounds.decoding import heard
from ingest.worker import Worker
from rag.build import Olhar, build
from rag.errors import InvalidInput
from rag.images import working_picture
from rag.protocols import Hearing
from rag.settings import Settings
from rag.types import Matrix, Scope
from rag.vision.sampling import sample
from tests.api.conftest import problem
from tests.clips import tone
from tests.ingest.conftest import picture, save
from tests.loopback import running
from tests.rag.encoders.tiny_models import tiny_imagebind

PICTURES = {f"{seed}.png": picture(seed) for seed in range(3)}
SOUNDS = {
    "high.wav": tone(pitch=4000),
    "low.flac": tone("flac", pitch=300),
    "memo.m4a": tone("ipod"),
    "talk.m4a": tone("mp4", pitch=900),
}
TYPES = {"high.wav": "audio/wav", "low.flac": "audio/flac", "memo.m4a": "audio/mp4", "talk.m4a": "audio/mp4"}
ALL = {**PICTURES, **SOUNDS}


@dataclass(frozen=True)
class Place:
    olhar: Olhar
    client: httpx.Client
    url: str

    @property
    def stored(self) -> Matrix:
        """The vectors of ALL, in their order."""
        encoder = self.olhar.encoder
        assert isinstance(encoder, Hearing)
        seen = encoder.encode_images(
            [working_picture(data, max_pixels=10**6).pixels for data in PICTURES.values()]
        )
        return np.concatenate((seen, encoder.encode_sounds([heard(d).sound for d in SOUNDS.values()])))

    def nearest(self, vector: Matrix) -> list[str]:
        """The names of ALL by their cosine to a vector."""
        names = list(ALL)
        return [names[place] for place in np.argsort(-(self.stored @ vector))]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("bound")
    name = f"imagebind:{tiny_imagebind(folder / 'model')}"
    settings = Settings.model_validate(
        {"data": folder / "data", "models": models, "encoder": name, "encoder_device": "cpu"}
    )
    with build(settings) as olhar:
        olhar.warm()
        with (
            Worker(olhar) as worker,
            running(create_app(olhar, worker.wake)) as url,
            httpx.Client(base_url=url, timeout=100, trust_env=False) as client,
        ):
            files = [("files", one) for one in ALL.items()]
            sent = client.post("/v1/collections/default/items?wait=true", files=files)
            assert [file["status"] for file in sent.json()["files"]] == ["indexed"] * len(ALL), sent.text
            yield Place(olhar, client, url)


def names(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [hit["source"] for hit in response.json()["hits"]]


def form(data: bytes, **fields: Any) -> dict[str, Any]:
    return {"files": {"sound": ("asked.wav", data)}, "data": {"group": "none", **fields}}


def test_a_text_finds_pictures_and_sounds_by_their_cosines(place: Place) -> None:
    found = place.client.post("/v1/search", json={"text": "a whistle", "group": "none"})
    assert names(found) == place.nearest(place.olhar.encoder.encode_text_queries(["a whistle"])[0])
    kinds = {hit["source"]: hit["modality"] for hit in found.json()["hits"]}
    assert {kinds[name] for name in PICTURES} == {"image"}
    assert {kinds[name] for name in SOUNDS} == {"audio"}


def test_a_sound_finds_itself_and_pictures(place: Place) -> None:
    found = place.client.post("/v1/search", **form(SOUNDS["high.wav"]))
    assert names(found) == place.nearest(place.stored[list(ALL).index("high.wav")])
    assert names(found)[0] == "high.wav"
    assert found.json()["hits"][0]["legs"]["image"] == pytest.approx(1, abs=0.01)
    assert set(names(found)) == set(ALL)
    only = place.client.post("/v1/search", **form(SOUNDS["high.wav"], where="modality:image"))
    assert set(names(only)) == set(PICTURES)


def test_a_sound_in_json_and_a_stored_one_find_the_same(place: Place) -> None:
    wanted = names(place.client.post("/v1/search", **form(SOUNDS["low.flac"])))
    uri = f"data:audio/flac;base64,{base64.b64encode(SOUNDS['low.flac']).decode()}"
    assert names(place.client.post("/v1/search", json={"sound": uri, "group": "none"})) == wanted
    items = place.client.get("/v1/collections/default/items").json()["items"]
    stored = next(item["item_id"] for item in items if item["sources"] == ["low.flac"])
    again = place.client.post("/v1/search", json={"sound": f"olhar:{stored}", "group": "none"})
    assert names(again) == wanted
    near = place.client.post("/v1/search", json={"like": stored, "group": "none"})
    assert names(near) == [name for name in wanted if name != "low.flac"]


def test_sounds_are_played_as_what_they_are(place: Place) -> None:
    items = place.client.get("/v1/collections/default/items").json()["items"]
    ids = {item["sources"][0]: item["item_id"] for item in items}
    for name, kind in TYPES.items():
        served = place.client.get(f"/v1/items/{ids[name]}/original")
        assert served.content == SOUNDS[name]
        assert served.headers["content-type"] == kind
        assert f'filename="{name}"' in served.headers["content-disposition"]


def test_a_program_gets_the_vector_of_a_sound(place: Place) -> None:
    told = place.client.post("/embed/sound", files={"file": ("a.wav", SOUNDS["high.wav"])})
    assert told.status_code == 200, told.text
    stored = place.stored[list(ALL).index("high.wav")]
    assert np.allclose(told.json()["embedding"], [stored], atol=1e-5)


def test_a_picture_finds_sounds(place: Place) -> None:
    files = {"image": ("a.png", PICTURES["1.png"])}
    found = place.client.post("/v1/search", files=files, data={"where": "modality:audio"})
    expected = [name for name in place.nearest(place.stored[1]) if name in SOUNDS]
    assert names(found) == expected


def test_pages_go_on_with_the_same_sound_only(place: Place) -> None:
    first = place.client.post("/v1/search", **form(SOUNDS["high.wav"], limit="2")).json()
    on = {"limit": "2", "cursor": first["next"]}
    rest = place.client.post("/v1/search", **form(SOUNDS["high.wav"], **on))
    assert not {hit["source"] for hit in first["hits"]} & set(names(rest))
    problem(place.client.post("/v1/search", **form(SOUNDS["low.flac"], **on)), 422)


def test_the_command_line_asks_with_a_sound_in_process_and_of_a_server(place: Place, tmp_path: Path) -> None:
    path = save(tmp_path / "asked.wav", SOUNDS["high.wav"])
    wanted = names(place.client.post("/v1/search", **form(SOUNDS["high.wav"])))
    here = Local(place.olhar).search(SearchIn(group="none"), [], path)
    assert [hit.source for hit in here.hits] == wanted
    with Remote(place.url, place.olhar.settings) as remote:
        there = remote.search(SearchIn(group="none"), [], path)
        assert [hit.source for hit in there.hits] == wanted
        with pytest.raises(InvalidInput, match="cannot be read"):
            remote.search(SearchIn(), [], tmp_path / "missing.wav")


def test_what_is_no_sound_is_refused(place: Place) -> None:
    told = problem(place.client.post("/v1/search", **form(b"no sound")), 422)
    assert "not a sound in a known format" in told["detail"]
    told = problem(place.client.post("/v1/search", json={"sound": "a.wav"}), 422)
    assert "a sound has to be a data URI in base64 (data:audio/wav;base64,…)" in told["detail"]
    two = [("sound", ("a.wav", tone())), ("sound", ("b.wav", tone()))]
    told = problem(place.client.post("/v1/search", files=two), 422)
    assert "2 sounds; one is allowed" in told["detail"]


def test_what_measures_pictures_looks_at_pictures_alone(place: Place) -> None:
    found = sample(place.olhar.store, Scope("default", "default"), 10)
    assert {item.source for item in found.items} == set(PICTURES)
    assert found.total == len(PICTURES)
