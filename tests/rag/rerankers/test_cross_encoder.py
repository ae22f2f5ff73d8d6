"""A reranking model in process: the real library over tiny models with random weights."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from rag.errors import ModelUnavailable
from rag.rerankers.cross_encoder import CrossEncoderScorer
from rag.rerankers.prompts import qwen3_prompt
from rag.rerankers.reranker import ScoringReranker
from rag.rerankers.scorer import Pair
from tests.rag.encoders.tiny_models import ALPHABET, TOWER
from tests.rag.rerankers.conftest import found

PAIRS = [Pair("where is the dog", text) for text in ("a dog", "a cat on a wall", "x" * 300, "boats", "é")] * 2


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As Qwen3-Reranker is published: a causal language model that knows the tokens yes and no."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("qwen3-reranker")
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    words = [*ALPHABET, "ye", "yes", "no", *special]
    vocab = {word: i for i, word in enumerate(words)}
    merges: Any = [("y", "e"), ("ye", "s"), ("n", "o")]  # pairs, whatever the library's hints say
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=merges, model_max_length=4096)
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:]})
    config = Qwen3Config(
        **TOWER, vocab_size=len(words), num_key_value_heads=1, head_dim=16, max_position_embeddings=4096,
        bos_token_id=None, eos_token_id=vocab["<|endoftext|>"],
    )  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def classifier(folder: Path, classes: int = 1) -> Path:
    torch.manual_seed(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + letter for letter in letters)]
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(words)}, model_max_length=512)
    config = BertConfig(**TOWER, vocab_size=len(words))
    config.num_labels = classes
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def by_hand(folder: Path, pair: Pair) -> float:
    """P(yes) / (P(yes) + P(no)) after the prompt, with transformers alone."""
    model = Qwen3ForCausalLM.from_pretrained(folder)
    tokenizer = Qwen2Tokenizer.from_pretrained(folder)
    with torch.inference_mode():
        logits = model(**tokenizer(qwen3_prompt(pair), return_tensors="pt")).logits[0, -1]
    yes, no = (logits[tokenizer.convert_tokens_to_ids(word)].item() for word in ("yes", "no"))
    return 1 / (1 + math.exp(no - yes))


def test_a_language_model_is_scored_by_its_yes_and_no_after_its_own_prompt(language_model: Path) -> None:
    scorer = CrossEncoderScorer(str(language_model), device="cpu")
    scores = dict(scorer.score(PAIRS, 60))
    assert list(scores) == list(range(len(PAIRS)))
    for place, pair in enumerate(PAIRS):
        assert scores[place] == pytest.approx(by_hand(language_model, pair), abs=1e-5)
    assert len({scores[place] for place in range(5)}) == 5


def test_a_classifier_reads_the_pair(tmp_path: Path) -> None:
    scorer = CrossEncoderScorer(str(classifier(tmp_path)), device="cpu")
    scores = dict(scorer.score(PAIRS, 60))
    assert all(score is not None and 0 < score < 1 for score in scores.values())
    assert scores[0] != scores[1]
    other = dict(scorer.score([Pair("something else", PAIRS[0].text)], 60))
    assert other[0] != scores[0]


def test_weights_fix_the_digest(language_model: Path, tmp_path: Path) -> None:
    scorer = CrossEncoderScorer(str(language_model), device="cpu")
    assert scorer.look().device == "not loaded yet"
    model = scorer.load()
    assert scorer.look() == model
    assert (model.device, model.sees, len(model.digest)) == ("cpu", False, 64)
    other = CrossEncoderScorer(str(classifier(tmp_path)), device="cpu").load()
    assert other.digest != model.digest


def test_random_weights_are_refused_by_the_trial(language_model: Path) -> None:
    scorer = CrossEncoderScorer(str(language_model), device="cpu")
    reranker = ScoringReranker(scorer, seconds=60, load_seconds=60)
    described = found("a dog", "a cat")
    hits, state = reranker.rerank("where is the dog", described)
    assert state.state == "degraded"
    assert "does not tell known answers apart" in state.reason
    assert list(hits) == [one.hit for one in described]


def test_after_the_deadline_no_batch_is_begun(language_model: Path) -> None:
    scorer = CrossEncoderScorer(str(language_model), device="cpu")
    scorer.load()
    assert list(scorer.score(PAIRS, 0)) == []


def test_what_cannot_be_used_is_said_with_the_remedy(tmp_path: Path) -> None:
    nothing = CrossEncoderScorer(str(tmp_path / "nothing"), device="cpu")
    with pytest.raises(ModelUnavailable, match=r"OLHAR_RERANKER=cross-encoder:.*cannot be loaded"):
        nothing.load()
    many = CrossEncoderScorer(str(classifier(tmp_path / "many", classes=3)), device="cpu")
    with pytest.raises(ModelUnavailable, match="3 classes"):
        many.load()
