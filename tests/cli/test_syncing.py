"""A collection follows its folders; what is not mounted deletes nothing. In process and through a server."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from api.app import create_app
from api.cli import syncing
from api.cli.backend import Backend
from api.cli.local import Local
from api.cli.remote import Remote
from api.cli.syncing import Sync, changed, run
from api.record_schemas import SyncOut
from rag.build import Olhar
from rag.errors import InvalidInput
from rag.settings import Settings
from tests.ingest.conftest import FakeParts, add, in_place, picture, save
from tests.loopback import running


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[FakeParts]:
    parts = FakeParts(tmp_path / "parts")
    yield parts
    parts.records.close()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    add(folder, 4)
    return folder


@pytest.fixture(params=["here", "there"])
def sync(
    parts: FakeParts, photos: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sync]:
    """Of the folder of photos, with the work done in process or by a server."""

    def put(backend: Backend) -> None:
        @contextmanager
        def opened(_: Settings) -> Iterator[Backend]:
            yield backend

        monkeypatch.setattr(syncing, "open_backend", opened)

    made = Sync(parts.settings, [photos])
    if request.param == "here":
        put(Local(cast(Olhar, parts)))
        yield made
        return
    app = create_app(cast(Olhar, parts), in_place(parts))
    with running(app) as url, Remote(url, parts.settings) as remote:
        put(remote)
        yield made


def sources(parts: FakeParts) -> set[str]:
    return {Path(source).name for row in parts.store.saved.values() for source in row.item.sources}


def test_what_is_new_comes_what_is_gone_goes_what_moved_stays(
    sync: Sync, parts: FakeParts, photos: Path
) -> None:
    assert sync.once().counts["indexed"] == 4
    outside = save(photos.parent / "photos and more" / "x.png", picture(50))
    Sync(sync.settings, [outside.parent]).once()
    before = parts.store.items["001.png"]
    (photos / "000.png").unlink()
    (photos / "001.png").rename(photos / "moved.png")
    save(photos / "002.png", picture(100))
    save(photos / "deep" / "new.png", picture(101))
    report = Sync(sync.settings, sync.folders).once()
    assert sorted(Path(source).name for source in report.removed) == ["000.png", "001.png"]
    assert {k: n for k, n in report.counts.items() if n} == {"indexed": 2, "duplicate": 1, "unchanged": 1}
    assert sources(parts) == {"002.png", "003.png", "moved.png", "new.png", "x.png"}
    assert parts.store.saved[before.id].item.created_at == before.created_at
    assert Sync(sync.settings, sync.folders).once().removed == []


@pytest.mark.parametrize("how", ["missing", "empty", "nothing usable"])
def test_a_disk_that_is_not_mounted_deletes_nothing(
    sync: Sync, parts: FakeParts, photos: Path, how: str
) -> None:
    sync.once()
    shutil.rmtree(photos)
    if how != "missing":
        photos.mkdir()
    if how == "nothing usable":
        save(photos / "lost.bin", b"x")
    with pytest.raises(InvalidInput, match="--empty-is-meant"):
        Sync(sync.settings, sync.folders).once()
    assert len(parts.store.saved) == 4
    report = Sync(sync.settings, sync.folders, empty_is_meant=True).once()
    assert len(report.removed) == 4
    assert parts.store.saved == {}


def test_while_it_watches_only_what_changed_is_sent(
    sync: Sync, parts: FakeParts, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[int] = []
    once = Sync.once

    class Watched(Sync):
        def once(self) -> SyncOut:
            report = once(self)
            sent.append(len(report.files))
            return report

    def changes(folders: Sequence[Path], _: Path) -> Iterator[object]:
        yield "nothing"
        save(folders[0] / "new.png", picture(9))
        save(folders[0] / "001.txt", "a caption")
        (folders[0] / "000.png").unlink()
        yield "something"
        folders[0].rename(folders[0].with_name("away"))
        yield "the disk went"
        folders[0].with_name("away").rename(folders[0])
        yield "and came back"
        raise KeyboardInterrupt

    assert run(Watched(sync.settings, [photos]), watch=True, changes=changes)
    assert sent == [4, 0, 2, 0]
    assert sources(parts) == {"001.png", "002.png", "003.png", "new.png"}
    assert parts.store.items["001.png"].caption == "a caption"
    assert "--empty-is-meant" in capsys.readouterr().err


def test_a_file_that_failed_is_tried_again(sync: Sync, parts: FakeParts, photos: Path) -> None:
    (photos / "link.png").symlink_to(photos.parent / "later.png")
    assert not run(sync, watch=False)
    assert [file.status for file in sync.once().files] == ["failed"]
    save(photos.parent / "later.png", picture(60))
    assert sync.once().counts["indexed"] == 1
    assert "link.png" in sources(parts)


def test_changes_in_the_folder_are_noticed_those_of_the_data_folder_are_not(tmp_path: Path) -> None:
    data = tmp_path / ".olhar"
    data.mkdir()
    over = threading.Event()

    def busy() -> None:
        n = 0
        while not over.wait(0.05):
            save(data / "x", b"x" * n)
            save(tmp_path / "photo.png", b"x" * n)
            n += 1

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        noticed = cast(set[tuple[object, str]], next(changed([tmp_path], data)))
    finally:
        over.set()
        thread.join()
    assert {path for _, path in noticed} == {str(tmp_path / "photo.png")}
