"""The rows are whole, documented and shown; a setting chooses another model for texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from api.cli.app import app
from rag.build import build
from rag.languages import NAMES
from rag.models import ENCODERS, GENERIC, SOUND_ENCODERS, TEXT_ENCODERS, EncoderRow, encoder_row
from rag.questions import Question
from rag.settings import SERVER_DEFAULTS, Settings
from rag.types import Query, Scope
from tests.rag.encoders.tiny_models import tiny_clip

ROOT = Path(__file__).parents[2]
ROWS = (*ENCODERS, *TEXT_ENCODERS)
ON_THE_HUB = [row for row in ROWS if "/" in row.name]


def named(row: EncoderRow) -> str:
    return row.name


@pytest.mark.parametrize("row", ON_THE_HUB, ids=named)
def test_a_row_of_the_hub_is_whole(row: EncoderRow) -> None:
    assert row.dimension > 0
    assert row.pooling
    assert row.context > 0
    assert row.parameters > 0
    assert row.licence
    assert row.figures
    assert row.source
    assert row.query_prompt is not None
    assert row.document_prompt is not None
    assert row.languages or row.note, "languages that are not named are explained"
    if row.images:
        assert row.image_prompt is not None
        assert row.image_side > 0 or row.needs


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_languages_are_two_letter_codes_without_repetition(row: EncoderRow) -> None:
    assert len(set(row.languages)) == len(row.languages)
    assert all(len(code) == 2 and code.islower() for code in row.languages)


def test_each_row_has_its_place() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    assert all(row.images for row in ENCODERS)
    assert not any(row.images for row in TEXT_ENCODERS)
    assert all(encoder_row(row.images_from).images for row in ROWS if row.images_from)


def test_every_row_is_documented() -> None:
    page = (ROOT / "docs" / "models.md").read_text("utf-8")
    assert all(f"`{row.name}`" in page and row.sounds for row in SOUND_ENCODERS)
    for row in ROWS:
        line = next((line for line in page.splitlines() if line.startswith(f"| `{row.name}` |")), "")
        assert line, f"{row.name} is missing in docs/models.md"
        if row in ON_THE_HUB:
            assert all(f" {part} " in line for part in (str(row.dimension), row.licence, row.figures)), (
                row.name
            )


def test_a_row_is_found_by_name_and_by_a_folder_of_its_name(tmp_path: Path) -> None:
    row = encoder_row("google/siglip2-base-patch16-256")
    for name in ("siglip2-base-patch16-256", "compact"):
        (tmp_path / name).mkdir()
    assert encoder_row(str(tmp_path / "siglip2-base-patch16-256")) is row
    assert encoder_row(str(tmp_path / "compact")) is not encoder_row("compact")
    assert encoder_row("somebody-else/siglip2-base-patch16-256") is not row
    unknown = encoder_row("some/model")
    assert (unknown.name, unknown.languages, unknown.query_prompt) == ("some/model", (), None)
    assert unknown.calibration is GENERIC


def test_the_servers_default_needs_no_more_than_olhar_and_may_be_used_for_anything() -> None:
    row = encoder_row(SERVER_DEFAULTS["encoder"])
    assert row in ENCODERS
    assert row.licence == "Apache-2.0"
    assert not row.needs
    assert not row.hub_code
    assert len(set(row.languages) & set(NAMES)) > len(NAMES) / 2, "most languages that are told apart"


def test_the_command_shows_every_row() -> None:
    runner = CliRunner()
    rows = json.loads(runner.invoke(app, ["models", "--json"]).stdout)
    assert [row["name"] for row in rows] == [row.name for row in (*ROWS, *SOUND_ENCODERS)]
    assert {row["setting"] for row in rows} == {"OLHAR_ENCODER", "OLHAR_TEXT_ENCODER"}
    table = runner.invoke(app, ["models"], env={"COLUMNS": "300"}).stdout
    assert all(row.name in table for row in (*ROWS, *SOUND_ENCODERS))


def test_captions_may_have_a_model_of_their_own(tmp_path: Path, models: Path) -> None:
    settings = Settings(
        data=tmp_path / "data",
        models=models,
        encoder="compact",
        text_encoder=str(tiny_clip(tmp_path / "clip")),
    )
    with build(settings) as olhar:
        assert olhar.text_encoder.encode_documents(["a dog"]).shape == (1, 16)
        assert olhar.encoder.encode_text_queries(["a dog"]).shape[1] != 16
        found = olhar.pipeline.search(Question(Scope("default", "default"), Query("a dog")))
        assert any("relevance is a guess" in text for text in found.warnings)


def test_minilm_serves_the_captions_of_any_encoder(tmp_path: Path, models: Path) -> None:
    settings = Settings(
        data=tmp_path / "data",
        models=models,
        encoder=str(tiny_clip(tmp_path / "clip")),
        text_encoder="minilm",
    )
    with build(settings) as olhar:
        assert olhar.text_encoder.fingerprint.name == "all-MiniLM-L6-v2"
        assert olhar.encoder.fingerprint.dimension == 16
        assert np.isfinite(olhar.text_encoder.encode_queries(["a dog"])).all()
