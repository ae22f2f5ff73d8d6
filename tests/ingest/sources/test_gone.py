"""Only what is known to be gone is gone."""

from __future__ import annotations

import os
from pathlib import Path

from ingest.sources import SourceFile, walk
from ingest.sources.gone import beginning, gone
from tests.ingest.conftest import picture, save


def test_what_is_gone_and_what_only_seems_so(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    here = save(folder / "here.png", picture(1))
    odd = save(folder / os.fsdecode(b"caf\xe9.png"), picture(2))
    hidden = save(folder / ".hidden.png", picture(3))
    save(folder / "a.zip", b"an archive")
    found = list(walk([folder]))
    assert str(odd) not in {file.source for file in found}  # written as text
    known = [
        *(file.source for file in found),
        str(here), str(hidden), str(folder / "gone.png"), str(folder / "no folder" / "gone.png"),
        f"{folder}/a.zip!/inside.png", f"{folder}/b.zip!/inside.png", f"{folder}/caf\\xe8.png",
        "an upload", f"{folder}/{'x' * 300}",
    ]  # fmt: skip
    assert set(gone(known, found)) == {
        str(folder / "gone.png"), str(folder / "no folder" / "gone.png"),
        f"{folder}/b.zip!/inside.png", f"{folder}/caf\\xe8.png", "an upload",
    }  # fmt: skip


def test_in_a_folder_that_could_not_be_read_nothing_is_gone() -> None:
    found = [SourceFile.refuse("/no such folder/x", "failed", "cannot be read")]
    known = ["/no such folder/x/a.png", "/no such folder/y/b.png"]
    assert list(gone(known, found)) == ["/no such folder/y/b.png"]


def test_the_beginning_ends_where_a_name_ends(tmp_path: Path) -> None:
    assert beginning(tmp_path / "a") == f"{tmp_path}/a/"
    assert beginning(Path("/")) == "/"
