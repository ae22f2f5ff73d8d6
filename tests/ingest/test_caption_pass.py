"""The pass that has pictures described: who is described, by whom, and what happens when the model fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ingest.caption_pass import CaptionPass, describe_anew
from ingest.editing import Change, edit_item
from ingest.origins import caption_origin, tags_origin
from ingest.passes import finish_waiting
from ingest.queue import Queue
from ingest.removal import remove
from ingest.run import ingest
from ingest.sources import walk
from ingest.worker import Worker
from rag.captioner import open_captioner
from rag.errors import InvalidInput, ModelUnavailable
from rag.types import Item, content_hash, item_id
from tests.ollama_server import OllamaServer, Script

from .conftest import SCOPE, FakeParts, picture, save, text_vector
from .documents.conftest import docx, drawing, paragraph, png
from .test_worker import until

ID = item_id(SCOPE, content_hash(picture(1)))
MODEL = "model:tiny"
Make = Callable[..., FakeParts]


@pytest.fixture(scope="module")
def _running() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture
def server(_running: OllamaServer) -> OllamaServer:
    """One that sees, as if fresh."""
    _running.backend = Script("A ferry.")
    _running.capabilities = ("completion", "vision")
    _running.models = ("tiny:latest",)
    _running.load_seconds = 0.0
    _running.loaded.clear()
    _running.requests.clear()
    return _running


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[FakeParts] = []

    def parts(url: str = "", captioner: str = "ollama:tiny", **settings: object) -> FakeParts:
        made.append(FakeParts(tmp_path / f"parts-{len(made)}", captioner=captioner, **settings))
        if url:
            made[-1].captioner = open_captioner(
                captioner, url=url, language="en", load_seconds=20, seconds=20
            )
        return made[-1]

    yield parts
    for one in made:
        one.records.close()


def asked(server: OllamaServer) -> int:
    return sum(path == "/api/chat" for path, _ in server.requests)


def counts(parts: FakeParts) -> dict[str, int]:
    return parts.records.captionings.counts(SCOPE.tenant).get(SCOPE.collection or "", {})


def item(parts: FakeParts, item_id: str = ID) -> Item:
    return parts.store.saved[item_id].item


def due(parts: FakeParts) -> None:
    """As if the pause between two tries were over."""
    with parts.records.database.writing() as connection:
        connection.exec_driver_sql("UPDATE passes SET due_at = 0")


def test_a_picture_without_a_caption_gets_one_that_says_who_wrote_it(
    make: Make, photos: Path, server: OllamaServer
) -> None:
    save(photos / "a.png", picture(1))
    save(photos / "b.png", picture(2))
    save(photos / "b.txt", "a dog")
    parts = make(server.url)
    ingest(parts, SCOPE, walk([photos]))
    assert (item(parts).caption, caption_origin(item(parts))) == ("A ferry.", MODEL)
    vector = parts.store.saved[ID].caption_vector
    assert vector is not None
    assert np.array_equal(vector, text_vector("A ferry."))
    assert parts.store.items["b.png"].caption == "a dog"
    assert (asked(server), counts(parts)) == (1, {"done": 1})


def test_ingested_again_it_stays_and_is_not_asked_for_again(
    make: Make, photos: Path, server: OllamaServer
) -> None:
    save(photos / "a.png", picture(1))
    parts = make(server.url)
    ingest(parts, SCOPE, walk([photos]))
    parts.captioner = None  # nobody is there to write it once more
    assert ingest(parts, SCOPE, walk([photos])).files[0].status == "unchanged"
    save(photos / "a.json", '{"tags": ["boat"]}')
    ingest(parts, SCOPE, walk([photos]))
    assert (item(parts).caption, item(parts).tags) == ("A ferry.", ("boat",))
    assert asked(server) == 1


def test_it_yields_to_every_other_caption(make: Make, photos: Path, server: OllamaServer) -> None:
    save(photos / "a.png", picture(1))
    parts = make(server.url)
    ingest(parts, SCOPE, walk([photos]))
    save(photos / "a.txt", "the ferry to Cacilhas")
    ingest(parts, SCOPE, walk([photos]))
    assert (item(parts).caption, caption_origin(item(parts))) == ("the ferry to Cacilhas", "sidecar")
    (photos / "a.txt").unlink()
    ingest(parts, SCOPE, walk([photos]))
    assert (item(parts).caption, asked(server)) == ("A ferry.", 1)


def test_a_person_comes_first_and_taken_back_the_model_is_not_asked_again(
    make: Make, photos: Path, server: OllamaServer
) -> None:
    save(photos / "a.png", picture(1))
    parts = make(server.url)
    ingest(parts, SCOPE, walk([photos]))
    edit_item(parts, SCOPE, ID, Change(caption="Cacilheiro"))
    describe_anew(parts, SCOPE, again=True)
    finish_waiting(parts)
    assert item(parts).caption == "Cacilheiro"
    edit_item(parts, SCOPE, ID, Change(caption=""))
    finish_waiting(parts)
    assert item(parts).caption == ""
    edit_item(parts, SCOPE, ID, Change(caption=None))
    finish_waiting(parts)
    assert (item(parts).caption, caption_origin(item(parts)), asked(server)) == ("A ferry.", MODEL, 1)


def test_a_caption_that_comes_while_the_model_looks_is_kept(
    make: Make, photos: Path, server: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = CaptionPass.find

    def edited(self: CaptionPass, row: object) -> object:
        found = find(self, row)  # type: ignore[arg-type]  # passed on as it came
        edit_item(parts, SCOPE, ID, Change(caption="Cacilheiro"))
        return found

    monkeypatch.setattr(CaptionPass, "find", edited)
    save(photos / "a.png", picture(1))
    parts = make(server.url)
    ingest(parts, SCOPE, walk([photos]))
    assert item(parts).caption == "Cacilheiro"


def test_figures_are_described_and_figures_with_a_caption_are_not(
    make: Make, photos: Path, server: OllamaServer
) -> None:
    save(photos / "bare.docx", docx(paragraph("Words") + drawing("rId1"), {"a.png": png(1)}))
    save(photos / "told.docx", docx(paragraph("More") + drawing("rId1", "a map"), {"a.png": png(2)}))
    parts = make(server.url)
    ingest(parts, SCOPE, walk([photos]))
    figures = [row.item for row in parts.store.saved.values() if "figure" in row.item.part]
    assert {(f.caption, caption_origin(f)) for f in figures} == {("A ferry.", MODEL), ("a map", "alt-text")}
    assert asked(server) == 1


@pytest.mark.parametrize("trouble", ["blind", "missing"])
def test_a_model_that_can_never_do_it_is_refused_before_anything_is_done(
    make: Make, photos: Path, server: OllamaServer, trouble: str
) -> None:
    if trouble == "blind":
        server.capabilities = ("completion",)
    else:
        server.models = ("another:latest",)
    save(photos / "a.png", picture(1))
    parts = make(server.url)
    with pytest.raises(ModelUnavailable, match="OLHAR_CAPTIONER=ollama:tiny"):
        ingest(parts, SCOPE, walk([photos]))
    assert parts.store.saved == {}


def test_while_the_server_is_away_pictures_wait_and_no_try_is_counted(
    make: Make, photos: Path, server: OllamaServer
) -> None:
    save(photos / "a.png", picture(1))
    parts = make("http://127.0.0.1:9")
    for _ in range(5):
        assert ingest(parts, SCOPE, walk([photos])).counts["failed"] == 0
        due(parts)
    assert counts(parts) == {"pending": 1}
    parts.captioner = open_captioner("ollama:tiny", url=server.url, language="en", load_seconds=9, seconds=9)
    finish_waiting(parts)
    assert (item(parts).caption, counts(parts)) == ("A ferry.", {"done": 1})


def test_a_picture_over_which_the_model_fails_is_given_up_after_three_tries(
    make: Make, photos: Path, server: OllamaServer
) -> None:
    save(photos / "a.png", picture(1))
    parts = make(server.url)
    server.backend = Script(ending="cut", after=1)
    ingest(parts, SCOPE, walk([photos]))
    for _ in range(3):
        due(parts)
        finish_waiting(parts)
    assert (counts(parts), asked(server)) == ({"skipped": 1}, 3)
    server.backend = Script("A ferry.")
    describe_anew(parts, SCOPE)
    finish_waiting(parts)
    assert (item(parts).caption, counts(parts)) == ("A ferry.", {"done": 1})


def test_what_the_model_declines_is_no_caption(make: Make, photos: Path, server: OllamaServer) -> None:
    server.backend = Script("I'm sorry, I can't describe this.")
    save(photos / "a.png", picture(1))
    parts = make(server.url)
    ingest(parts, SCOPE, walk([photos]))
    assert (item(parts).caption, counts(parts)) == ("", {"skipped": 1})


def test_what_a_model_wrote_is_forgotten_with_the_picture(
    make: Make, photos: Path, server: OllamaServer
) -> None:
    save(photos / "a.png", picture(1))
    parts = make(server.url)
    ingest(parts, SCOPE, walk([photos]))
    remove(parts, SCOPE, "collection")
    with parts.records.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM model_captions").scalar_one() == 0


def test_nobody_describes_when_nobody_is_set(make: Make, photos: Path) -> None:
    save(photos / "a.png", picture(1))
    parts = make(captioner="none")
    ingest(parts, SCOPE, walk([photos]))
    assert counts(parts) == {}
    with pytest.raises(InvalidInput, match="OLHAR_CAPTIONER"):
        describe_anew(parts, SCOPE)


def test_the_encoder_gives_photos_without_tags_some(make: Make, photos: Path) -> None:
    save(photos / "a.png", picture(1))
    save(photos / "b.png", picture(2))
    save(photos / "b.json", '{"tags": ["mine"]}')
    parts = make(captioner="tags")
    ingest(parts, SCOPE, walk([photos]))
    assert len(item(parts).tags) == 3
    assert tags_origin(item(parts)) == "model:fake"
    assert parts.store.items["b.png"].tags == ("mine",)
    save(photos / "a.json", '{"tags": ["boat"]}')
    ingest(parts, SCOPE, walk([photos]))
    assert (item(parts).tags, tags_origin(item(parts))) == (("boat",), "sidecar")


def test_a_worker_has_them_described(make: Make, photos: Path, server: OllamaServer) -> None:
    save(photos / "a.png", picture(1))
    parts = make(server.url)
    with Worker(parts) as worker:
        Queue(parts, worker.wake).ingest(SCOPE, walk([photos]))
        until(lambda: counts(parts) == {"done": 1})
    assert item(parts).caption == "A ferry."
