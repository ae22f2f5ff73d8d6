"""A CLIP-like model as one thing to train gives the vectors that the encoder gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from rag.encoders.sentence_transformer import SentenceTransformerEncoder
from rag.errors import InvalidInput, ModelUnavailable
from rag.training.dual import Dual, own_weights
from tests.rag.encoders.tiny_models import tiny_qwen3, tiny_siglip

PICTURES = list(np.random.default_rng(0).integers(0, 255, (3, 40, 4000, 3), np.uint8))
TEXTS = ["a dog", "um cão à beira-mar", ""]


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_the_vectors_are_the_encoders(kind: str, clip: Path, tmp_path: Path) -> None:
    folder = clip if kind == "clip" else tiny_siglip(tmp_path)
    dual = Dual.load(str(folder), device="cpu")
    encoder = SentenceTransformerEncoder(str(folder), device="cpu")
    with torch.no_grad():
        pictures, texts = dual(dual.prepare_pictures(PICTURES)), dual(dual.prepare_texts(TEXTS))
    np.testing.assert_allclose(pictures.numpy(), encoder.encode_images(PICTURES), atol=1e-5)
    np.testing.assert_allclose(texts.numpy(), encoder.encode_text_queries(TEXTS), atol=1e-5)


def test_the_temperature_is_the_models_own_and_is_held(make_dual: Callable[[], Dual]) -> None:
    dual = make_dual()
    assert dual.log_scale is dual.towers.logit_scale
    eye = torch.eye(3)
    torch.testing.assert_close(dual.logits(eye, eye), eye * dual.log_scale.exp())
    with torch.no_grad():
        dual.log_scale.fill_(9.0)
    dual.hold_temperature()
    assert float(dual.log_scale.detach().exp()) == pytest.approx(100)


def test_it_is_told_which_weights_each_tower_has(make_dual: Callable[[], Dual]) -> None:
    dual = make_dual()
    image, text = own_weights(dual)
    names = {name for name, _ in dual.towers.named_parameters()}
    assert image == {name for name in names if name.startswith("vis")}
    assert text == {name for name in names if name.startswith("text")}
    assert all(value.grad is None for value in dual.parameters())


def test_what_cannot_be_trained_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"MODEL=nowhere cannot be loaded"):
        Dual.load("nowhere", device="cpu")
    with pytest.raises(ModelUnavailable, match="no images"):
        Dual.load(str(tiny_qwen3(tmp_path)), device="cpu")
    with pytest.raises(InvalidInput, match="train sentence-transformers/clip-ViT-B-32"):
        Dual.load("sentence-transformers/clip-ViT-B-32-multilingual-v1", device="cpu")


def test_the_prompt_of_questions_is_put_before_the_texts(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prompted"
    dual = Dual.load(str(clip), device="cpu")
    dual.model.save(str(folder), create_model_card=False)
    config = folder / "config_sentence_transformers.json"
    told = {**json.loads(config.read_text()), "prompts": {"query": "find: "}}
    config.write_text(json.dumps(told))
    prompted = Dual.load(str(folder), device="cpu")
    with torch.no_grad():
        expected = dual(dual.prepare_texts(["find: a dog"]))
        torch.testing.assert_close(prompted(prompted.prepare_texts(["a dog"])), expected)
