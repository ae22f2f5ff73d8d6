"""Reindexing on the real store, from an encoder of 8 dimensions to one of 12."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Never

import numpy as np
import pytest

from ingest.reindex import KINDS, ReindexReport, reindex
from ingest.run import ingest
from ingest.sources import walk
from rag.blobs import Blobs
from rag.errors import FingerprintMismatch, ModelUnavailable, Unavailable
from rag.images import decode
from rag.records.records import Records
from rag.settings import Settings
from rag.store import MilvusStore, Rebuild
from rag.types import Fingerprint, Matrix, Pixels, Scope, Vector, content_hash
from rag.vision.zero_shot import ZeroShot
from tests.clips import clip
from tests.reads_all import ReadsAll

from .conftest import SCOPE, add, picture, save
from .documents.conftest import docx, drawing, paragraph, png

OTHER = Scope("another tenant", "photos")


@dataclass
class Toy(ReadsAll):
    """Both encoders: vectors that depend on the content and on the size. ``before`` may look on and raise."""

    dimension: int
    fingerprint: Fingerprint = field(init=False)
    logit_scale: float = 1.0
    languages: tuple[str, ...] = ()
    device: str = "cpu"
    pictures: int = 0
    texts: list[str] = field(default_factory=list)
    before: Callable[[Sequence[Any]], None] = lambda _: None

    def __post_init__(self) -> None:
        self.fingerprint = Fingerprint("toy", f"w{self.dimension}", "none", self.dimension)

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        self.before(images)
        self.pictures += len(images)
        return np.stack([self.vector(int(image.astype(np.int64).sum())) for image in images])

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        self.before(texts)
        self.texts += texts
        return np.stack([self.vector(sum(text.encode())) for text in texts])

    encode_image_queries = encode_images
    encode_queries = encode_text_queries = encode_documents

    def vector(self, seed: int) -> Vector:
        vector = np.random.default_rng(seed).normal(size=self.dimension).astype(np.float32)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


class Unknown:
    """Old encoders that nobody asks for: too few items have captions to compare recall."""

    @property
    def encoder(self) -> Toy:
        raise NotImplementedError

    @property
    def text_encoder(self) -> Toy:
        raise NotImplementedError


class Parts:
    """What ingestion and reindexing need, with a toy encoder."""

    def __init__(self, folder: Path, dimension: int, text_dimension: int | None = None) -> None:
        self.folder = folder
        self.settings = Settings.model_validate({"data": folder / "data", "batch": 8, "encoder_batch": 4})
        self.blobs = Blobs(str(folder / "originals"))
        self.staged = Blobs(str(folder / "staged"))
        self.records = Records(self.settings.records_url)
        self.encoder = Toy(dimension)
        self.text_encoder = Toy(text_dimension or dimension)
        self.captioner = None
        self.moderator: None = None
        self.zero_shot = ZeroShot(self.encoder, ())
        self._store: MilvusStore | None = None

    @property
    def store(self) -> MilvusStore:
        if self._store is None:
            self._store = MilvusStore.open(
                str(self.folder / "m.db"),
                image=self.encoder.fingerprint,
                text=self.text_encoder.fingerprint,
            )
        return self._store

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def reindex(self, **options: Any) -> ReindexReport:
        rebuild = Rebuild.open(
            str(self.folder / "m.db"), image=self.encoder.fingerprint, text=self.text_encoder.fingerprint
        )
        try:
            return reindex(self, rebuild, Unknown(), budget=0.05, **options)
        finally:
            rebuild.close()


@contextmanager
def opened(folder: Path, dimension: int, text_dimension: int | None = None) -> Iterator[Parts]:
    parts = Parts(folder, dimension, text_dimension)
    try:
        yield parts
    finally:
        parts.close()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty pictures, five with a caption; ingested for two tenants with the old encoder."""
    folder = tmp_path / "photos"
    add(folder, 20)
    for n in range(5):
        save(folder / f"{n:03}.json", f'{{"captions": ["caption {n}", "another {n}"], "n": {n}}}')
    with opened(tmp_path, 8) as old:
        for scope in (SCOPE, OTHER):
            assert ingest(old, scope, walk([folder]), all_captions=True).counts["indexed"] == 20
    return folder


def same(one: Vector | None, other: Vector | None) -> None:
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        np.testing.assert_allclose(one, other, atol=1e-6)


