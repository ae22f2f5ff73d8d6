"""Models of each architecture with random weights, saved as the hub has them: a few kilobytes each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import pre_tokenizers
from transformers import (
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPProcessor,
    CLIPTokenizer,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3Model,
    RobertaTokenizer,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
    SiglipProcessor,
)

TOWER: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
}  # fmt: skip
SIDE = {"height": 32, "width": 32}
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())


def tiny_clip(folder: Path, seed: int = 0, dimension: int = 16) -> Path:
    """A CLIP that reads 32 tokens."""
    torch.manual_seed(seed)
    words = [*ALPHABET, *(letter + "</w>" for letter in ALPHABET), "<|startoftext|>", "<|endoftext|>"]
    config = CLIPConfig(
        text_config={**TOWER, "vocab_size": len(words), "max_position_embeddings": 32,
                     "bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1},
        vision_config={**TOWER, "image_size": 32, "patch_size": 8},
        projection_dim=dimension,
    )  # fmt: skip
    CLIPModel(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=32)
    images = CLIPImageProcessorPil(size=SIDE, crop_size=SIDE)
    CLIPProcessor(images, tokenizer).save_pretrained(folder)  # type: ignore[no-untyped-call]  # so shipped
    return folder


def tiny_siglip(folder: Path) -> Path:
    """A SigLIP of 32 dimensions that reads 24 tokens; like those of the hub, it has no attention mask."""
    torch.manual_seed(0)
    letters = [*"abcdefghijklmnopqrstuvwxyz", "▁"]
    words = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *letters]
    tokenizer = Siglip2Tokenizer(
        vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=24,
        padding_side="right", model_input_names=["input_ids"],
    )  # fmt: skip
    config = SiglipConfig(
        text_config={**TOWER, "vocab_size": len(words), "max_position_embeddings": 24,
                     "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1, "projection_size": 32},
        vision_config={**TOWER, "image_size": 32, "patch_size": 8},
    )  # fmt: skip
    SiglipModel(config).save_pretrained(folder)
    images = SiglipImageProcessorPil(size=SIDE)
    SiglipProcessor(images, tokenizer).save_pretrained(folder)  # type: ignore[no-untyped-call]  # so shipped
    return folder


def tiny_qwen3(folder: Path) -> Path:
    """A text embedding model like Qwen3-Embedding: a causal model read at its last token, 32 dimensions."""
    torch.manual_seed(0)
    words = [*ALPHABET, "<|endoftext|>"]
    tokenizer = Qwen2Tokenizer(
        vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=48, padding_side="left"
    )
    config = Qwen3Config(
        **TOWER, vocab_size=len(words), num_key_value_heads=1, head_dim=16, max_position_embeddings=48,
        bos_token_id=None, eos_token_id=len(words) - 1,
    )  # fmt: skip
    bare = folder / "bare"
    Qwen3Model(config).save_pretrained(bare)
    tokenizer.save_pretrained(bare)
    modules = [Transformer(str(bare)), Pooling(32, pooling_mode="lasttoken"), Normalize()]
    whole = folder / "whole"
    SentenceTransformer(modules=modules, device="cpu").save(str(whole))
    return whole


def tiny_clap(folder: Path) -> Path:
    """A CLAP of 8 dimensions that hears like those of the hub, and reads letters."""
    torch.manual_seed(0)
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *ALPHABET]
    config = ClapConfig(
        text_config={**TOWER, "vocab_size": len(words), "max_position_embeddings": 66,
                     "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
        audio_config={"spec_size": 256, "num_mel_bins": 64, "patch_size": 4, "patch_stride": [4, 4],
                      "patch_embeds_hidden_size": 8, "depths": [1, 1], "num_attention_heads": [1, 2],
                      "hidden_size": 16, "num_hidden_layers": 2},
        projection_dim=8,
    )  # fmt: skip
    ClapModel(config).save_pretrained(folder)
    ClapFeatureExtractor(feature_size=64).save_pretrained(folder)
    RobertaTokenizer(
        vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=64
    ).save_pretrained(folder)
    return folder


def tiny_imagebind(folder: Path, seed: int = 0, leave_out: str = "") -> Path:
    """An ImageBind of 8 dimensions, by the published names: pictures of 28 pixels, texts of 24 tokens."""
    torch.manual_seed(seed)
    words = [*ALPHABET, *(letter + "</w>" for letter in ALPHABET), "<|startoftext|>", "<|endoftext|>"]
    tensors: dict[str, torch.Tensor] = {
        "modality_postprocessors.text.1.log_logit_scale": torch.tensor(3.0),
        "modality_preprocessors.text.token_embedding.weight": torch.randn(len(words), 32),
        "modality_preprocessors.text.pos_embed": torch.randn(1, 24, 32),
        "modality_preprocessors.text.mask": torch.zeros(24, 24),
        "modality_preprocessors.vision.rgbt_stem.proj.1.weight": torch.randn(32, 3, 2, 14, 14) / 30,
        "modality_preprocessors.audio.rgbt_stem.proj.weight": torch.randn(24, 1, 16, 16) / 16,
        **_norm("modality_preprocessors.audio.rgbt_stem.norm_layer", 24),
        **_norm("modality_trunks.vision.pre_transformer_layer.0", 32),
        **_norm("modality_heads.text.proj.0", 32),
        "modality_heads.text.proj.1.weight": torch.randn(8, 32),
    }
    for sense, width, places in (("vision", 32, 5), ("audio", 24, 229)):
        tensors |= {
            f"modality_preprocessors.{sense}.cls_token": torch.randn(1, 1, width),
            f"modality_preprocessors.{sense}.pos_embedding_helper.pos_embed": torch.randn(1, places, width),
            **_norm(f"modality_heads.{sense}.0", width),
            f"modality_heads.{sense}.2.weight": torch.randn(8, width),
        }
    for sense, width in (("vision", 32), ("text", 32), ("audio", 24)):
        for number in range(2):
            tensors |= _layer(f"modality_trunks.{sense}.blocks.{number}.", width, heard=sense == "audio")
    folder.mkdir(parents=True, exist_ok=True)
    tensors.pop(leave_out, None)
    torch.save(tensors, folder / "imagebind_huge.pth")
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return folder


def _layer(start: str, width: int, *, heard: bool) -> dict[str, torch.Tensor]:
    tensors = {
        **_norm(f"{start}norm_1", width),
        **_norm(f"{start}norm_2", width),
        f"{start}attn.in_proj_weight": torch.randn(3 * width, width) / 4,
        f"{start}attn.in_proj_bias": torch.randn(3 * width) / 4,
        **_linear(f"{start}attn.out_proj", width, width),
        **_linear(f"{start}mlp.fc1", 4 * width, width),
        **_linear(f"{start}mlp.fc2", width, 4 * width),
    }
    if heard:
        tensors |= {f"{start}attn.bias_{one}": torch.randn(1, 1, width) for one in "kv"}
    return tensors


def _linear(name: str, out: int, into: int) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.randn(out, into) / 6, f"{name}.bias": torch.randn(out) / 6}


def _norm(name: str, width: int) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": 1 + torch.randn(width) / 6, f"{name}.bias": torch.randn(width) / 6}
