"""OpenCLIP's own format: the real package on a tiny model with random weights; what is said without it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rag.build import build
from rag.encoders.open_clip import OpenClipEncoder
from rag.encoders.sentence_transformer import SentenceTransformerEncoder
from rag.errors import InvalidInput, ModelUnavailable
from rag.models import OPEN_CLIP, encoder_row
from rag.settings import Settings

CONTEXT = 24
CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": CONTEXT, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "interpolation": "bicubic"},
}
XLM_R = f"{OPEN_CLIP}xlm-roberta-large-ViT-H-14/frozen_laion5b_s13b_b90k"


def noise(n: int) -> list[Any]:
    return list(np.random.default_rng(0).integers(0, 255, (n, 40, 52, 3), np.uint8))


def tiny(folder: Path, seed: int = 0) -> Path:
    """A folder as OpenCLIP writes it."""
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    save_file(open_clip.CLIP(**CONFIG["model_cfg"]).state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("open") / "tiny")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> OpenClipEncoder:
    return OpenClipEncoder(f"{OPEN_CLIP}{folder}", device="cpu", batch=2)


@pytest.mark.open_clip
def test_images_and_texts_share_one_normalised_space(encoder: OpenClipEncoder) -> None:
    for matrix in (
        encoder.encode_images(noise(3)),
        encoder.encode_image_queries(noise(3)),
        encoder.encode_text_queries(["a dog", "um cachorro", "犬"]),
        encoder.encode_documents(["", "b", "\ud800"]),
    ):
        assert matrix.shape == (3, 16)
        assert matrix.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)
    assert encoder.encode_images([]).shape == encoder.encode_documents([]).shape == (0, 16)


@pytest.mark.open_clip
def test_the_vectors_are_those_of_the_model_itself(encoder: OpenClipEncoder, folder: Path) -> None:
    import open_clip
    from PIL import Image

    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    model.eval()
    picture = noise(1)[0]
    with torch.no_grad():
        image = model.encode_image(preprocess(Image.fromarray(picture))[None])[0].numpy()
        text = model.encode_text(open_clip.get_tokenizer(f"local-dir:{folder}")(["a dog"]))[0].numpy()
    np.testing.assert_allclose(encoder.encode_images([picture])[0], image / np.linalg.norm(image), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_queries(["a dog"])[0], text / np.linalg.norm(text), atol=1e-5)
    assert encoder.logit_scale == pytest.approx(float(model.logit_scale.detach().exp()))
    assert encoder.device == "cpu"


@pytest.mark.open_clip
def test_a_vector_does_not_depend_on_its_batch(encoder: OpenClipEncoder) -> None:
    together = encoder.encode_images(noise(5))
    alone = np.concatenate([encoder.encode_images([picture]) for picture in noise(5)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.open_clip
def test_other_weights_have_another_fingerprint(
    encoder: OpenClipEncoder, folder: Path, tmp_path: Path
) -> None:
    again = OpenClipEncoder(f"{OPEN_CLIP}{folder}", device="cpu")
    other = OpenClipEncoder(f"{OPEN_CLIP}{tiny(tmp_path / 'tiny', seed=1)}", device="cpu")
    assert again.fingerprint == encoder.fingerprint
    assert (other.fingerprint.name, other.fingerprint.dimension) == ("tiny", 16)
    assert other.fingerprint.weights != encoder.fingerprint.weights
    assert other.fingerprint.preprocessing == encoder.fingerprint.preprocessing


@pytest.mark.open_clip
def test_texts_that_are_cut_are_flagged_with_their_tokens(encoder: OpenClipEncoder) -> None:
    texts = ["dog " * 22, "dog " * 23, "a dog"]
    assert encoder.max_tokens == CONTEXT
    assert encoder.overlong_queries(texts) == encoder.overlong_documents(texts) == {1: 25}


@pytest.mark.open_clip
def test_what_is_no_picture_is_refused_by_its_place(encoder: OpenClipEncoder) -> None:
    with pytest.raises(InvalidInput, match="picture 1 is an array of"):
        encoder.encode_images([*noise(1), np.zeros((8, 8), np.uint8)])


@pytest.mark.open_clip
def test_the_setting_chooses_it(folder: Path, tmp_path: Path, models: Path) -> None:
    settings = Settings(data=tmp_path, models=models, encoder=f"{OPEN_CLIP}{folder}", encoder_device="cpu")
    with build(settings) as olhar:
        assert olhar.encoder.fingerprint == olhar.text_encoder.fingerprint
        assert olhar.encoder.encode_images(noise(2)).shape == (2, 16)


@pytest.mark.open_clip
@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("ViT-B-32/no-such-tag", r"ViT-B-32/no-such-tag cannot be loaded.*no-such-tag"),
        ("no-such-architecture/tag", "cannot be loaded.*no-such-architecture"),
        ("/no/such/folder", "neither a folder nor ARCH/TAG"),
        ("ViT-B-32", "neither a folder nor ARCH/TAG"),
    ],
)
def test_a_model_that_cannot_be_had_names_the_setting_and_the_remedy(place: str, reason: str) -> None:
    with pytest.raises(ModelUnavailable, match=rf"OLHAR_ENCODER=open_clip:.*{reason}"):
        OpenClipEncoder(f"{OPEN_CLIP}{place}", device="cpu").encode_text_queries(["a"])


@pytest.mark.open_clip
def test_cut_off_weights_are_an_error(tmp_path: Path) -> None:
    weights = tiny(tmp_path) / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        OpenClipEncoder(f"{OPEN_CLIP}{tmp_path}", device="cpu").encode_text_queries(["a"])


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ModelUnavailable, match=r"OLHAR_ENCODER=open_clip:xlm.*extra open-clip.*torchvision"):
        OpenClipEncoder(XLM_R).encode_text_queries(["a"])


def test_its_row_says_the_languages_before_anything_is_loaded() -> None:
    assert "pt" in OpenClipEncoder(XLM_R).languages
    assert encoder_row(f"{OPEN_CLIP}some/other").languages == ()


def test_a_folder_that_is_called_like_a_tag_is_no_model_of_openclip(tmp_path: Path) -> None:
    (tmp_path / "mrl").mkdir()
    assert encoder_row(str(tmp_path / "mrl")).languages == ()


def test_it_is_not_taken_for_a_model_of_texts() -> None:
    texts = SentenceTransformerEncoder(XLM_R, setting="OLHAR_TEXT_ENCODER", needs_images=False)
    with pytest.raises(ModelUnavailable, match=r"OLHAR_TEXT_ENCODER=open_clip:.*nor used for captions alone"):
        texts.encode_documents(["a"])