def check_moved(folder: Path, photos: Path) -> None:
    """The new encoder's collections hold what ingesting afresh with it would make."""
    fresh = folder / "fresh"
    with opened(folder, 12) as new, opened(fresh, 12) as expected:
        ingest(expected, SCOPE, walk([photos]), all_captions=True, clock=lambda: 0)
        ids = [item.id for item in expected.store.scan(SCOPE, "image")]
        assert len(ids) == 20
        assert new.store.count(OTHER, "image") == new.store.count(SCOPE, "image") == 20
        rows = zip(new.store.rows(SCOPE, "image", ids), expected.store.rows(SCOPE, "image", ids), strict=True)
        for one, other in rows:
            assert (one.item.caption, one.item.text) == (other.item.caption, other.item.text)
            assert one.image_vector is not None
            same(one.image_vector, other.image_vector)
            same(one.caption_vector, other.caption_vector)
        assert ingest(new, SCOPE, walk([photos]), all_captions=True).counts["unchanged"] == 20


def test_the_new_encoder_is_refused_before_and_at_home_after(tmp_path: Path, photos: Path) -> None:
    with opened(tmp_path, 12) as new:
        with pytest.raises(FingerprintMismatch, match="`olhar reindex`"):
            _ = new.store
        seen: list[int] = []
        report = new.reindex(on_items=seen.append)
        assert (report.state, report.images, report.passages, report.kept) == ("moved", 40, 0, 0)
        assert (report.problems, report.recall) == ([], [])
        assert "10 items have a caption, and at least 50 are needed" in report.not_compared
        assert sum(seen) == 40
        assert new.encoder.pictures == 40
        assert sorted(new.text_encoder.texts) == sorted(2 * [f"caption {n}\nanother {n}" for n in range(5)])
        assert new.reindex() == ReindexReport("current")
    check_moved(tmp_path, photos)
    with opened(tmp_path, 8) as old, pytest.raises(FingerprintMismatch):
        _ = old.store


def test_vectors_of_an_encoder_that_stays_are_kept(tmp_path: Path, photos: Path) -> None:
    assert photos.is_dir()
    with opened(tmp_path, 8) as old:
        ids = [item.id for item in old.store.scan(SCOPE, "image")]
        before = old.store.rows(SCOPE, "image", ids)
    with opened(tmp_path, 8, 12) as new:
        assert new.reindex().state == "moved"
        assert (new.encoder.pictures, len(new.text_encoder.texts)) == (0, 10)
        after = new.store.rows(SCOPE, "image", ids)
    assert [row.item for row in after] == [row.item for row in before]
    for one, other in zip(before, after, strict=True):
        assert one.image_vector is not None
        same(one.image_vector, other.image_vector)


def test_items_without_a_usable_original_are_reported_and_nothing_moves(tmp_path: Path, photos: Path) -> None:
    originals = Blobs(str(tmp_path / "originals"))
    missing, damaged = content_hash(picture(2)), content_hash(picture(7))
    originals.delete(missing)
    originals.delete(damaged)
    originals.put(damaged, picture(99))
    with opened(tmp_path, 12) as new:
        report = new.reindex()
        assert report.state == "refused"
        reasons = {(Path(p.source).name, "no original" in p.reason) for p in report.problems}
        assert reasons == {("002.png", True), ("007.png", False)}
        assert len(report.problems) == 4
        with pytest.raises(FingerprintMismatch):
            _ = new.store
    with opened(tmp_path, 8) as old:
        assert old.store.count(SCOPE, "image") == 20
    # Repaired, only those are done again.
    originals.delete(damaged)
    originals.put(damaged, picture(7))
    originals.put(missing, picture(2))
    with opened(tmp_path, 12) as new:
        report = new.reindex()
        assert (report.state, report.kept, new.encoder.pictures) == ("moved", 36, 4)
    check_moved(tmp_path, photos)


def test_forced_such_items_keep_their_texts_and_have_no_image_vector(tmp_path: Path, photos: Path) -> None:
    assert photos.is_dir()
    Blobs(str(tmp_path / "originals")).delete(content_hash(picture(2)))
    with opened(tmp_path, 12) as new:
        report = new.reindex(force=True)
        assert (report.state, len(report.problems)) == ("moved", 2)
        (item,) = (i for i in new.store.scan(SCOPE, "image") if Path(i.source).name == "002.png")
        (row,) = new.store.rows(SCOPE, "image", [item.id])
        assert row.image_vector is None
        assert row.caption_vector is not None
        assert new.store.search(SCOPE, "image", "bm25", "caption 2", limit=1)[0][0] == item.id
        assert new.store.count(SCOPE, "image") == 20


