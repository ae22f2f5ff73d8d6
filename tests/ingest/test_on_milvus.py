"""The promises of ingestion on the real store: a Milvus Lite file."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from ingest.receipts import IngestReport
from ingest.run import ingest
from ingest.sources import walk
from rag.store import MilvusStore
from rag.types import Scope, content_hash, item_id

from .conftest import SCOPE, FakeParts, add, picture, save, statuses, text_vector


class MilvusParts:
    """The doubles, but for the store."""

    def __init__(self, folder: Path, store: MilvusStore) -> None:
        fake = FakeParts(folder)
        self.settings, self.blobs, self.fake, self.store = fake.settings, fake.blobs, fake.fake, store
        self.staged, self.records = fake.staged, fake.records
        self.encoder = self.text_encoder = fake.fake
        self.captioner, self.zero_shot = fake.captioner, fake.zero_shot
        self.moderator = fake.moderator


@contextmanager
def opened(folder: Path) -> Iterator[MilvusParts]:
    fingerprint = FakeParts(folder).fake.fingerprint
    store = MilvusStore.open(str(folder / "milvus.db"), image=fingerprint, text=fingerprint)
    try:
        yield MilvusParts(folder, store)
    finally:
        store.close()


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[MilvusParts]:
    with opened(tmp_path) as parts:
        yield parts


def run(parts: MilvusParts, photos: Path) -> IngestReport:
    return ingest(parts, SCOPE, walk([photos]))


def test_what_is_indexed_is_found_and_a_second_run_changes_nothing(parts: MilvusParts, photos: Path) -> None:
    names = [
        f"{name}.png"
        for name in (
            "a b",
            'q"uote',
            "q'uote",
            "back\\slash",
            "line\nbreak",
            "日本語",
            "%s{}",
            "]",
            "\\u0041",
        )
    ]
    for n, name in enumerate(names):
        save(photos / name, picture(n))
    save(
        photos / f"{names[0][:-4]}.json",
        '{"captions": ["a dög", "an \\"animal\\""], "labels": ["x"],'
        ' "n": 1, "r": 0.1, "deep": [{"a": null}, true]}',
    )
    assert run(parts, photos).counts["indexed"] == len(names)
    assert parts.store.count(SCOPE, "image") == len(names)
    ids = [item_id(SCOPE, content_hash(picture(n))) for n in range(len(names))]
    items = parts.store.get(SCOPE, "image", ids)
    assert [item.source for item in items] == [str(photos / name) for name in names]
    assert parts.store.search(SCOPE, "image", "caption", text_vector("a dög"), limit=3)[0][0] == ids[0]
    assert [i for i, _ in parts.store.search(SCOPE, "image", "bm25", "DOG", limit=3)] == ids[:1]
    before = parts.store.rows(SCOPE, "image", ids)
    assert run(parts, photos).counts["unchanged"] == len(names)
    after = parts.store.rows(SCOPE, "image", ids)
    assert [row.item for row in after] == [row.item for row in before]


def test_duplicates_changes_and_replacements(parts: MilvusParts, photos: Path) -> None:
    add(photos, 5)
    save(photos / "copy.png", picture(0))
    save(photos / "001.txt", "old")
    assert run(parts, photos).counts["duplicate"] == 1
    save(photos / "001.txt", "new")
    save(photos / "002.png", picture(100))
    (photos / "003.png").rename(photos / "moved.png")
    assert statuses(run(parts, photos)) == {
        "000.png": "unchanged",
        "001.png": "indexed",
        "002.png": "indexed",
        "004.png": "unchanged",
        "copy.png": "unchanged",
        "moved.png": "duplicate",
    }
    items = {Path(item.source).name: item for item in parts.store.scan(SCOPE, "image")}
    assert sorted(items) == ["000.png", "001.png", "002.png", "003.png", "004.png"]
    assert items["001.png"].caption == "new"
    assert items["000.png"].sources == (str(photos / "000.png"), str(photos / "copy.png"))
    assert items["002.png"].content_hash == content_hash(picture(100))
    ((best, score),) = parts.store.search(SCOPE, "image", "caption", text_vector("new"), limit=1)
    assert best == items["001.png"].id
    assert score == pytest.approx(1, abs=1e-5)
    assert run(parts, photos).counts["unchanged"] == 6


def test_a_row_that_the_store_refuses_hurts_no_other(parts: MilvusParts, photos: Path) -> None:
    add(photos, 4)
    save(photos / "002.json", '{"nested": ' + "[" * 40 + "]" * 40 + "}")
    report = run(parts, photos)
    assert [r.status for r in report.files] == ["indexed", "indexed", "quarantined", "indexed"]
    assert "nested" in report.files[2].reason


def test_tenants_never_meet(parts: MilvusParts, photos: Path) -> None:
    add(photos, 2)
    run(parts, photos)
    other = Scope("another", SCOPE.collection)
    assert ingest(parts, other, walk([photos])).counts["indexed"] == 2
    assert parts.store.count(SCOPE, "image") == parts.store.count(other, "image") == 2


CHILD = """
    import os, sys, time
    from pathlib import Path
    from tests.ingest.conftest import SCOPE
    from tests.ingest.test_on_milvus import opened
    from ingest.run import ingest
    from ingest.sources import walk

    with opened(Path(sys.argv[1])) as parts:
        parts.fake.before = lambda _: time.sleep(0.1)
        parts.settings = parts.settings.model_copy(update={"encoder_batch": 4})
        # one write a line: a pipe takes it whole or not at all, however the child's output is buffered
        told = lambda receipt: os.write(1, f"{receipt.status} {receipt.item_id}\\n".encode())
        ingest(parts, SCOPE, walk([Path(sys.argv[2])]), on_file=told)
"""


@pytest.mark.parametrize("receipts", [1, 60])
def test_killed_in_the_middle_nothing_is_lost_or_doubled(tmp_path: Path, photos: Path, receipts: int) -> None:
    count = 120
    add(photos, count)
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path), str(photos)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    told = [child.stdout.readline().split() for _ in range(receipts)]
    child.kill()
    told += [line.split() for line in child.stdout.read().splitlines()]
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()
    assert len(told) < count
    assert {status for status, _ in told} == {"indexed"}
    with opened(tmp_path) as parts:
        ids = [item_id for _, item_id in told]
        assert len(parts.store.get(SCOPE, "image", ids)) == len(ids)
        report = run(parts, photos)
        assert report.counts["unchanged"] >= len(ids)
        assert report.counts["unchanged"] + report.counts["indexed"] == count
        assert parts.store.count(SCOPE, "image") == count
        items = parts.store.scan(SCOPE, "image", limit=2 * count)
        assert len({item.source for item in items}) == count
        assert run(parts, photos).counts["unchanged"] == count
        for row in parts.store.rows(SCOPE, "image", ids):
            assert row.image_vector is not None
            assert np.isfinite(row.image_vector).all()
            assert parts.blobs.exists(row.item.content_hash)
