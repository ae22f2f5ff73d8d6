"""Pictures, texts and sounds in one space, by a model with random weights and the published names."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from rag.encoders.imagebind import ImageBindEncoder
from rag.encoders.imagebind.words import tokenizer_in
from rag.encoders.sentence_transformer import SentenceTransformerEncoder
from rag.errors import InvalidInput, ModelUnavailable
from rag.models import encoder_row
from rag.protocols import Hearing
from rag.types import SOUND_RATE, Pixels, Sound
from tests.rag.encoders.tiny_models import tiny_imagebind

ANY = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_imagebind(tmp_path_factory.mktemp("models") / "imagebind")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> ImageBindEncoder:
    return opened(folder)


def opened(folder: Path) -> ImageBindEncoder:
    return ImageBindEncoder(f"imagebind:{folder}", device="cpu")


def noise(seconds: float = 0.5) -> Sound:
    return (ANY.integers(-20_000, 20_000, round(seconds * SOUND_RATE)).astype(np.int16),)


def picture(high: int = 40, wide: int = 60) -> Pixels:
    return ANY.integers(0, 256, (high, wide, 3)).astype(np.uint8)


def test_pictures_texts_and_sounds_share_a_space(encoder: ImageBindEncoder) -> None:
    rows = [
        encoder.encode_images([picture(), picture(90, 30)]),
        encoder.encode_text_queries(["a dog barks", ""]),
        encoder.encode_sounds([noise(), noise(12)[:1]]),
    ]
    for some in rows:
        assert some.shape == (2, encoder.fingerprint.dimension) == (2, 8)
        assert some.dtype == np.float32
        assert np.allclose(np.linalg.norm(some, axis=1), 1, atol=1e-5)
        assert not np.allclose(some[0], some[1], atol=1e-3)
    assert isinstance(encoder, Hearing)
    assert encoder.hears
    assert encoder.logit_scale == pytest.approx(np.exp(3))


def test_each_has_one_vector_in_any_company(encoder: ImageBindEncoder) -> None:
    pictures, sounds = [picture(), picture(30, 90)], [noise(), noise(3)]
    texts = ["a dog", "a very long text indeed"]
    together = (
        encoder.encode_images(pictures),
        encoder.encode_text_queries(texts),
        encoder.encode_sounds(sounds),
    )
    for place in range(2):
        alone = (
            encoder.encode_image_queries(pictures[place : place + 1]),
            encoder.encode_documents(texts[place : place + 1]),
            encoder.encode_sounds(sounds[place : place + 1]),
        )
        for one, both in zip(alone, together, strict=True):
            assert np.allclose(one[0], both[place], atol=1e-5)


def test_a_longer_sound_is_the_mean_of_its_clips(encoder: ImageBindEncoder) -> None:
    one, two = noise(2), noise(2)  # of two seconds, the three clips are the same
    mean = encoder.encode_sounds([one, two]).mean(axis=0)
    both = encoder.encode_sounds([(*one, *two)])[0]
    assert np.allclose(both, mean / np.linalg.norm(mean), atol=1e-5)


def test_a_picture_is_seen_in_its_middle(encoder: ImageBindEncoder) -> None:
    seen = picture(28, 60)
    vector = encoder.encode_images([seen])
    edges = seen.copy()
    edges[:, :16], edges[:, 44:] = 0, 255
    assert np.allclose(encoder.encode_images([edges]), vector, atol=1e-5)
    edges[10:20, 20:40] = 0
    assert not np.allclose(encoder.encode_images([edges]), vector, atol=1e-3)


def test_a_text_is_read_up_to_its_end_and_long_ones_are_told(encoder: ImageBindEncoder) -> None:
    assert list(encoder.overlong_queries(["short", "x" * 200])) == [1]
    long = encoder.encode_text_queries(["x" * 200, "x" * 23, "x"])
    assert np.allclose(long[0], long[1], atol=1e-5)
    assert not np.allclose(long[0], long[2], atol=1e-3)


def test_nothing_gives_no_rows_and_what_is_no_picture_is_told(encoder: ImageBindEncoder) -> None:
    assert encoder.encode_images([]).shape == encoder.encode_sounds([]).shape == (0, 8)
    assert encoder.encode_documents([]).shape == (0, 8)
    with pytest.raises(InvalidInput, match="picture 0 is an array"):
        encoder.encode_images([np.zeros((4, 4), np.uint8)])


def test_safetensors_hold_the_same_model(encoder: ImageBindEncoder, folder: Path, tmp_path: Path) -> None:
    tensors = torch.load(folder / "imagebind_huge.pth", weights_only=True)
    save_file(tensors, tmp_path / "model.safetensors")
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    other, seen = opened(tmp_path), picture()
    assert np.array_equal(other.encode_images([seen]), encoder.encode_images([seen]))
    assert other.fingerprint.preprocessing == encoder.fingerprint.preprocessing


def test_a_name_on_the_hub_has_its_files_in_what_is_cached(
    encoder: ImageBindEncoder, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    tensors = torch.load(folder / "imagebind_huge.pth", weights_only=True)
    save_file(tensors, cached(tmp_path, "some/imagebind") / "model.safetensors")
    words = cached(tmp_path, "openai/clip-vit-base-patch32")
    for name in ("vocab.json", "merges.txt"):
        (words / name).write_bytes((folder / name).read_bytes())
    other = ImageBindEncoder("imagebind:some/imagebind", device="cpu")
    assert np.array_equal(other.encode_text_queries(["a dog"]), encoder.encode_text_queries(["a dog"]))
    assert other.fingerprint.name == "imagebind:some/imagebind"
    with pytest.raises(ModelUnavailable, match="connected to it once"):
        ImageBindEncoder("imagebind:some/other", device="cpu").encode_text_queries(["a dog"])


def cached(place: Path, name: str) -> Path:
    """Where the hub's client keeps a model."""
    kept = place / f"models--{name.replace('/', '--')}"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("0" * 40)
    (kept / "snapshots" / ("0" * 40)).mkdir(parents=True)
    return kept / "snapshots" / ("0" * 40)