def test_one_picture_that_the_encoder_refuses_is_one_problem(tmp_path: Path, photos: Path) -> None:
    assert photos.is_dir()

    def refuse(things: Sequence[Any]) -> None:
        if any(isinstance(t, np.ndarray) and int(t.astype(np.int64).sum()) == bad for t in things):
            raise RuntimeError("this one")

    with opened(tmp_path, 12) as new:
        bad = int(decode(picture(9), max_pixels=100).astype(np.int64).sum())
        new.encoder.before = refuse
        report = new.reindex()
    assert {Path(problem.source).name for problem in report.problems} == {"009.png"}
    assert "this one" in report.problems[0].reason


@pytest.mark.parametrize("error", [ModelUnavailable("gone"), Unavailable("gone")])
def test_when_a_part_is_away_no_item_is_to_blame(
    tmp_path: Path, photos: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> Never:
        raise error

    with opened(tmp_path, 12) as new:
        if isinstance(error, ModelUnavailable):
            new.encoder.before = away
        else:
            monkeypatch.setattr(new.blobs, "get", away)
        with pytest.raises(type(error), match="gone"):
            new.reindex(force=True)
    with opened(tmp_path, 8) as old:
        assert old.store.count(SCOPE, "image") == 20
    with opened(tmp_path, 12) as new:
        assert new.reindex().state == "moved"
    check_moved(tmp_path, photos)


CHILD = """
    import sys, time
    from pathlib import Path
    from tests.ingest.test_reindex import opened

    with opened(Path(sys.argv[1]), 12) as parts:
        parts.encoder.before = lambda _: time.sleep(0.1)
        parts.reindex(on_items=lambda count: print(count, flush=True))
"""


def test_killed_in_the_middle_the_old_collections_are_read_and_the_next_run_goes_on(
    tmp_path: Path, photos: Path
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    done = sum(int(child.stdout.readline()) for _ in range(2))
    child.kill()
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    assert 0 < done < 40
    with opened(tmp_path, 8) as old:
        assert old.store.count(SCOPE, "image") == old.store.count(OTHER, "image") == 20
        (best, score), *_ = old.store.search(
            SCOPE, "image", "caption", old.text_encoder.encode_queries(["caption 1\nanother 1"])[0], limit=1
        )
        assert score == pytest.approx(1, abs=1e-5)
        assert old.store.get(SCOPE, "image", [best])[0].caption == "caption 1"
    with opened(tmp_path, 12) as new:
        with pytest.raises(FingerprintMismatch, match="`olhar reindex`"):
            _ = new.store
        report = new.reindex()
        assert report.state == "moved"
        assert report.kept >= done
        assert new.encoder.pictures == 40 - report.kept
    check_moved(tmp_path, photos)


def test_documents_are_rebuilt_with_their_passages_and_figures(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    save(
        folder / "report.docx",
        docx(paragraph("They are old.") + drawing("rId1", "a port"), {"a.png": png(1)}),
    )
    with opened(tmp_path, 8) as parts:
        assert ingest(parts, SCOPE, walk([folder])).counts["indexed"] == 1
    with opened(tmp_path, 12) as parts:
        report = parts.reindex(force=True)
        assert (report.state, report.problems) == ("moved", [])
    with opened(tmp_path, 12) as parts:
        (info,) = parts.store.collections(SCOPE.tenant)
        assert (info.images, info.passages) == (1, 1)  # the document's own item is neither
        for kind in KINDS:
            (item,) = [item for item in parts.store.scan(SCOPE, kind) if item.parent_id]
            (row,) = parts.store.rows(SCOPE, kind, [item.id])
            assert row.caption_vector is not None
            assert (row.image_vector is not None) == (kind == "image")


def test_videos_are_rebuilt_with_their_frames(tmp_path: Path) -> None:
    save(tmp_path / "films" / "clip.mp4", clip(shots=(1,)))
    with opened(tmp_path, 8) as parts:
        assert ingest(parts, SCOPE, walk([tmp_path / "films"])).counts["indexed"] == 1
    with opened(tmp_path, 12) as parts:
        report = parts.reindex(force=True)
        assert (report.state, report.problems) == ("moved", [])
    with opened(tmp_path, 12) as parts:
        (info,) = parts.store.collections(SCOPE.tenant)
        assert (info.images, info.passages) == (1, 0)  # the video's own item is none
        (frame,) = [item for item in parts.store.scan(SCOPE, "image") if item.parent_id]
        (row,) = parts.store.rows(SCOPE, "image", [frame.id])
        assert (row.image_vector is not None, row.item.seconds is not None) == (True, True)
