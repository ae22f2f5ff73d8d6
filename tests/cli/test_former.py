"""The encoders that made the stored vectors are told from their fingerprints, or named, or asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from api.cli.former import FormerEncoders
from rag.build import build
from rag.errors import InvalidInput, ModelUnavailable
from rag.settings import Settings
from rag.types import Fingerprint, Leg
from tests.rag.encoders.tiny_models import tiny_clip


def by(image: str, text: str = "") -> Mapping[Leg, Fingerprint]:
    return {"image": Fingerprint(image, "w", "p", 2), "caption": Fingerprint(text or image, "w", "p", 2)}


@pytest.fixture
def now(tmp_path: Path, models: Path) -> Settings:
    """Settings that name an encoder which is not there."""
    return Settings(data=tmp_path, models=models, encoder="new/model", text_encoder="new/texts")


def test_packaged_encoders_are_told_by_their_names(now: Settings, models: Path, tmp_path: Path) -> None:
    packaged = build(Settings(data=tmp_path, models=models))
    former = FormerEncoders(now, by("compact"), [])
    assert former.encoder.fingerprint == packaged.encoder.fingerprint
    assert former.text_encoder.fingerprint == packaged.text_encoder.fingerprint
    beside = FormerEncoders(now, by("compact", "all-MiniLM-L6-v2"), [])
    assert beside.encoder.fingerprint == packaged.encoder.fingerprint
    assert beside.text_encoder.fingerprint.name == "all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("stored", "given", "image", "text"),
    [
        (by("old/clip"), {}, "OLHAR_ENCODER=old/clip", "OLHAR_ENCODER=old/clip"),
        (by("old/clip", "old/texts"), {}, "OLHAR_ENCODER=old/clip", "OLHAR_TEXT_ENCODER=old/texts"),
        (by("old/clip"), {"encoder": "x/y"}, "OLHAR_ENCODER=x/y", "OLHAR_ENCODER=x/y"),
        (by("old/clip"), {"text_encoder": "x/y"}, "OLHAR_ENCODER=old/clip", "OLHAR_TEXT_ENCODER=x/y"),
    ],
)
def test_models_of_the_hub_are_told_by_their_names_and_options_win(
    now: Settings, stored: Mapping[Leg, Fingerprint], given: Mapping[str, str], image: str, text: str
) -> None:
    former = FormerEncoders(now, stored, [], **given)
    with pytest.raises(ModelUnavailable, match=image):
        _ = former.encoder.fingerprint
    with pytest.raises(ModelUnavailable, match=text):
        _ = former.text_encoder.fingerprint


def test_a_folder_has_to_be_named(now: Settings, tmp_path: Path) -> None:
    clip = tiny_clip(tmp_path / "clip")
    stored = by("clip")
    unnamed = FormerEncoders(now, stored, [])
    with pytest.raises(InvalidInput, match="clip was a folder"):
        _ = unnamed.encoder
    with pytest.raises(InvalidInput, match="clip was a folder"):
        _ = unnamed.text_encoder
    named = FormerEncoders(now, stored, [], encoder=str(clip))
    assert named.encoder.fingerprint.name == named.text_encoder.fingerprint.name == "clip"


def test_the_text_side_of_an_encoder_that_stays_is_that_of_the_settings(
    now: Settings, tmp_path: Path
) -> None:
    clip = tiny_clip(tmp_path / "clip")
    staying = now.model_copy(update={"encoder": str(clip), "text_encoder": "minilm"})
    former = FormerEncoders(staying, by("clip"), ["image"])
    assert former.text_encoder.fingerprint.name == "clip"
