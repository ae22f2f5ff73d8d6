"""A tuned model's folder says what it was tuned from."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.models import encoder_row
from rag.origin import ORIGIN, origin, write_origin

NAME = "google/siglip2-base-patch16-256"


def test_what_is_known_of_the_first_model_holds_for_the_tuned_one(tmp_path: Path) -> None:
    write_origin(tmp_path, NAME)
    assert origin(tmp_path) == NAME
    assert encoder_row(str(tmp_path)) is encoder_row(NAME)


def test_tuned_twice_it_is_still_the_first(tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    write_origin(tmp_path, NAME)
    write_origin(second, str(tmp_path))
    assert origin(second) == NAME


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"tuned_from": 3}', '{"tuned_from": ""}', "\x00"])
def test_a_folder_that_says_nothing_is_from_nowhere(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / ORIGIN).write_text(content)
    assert origin(tmp_path) is None
    assert origin("google/none") is None
