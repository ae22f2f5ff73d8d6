"""Architectures beside CLIP, and what their rows say: padding, prompts, an image side of another name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import SiglipModel, SiglipProcessor

from rag.encoders.sentence_transformer import SentenceTransformerEncoder
from rag.models import EncoderRow, encoder_row
from tests.rag.encoders.tiny_models import tiny_clip, tiny_qwen3, tiny_siglip

E5 = encoder_row("intfloat/multilingual-e5-small")
QWEN3 = encoder_row("Qwen/Qwen3-Embedding-0.6B")


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_siglip(tmp_path_factory.mktemp("siglip"))


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qwen3(tmp_path_factory.mktemp("qwen3"))


def text_encoder(folder: Path, row: EncoderRow) -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder(
        str(folder), row=replace(row, dimension=32), device="cpu", setting="OLHAR_TEXT_ENCODER",
        needs_images=False,
    )  # fmt: skip


def test_a_text_for_siglip_has_one_vector_in_any_company(siglip: Path) -> None:
    encoder = SentenceTransformerEncoder(str(siglip), device="cpu")
    alone = encoder.encode_text_queries(["a dog"])[0]
    among = encoder.encode_text_queries(["a dog", "two children play"])[0]
    np.testing.assert_allclose(alone, among, atol=1e-5)


def test_siglip_is_what_its_own_processor_makes_of_it(siglip: Path) -> None:
    encoder = SentenceTransformerEncoder(str(siglip), device="cpu")
    model = SiglipModel.from_pretrained(siglip)
    model.eval()  # type: ignore[no-untyped-call]  # so shipped
    processor = SiglipProcessor.from_pretrained(siglip)
    picture = np.random.default_rng(0).integers(0, 255, (40, 52, 3), np.uint8)
    with torch.no_grad():
        texts = processor(text=["a dog"], padding="max_length", max_length=24, return_tensors="pt")
        text = model.get_text_features(**texts).pooler_output[0].numpy()
        images = processor(images=[picture], return_tensors="pt")
        image = model.get_image_features(**images).pooler_output[0].numpy()
    np.testing.assert_allclose(
        encoder.encode_text_queries(["A dog"])[0], text / np.linalg.norm(text), atol=1e-5
    )
    np.testing.assert_allclose(encoder.encode_images([picture])[0], image / np.linalg.norm(image), atol=1e-4)
    assert encoder.fingerprint.preprocessing == "sentence-transformers/width 24"
    assert encoder.fingerprint.dimension == 32


@pytest.mark.parametrize("row", [E5, QWEN3], ids=lambda row: row.name)
def test_queries_and_documents_get_the_prompts_of_the_row(qwen3: Path, row: EncoderRow) -> None:
    short = replace(row, query_prompt=(row.query_prompt or "")[:20])  # the tiny model reads 48 tokens
    encoder = text_encoder(qwen3, short)
    bare = SentenceTransformer(str(qwen3), device="cpu")
    expected = bare.encode([f"{short.query_prompt}a dog", f"{row.document_prompt}a dog"])
    np.testing.assert_allclose(encoder.encode_queries(["a dog"])[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(encoder.encode_documents(["a dog"])[0], expected[1], atol=1e-5)
    assert not np.allclose(expected[0], expected[1], atol=1e-3)


def test_other_prompts_have_another_fingerprint(qwen3: Path) -> None:
    plain = text_encoder(qwen3, encoder_row("plain"))
    e5 = text_encoder(qwen3, E5)
    assert plain.fingerprint.weights == e5.fingerprint.weights
    assert plain.fingerprint != e5.fingerprint


def test_a_causal_model_reads_each_text_alone(qwen3: Path) -> None:
    encoder = text_encoder(qwen3, encoder_row("plain"))
    alone = encoder.encode_documents(["a dog"])[0]
    np.testing.assert_allclose(alone, encoder.encode_documents(["a dog", "two children play"])[0], atol=1e-5)


def test_pictures_may_come_from_a_model_of_another_name(tmp_path: Path) -> None:
    text, image = tiny_clip(tmp_path / "text", seed=1), tiny_clip(tmp_path / "image", seed=2)
    row = replace(encoder_row("none"), images_from=str(image))
    both = SentenceTransformerEncoder(str(text), row=row, device="cpu")
    picture = np.random.default_rng(0).integers(0, 255, (40, 52, 3), np.uint8)
    of_text = SentenceTransformerEncoder(str(text), device="cpu")
    of_image = SentenceTransformerEncoder(str(image), device="cpu")
    np.testing.assert_allclose(both.encode_images([picture]), of_image.encode_images([picture]), atol=1e-6)
    np.testing.assert_allclose(
        both.encode_text_queries(["a dog"]), of_text.encode_text_queries(["a dog"]), atol=1e-6
    )
    weights = both.fingerprint.weights
    assert weights == f"{of_text.fingerprint.weights}+{of_image.fingerprint.weights}"


def test_the_older_layout_of_the_hubs_clip_is_loaded(tmp_path: Path) -> None:
    tiny_clip(tmp_path / "0_CLIPModel")
    module = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}
    (tmp_path / "modules.json").write_text(json.dumps([module]))
    older = SentenceTransformerEncoder(str(tmp_path), device="cpu")
    newer = SentenceTransformerEncoder(str(tmp_path / "0_CLIPModel"), device="cpu")
    np.testing.assert_allclose(
        older.encode_text_queries(["a dog"]), newer.encode_text_queries(["a dog"]), atol=1e-6
    )
    assert set(older.overlong_queries(["a dog", "dog " * 40])) == {1}
    assert older.logit_scale == newer.logit_scale
