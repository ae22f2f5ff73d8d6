"""What goes wrong with a model: damaged, incomplete, of another size, or given something odd."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from rag.encoders.sentence_transformer import SentenceTransformerEncoder
from rag.errors import InvalidInput, ModelUnavailable
from rag.models import encoder_row
from tests.rag.encoders.tiny_models import tiny_clip

PLAIN = encoder_row("plain")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def encoder(folder: Path) -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder(str(folder), device="cpu")


def noise(height: int, width: int) -> Any:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


def test_cut_off_weights_name_the_setting_and_the_remedy(tmp_path: Path) -> None:
    weights = tiny_clip(tmp_path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelUnavailable, match=r"OLHAR_ENCODER=.* cannot be loaded.*damaged copy.*=compact"):
        SentenceTransformerEncoder(str(tmp_path), device="cpu").encode_text_queries(["a"])


def test_weights_that_are_not_there_name_the_setting(tmp_path: Path) -> None:
    (tiny_clip(tmp_path) / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match=r"OLHAR_TEXT_ENCODER=.*OLHAR_TEXT_ENCODER=minilm"):
        SentenceTransformerEncoder(
            str(tmp_path), device="cpu", setting="OLHAR_TEXT_ENCODER", needs_images=False
        ).encode_documents(["a"])


def test_a_missing_package_is_named_before_anything_is_fetched() -> None:
    row = replace(PLAIN, needs=("no_such_package",))
    with pytest.raises(ModelUnavailable, match="pip install no_such_package"):
        SentenceTransformerEncoder("some/model", row=row).encode_text_queries(["a"])


def test_code_from_the_hub_is_not_run() -> None:
    with pytest.raises(ModelUnavailable, match="program code of its own"):
        SentenceTransformerEncoder("jinaai/jina-clip-v2").encode_text_queries(["a"])


def test_a_model_of_texts_alone_is_refused_before_it_is_fetched() -> None:
    with pytest.raises(ModelUnavailable, match="encodes no images"):
        SentenceTransformerEncoder("intfloat/multilingual-e5-small").encode_text_queries(["a"])


def test_vectors_of_another_size_than_the_row_says_are_refused(folder: Path) -> None:
    wrong = SentenceTransformerEncoder(str(folder), row=replace(PLAIN, dimension=512), device="cpu")
    with pytest.raises(ModelUnavailable, match="16 numbers where 512 are expected"):
        wrong.encode_text_queries(["a"])


def test_halves_of_different_sizes_are_refused(folder: Path, tmp_path: Path) -> None:
    other = tiny_clip(tmp_path, dimension=24)
    mixed = SentenceTransformerEncoder(str(folder), row=replace(PLAIN, images_from=str(other)), device="cpu")
    mixed.encode_text_queries(["a"])
    with pytest.raises(ModelUnavailable, match="24 numbers where 16 are expected"):
        mixed.encode_images([noise(40, 40)])


def test_odd_pictures_are_encoded_as_they_would_be_alone(encoder: SentenceTransformerEncoder) -> None:
    odd = [noise(1, 1), noise(40, 52), noise(1, 20_000), noise(20_000, 2), np.zeros((8, 8, 3), np.uint8)]
    together = encoder.encode_images(odd)
    assert np.isfinite(together).all()
    for picture, vector in zip(odd, together, strict=True):
        np.testing.assert_allclose(encoder.encode_images([picture])[0], vector, atol=1e-5)


def test_very_thin_pictures_lose_their_ends() -> None:
    encoder, model = SentenceTransformerEncoder("greedy", row=PLAIN), Greedy()
    vars(encoder)["_model"] = model
    encoder.encode_images([noise(1, 20_000), noise(20_000, 2), noise(30, 40)])
    assert [picture.size for picture in model.seen] == [(50, 1), (2, 100), (40, 30)]


@pytest.mark.parametrize(
    "array",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8, 3), np.uint8),
     np.zeros((8, 8, 3), np.float32)],
    ids=["grey", "with alpha", "empty", "floats"],
)  # fmt: skip
def test_what_is_no_picture_is_refused_by_its_place(encoder: SentenceTransformerEncoder, array: Any) -> None:
    with pytest.raises(InvalidInput, match="picture 1 is an array of"):
        encoder.encode_images([noise(8, 8), array])


def test_empty_texts_have_vectors(encoder: SentenceTransformerEncoder) -> None:
    matrix = encoder.encode_documents(["", "  ", "a dog"])
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)


def test_texts_that_are_too_long_are_cut_and_flagged(encoder: SentenceTransformerEncoder) -> None:
    # The tiny model makes a token of each letter, and puts one before and one behind.
    texts = ["a dog", "dog " * 10, "dog " * 10 + "cat", "犬" * 5, "犬" * 10, "x" * 31]
    assert encoder.max_tokens == 32
    assert encoder.overlong_documents(texts) == {2: 35, 5: 33}
    assert encoder.overlong_queries(texts) == encoder.overlong_documents(texts)
    whole = encoder.encode_documents(["dog " * 10, "dog " * 10 + "cat"])
    np.testing.assert_allclose(whole[0], whole[1], atol=1e-5)


def test_the_prompt_counts(folder: Path) -> None:
    prompted = SentenceTransformerEncoder(
        str(folder), row=replace(PLAIN, query_prompt="find ", document_prompt=""), device="cpu"
    )
    assert prompted.overlong_queries(["x" * 28]) == {0: 34}
    assert prompted.overlong_documents(["x" * 28]) == {}


def test_a_model_without_a_limit_reads_all() -> None:
    encoder, model = SentenceTransformerEncoder("greedy", row=PLAIN), Greedy()
    vars(encoder)["_model"] = model
    for limit in (None, 10**30):
        model.max_seq_length = limit
        assert encoder.max_tokens == 0
        assert encoder.overlong_documents(["x" * 1000]) == {}


class Greedy:
    """A model that fits four inputs at a time, and keeps them; a text's vector holds the number in it."""

    max_seq_length: int | None = None
    prompts: ClassVar[dict[str, str]] = {}

    device = "cpu"

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def encode_document(self, inputs: Sequence[Any], **_: object) -> Any:
        if len(inputs) > 4:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        self.seen += inputs
        return np.array([[float(x) if isinstance(x, str) else 1.0, 1.0] for x in inputs], np.float32)


def test_when_memory_runs_out_the_encoder_goes_on_with_less(caplog: pytest.LogCaptureFixture) -> None:
    encoder = SentenceTransformerEncoder("greedy", row=replace(PLAIN, dimension=2), batch=16)
    vars(encoder)["_model"] = Greedy()
    with caplog.at_level(logging.WARNING, logger="rag"):
        matrix = encoder.encode_documents([str(n) for n in range(20)])
    np.testing.assert_allclose(matrix[:, 0] / matrix[:, 1], np.arange(20), rtol=1e-5)
    assert "greedy: out of memory with 16 inputs at once; going on with 8" in caplog.text
