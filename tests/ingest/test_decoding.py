"""A picture that takes too long, or kills who decodes it, is that file's fault alone."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ingest import decoding
from ingest.decoding import picture
from ingest.sandbox import Sandbox
from rag.errors import BadDocument
from rag.images import working_picture
from rag.settings import Settings

from .conftest import FakeParts, Run, add, save, statuses
from .conftest import picture as small

TASKS = "tests.ingest.sandbox_tasks"


def rare() -> bytes:
    """A format that is read by slow code."""
    out = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(out, "TIFF")
    return out.getvalue()


def wide(*, progressive: bool = True) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (3000, 2000), "red").save(out, "JPEG", progressive=progressive)
    return out.getvalue()


@pytest.mark.parametrize("make", [rare, wide])
def test_what_may_take_long_is_decoded_in_a_child_and_comes_out_the_same(
    make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, settings = make(), Settings()
    with Sandbox(1) as sandbox:
        found = picture(data, sandbox, settings)
        assert np.array_equal(found.pixels, working_picture(data, max_pixels=settings.max_pixels).pixels)
        monkeypatch.setattr(decoding, "DECODE", f"{TASKS}:refuse_decoding")
        with pytest.raises(BadDocument, match="in the child"):
            picture(data, sandbox, settings)


def test_a_picture_that_takes_too_long_is_quarantined_and_hurts_no_other(
    parts: FakeParts, photos: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "DECODE", f"{TASKS}:decode_for_ever")
    parts.settings = parts.settings.model_copy(update={"decode_seconds": 0.2})
    save(photos / "slow.tiff", rare())
    add(photos, 2)
    report = run()
    assert statuses(report) == {"slow.tiff": "quarantined", "000.png": "indexed", "001.png": "indexed"}
    assert "took too long" in " ".join(receipt.reason for receipt in report.files)


def test_pictures_of_usual_formats_need_no_child() -> None:
    closed = Sandbox(0)  # would wait for ever
    assert picture(small(1), closed, Settings()).pixels.shape == (6, 6, 3)
    assert picture(small(1, "WEBP"), closed, Settings()).pixels.shape == (6, 6, 3)
    assert picture(wide(progressive=False), closed, Settings()).pixels.shape[1] <= 3000
