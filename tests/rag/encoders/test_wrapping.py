"""Whatever wraps an encoder says the same of long texts and of unknown words as the encoder itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag.encoders.cache import CachedImageEncoder, CachedTextEncoder
from rag.encoders.compact import CompactEncoder, CompactTextEncoder, TextTower
from rag.encoders.relabelled import Relabelled
from rag.encoders.sharing import SharedImageEncoder, SharedTextEncoder
from rag.protocols import Agreeing, ImageEncoder, Naming, TextEncoder, WordByWord

TEXTS = ["a dog", "dog " * 300]


def relabelled(encoder: ImageEncoder) -> ImageEncoder:
    return Relabelled(encoder, replace(encoder.fingerprint, weights="others"))


@pytest.mark.parametrize("wrap", [CachedImageEncoder, SharedImageEncoder, relabelled])
def test_image_encoders(wrap: Callable[[ImageEncoder], ImageEncoder], models: Path) -> None:
    wrapped = wrap(CompactEncoder(models, TextTower(models)))
    assert wrapped.max_tokens == 256
    assert wrapped.overlong_queries(TEXTS) == {1: 302}


@pytest.mark.parametrize("wrap", [CachedImageEncoder, SharedImageEncoder, relabelled])
def test_words_that_are_not_known(wrap: Callable[[ImageEncoder], ImageEncoder], models: Path) -> None:
    wrapped = wrap(wrap(CompactEncoder(models, TextTower(models))))
    assert isinstance(wrapped, WordByWord)
    assert wrapped.not_understood("um zorblax na praia") == ("zorblax",)


@pytest.mark.parametrize("wrap", [CachedTextEncoder, SharedTextEncoder])
def test_text_encoders(wrap: Callable[[TextEncoder], TextEncoder], models: Path) -> None:
    wrapped = wrap(CompactTextEncoder(TextTower(models)))
    assert wrapped.max_tokens == 256
    assert wrapped.overlong_queries(TEXTS) == wrapped.overlong_documents(TEXTS) == {1: 302}


@pytest.mark.parametrize("wrap", [CachedImageEncoder, SharedImageEncoder, relabelled])
def test_what_is_told_by_name(wrap: Callable[[ImageEncoder], ImageEncoder], models: Path) -> None:
    bare = CompactEncoder(models, TextTower(models))
    wrapped = wrap(wrap(bare))
    asked = bare.encode_text_queries(["a photo of a zebra"])
    assert isinstance(wrapped, Naming)
    told = wrapped.named(asked, asked)
    assert told is not None
    np.testing.assert_array_equal(told, bare.named(asked, asked))


@pytest.mark.parametrize("wrap", [CachedTextEncoder, SharedTextEncoder])
def test_how_well_captions_fit(wrap: Callable[[TextEncoder], TextEncoder], models: Path) -> None:
    tower = TextTower(models)
    bare, images = CompactTextEncoder(tower), CompactEncoder(models, tower)
    captions, pictures = bare.encode_documents(["a dog"]), images.encode_text_queries(["a dog"])
    wrapped = wrap(bare)
    assert isinstance(wrapped, Agreeing)
    np.testing.assert_array_equal(wrapped.agreement(captions, pictures), bare.agreement(captions, pictures))