def test_other_weights_have_another_fingerprint(encoder: ImageBindEncoder, tmp_path: Path) -> None:
    other = opened(tiny_imagebind(tmp_path / "imagebind", seed=1))
    assert other.fingerprint.name == encoder.fingerprint.name
    assert other.fingerprint != encoder.fingerprint


def test_merges_that_cut_texts_otherwise_have_another_fingerprint(tmp_path: Path) -> None:
    words = json.loads((tiny_imagebind(tmp_path / "imagebind") / "vocab.json").read_text())
    words["do"] = words.pop("~")
    made = []
    for merges in ("", "d o\n"):
        folder = tiny_imagebind(tmp_path / "imagebind")
        (folder / "vocab.json").write_text(json.dumps(words))
        (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}")
        encoder = opened(folder)
        made.append((encoder.fingerprint, encoder.encode_documents(["dog"])))
        assert opened(folder).fingerprint == encoder.fingerprint
    (one, first), (other, second) = made
    assert not np.allclose(first, second, atol=1e-3)
    assert one != other


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ("modality_heads.audio.2.weight", "out.weight"),
        ("modality_trunks.vision.blocks.1.norm_1.bias", "vision are not whole.*blocks.1.norm_1.bias"),
        ("modality_postprocessors.text.1.log_logit_scale", "log_logit_scale"),
    ],
)
def test_a_tensor_that_is_missing_is_named(tmp_path: Path, gone: str, told: str) -> None:
    encoder = opened(tiny_imagebind(tmp_path / "model", leave_out=gone))
    with pytest.raises(ModelUnavailable, match=rf"OLHAR_ENCODER=imagebind:.*{told}"):
        encoder.encode_text_queries(["a"])


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    folder, mark = tiny_imagebind(tmp_path / "model"), tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (mark,)

    with (folder / "imagebind_huge.pth").open("wb") as file:
        pickle.dump(Evil(), file)
    with pytest.raises(ModelUnavailable):
        opened(folder).encode_text_queries(["a"])
    assert not mark.exists()


def test_another_tokenizer_and_other_files_say_what_is_needed(tmp_path: Path) -> None:
    folder = tiny_imagebind(tmp_path / "model")
    words = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps({**words, "more": 514, "words": 515}))
    with pytest.raises(ModelUnavailable, match="its tokenizer knows 516 words"):
        opened(folder).encode_text_queries(["a"])
    (folder / "vocab.json").unlink()
    with pytest.raises(ModelUnavailable, match="no tokenizer"):
        opened(folder).encode_text_queries(["a"])
    (folder / "other.pth").write_bytes(b"")
    with pytest.raises(ModelUnavailable, match="2 files of weights"):
        opened(folder).encode_text_queries(["a"])
    with pytest.raises(ModelUnavailable, match="is neither a folder nor"):
        opened(tmp_path / "missing").encode_text_queries(["a"])


def test_the_published_merges_are_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bpe_simple_vocab_16e6.txt.gz", "wt", encoding="utf-8") as file:
        file.write("#version\nd o\ndo g</w>\n")
    tokenizer = tokenizer_in(tmp_path)
    # 256 bytes, 256 that end a word, 2 merges, beginning and end; "!" is the first byte.
    assert tokenizer("Dog  !")["input_ids"] == [514, 513, 256, 515]


def test_its_row_holds_for_any_folder_and_it_is_neither_tuned_nor_exported(folder: Path) -> None:
    row = encoder_row(f"imagebind:{folder}")
    assert row.modalities == ("text", "image", "audio")
    assert "not for commercial use" in row.licence
    with pytest.raises(ModelUnavailable, match="neither tuned nor exported"):
        SentenceTransformerEncoder(f"imagebind:{folder}").encode_text_queries(["a"])
