"""A CLIP ViT-B/32 with random weights, saved as the hub has them: speed does not depend on the weights."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor, CLIPTokenizer

CONTEXT = 77


def random_vit_b_32(folder: Path, seed: int = 0) -> Path:
    """Write the model into a folder; its tokenizer knows letters only."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*alphabet, *(letter + "</w>" for letter in alphabet), "<|startoftext|>", "<|endoftext|>"]
    ends = {"bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1}
    CLIPModel(CLIPConfig(text_config=ends)).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    files = str(folder / "vocab.json"), str(folder / "merges.txt")
    tokenizer = CLIPTokenizer(*files, model_max_length=CONTEXT)
    CLIPProcessor(CLIPImageProcessorPil(), tokenizer).save_pretrained(folder)  # type: ignore[no-untyped-call]  # so shipped
    return folder
