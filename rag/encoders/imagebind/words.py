"""The tokenizer: CLIP's, from files beside the weights."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
from pathlib import Path
from typing import Any, Final

from tokenizers import pre_tokenizers
from transformers import CLIPTokenizer

from rag.errors import ModelUnavailable

PUBLISHED: Final = "bpe_simple_vocab_16e6.txt.gz"
"""CLIP's merges, as they lie in ImageBind's own repository."""
FILES: Final = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", PUBLISHED)
"""What may make a tokenizer."""
START: Final = "<|startoftext|>"
END: Final = "<|endoftext|>"
WORDS: Final = 49_408
"""Of CLIP: bytes, bytes that end a word, merges, START and END."""


def tokenizer_in(folder: Path) -> Any:
    """From ``tokenizer.json``, ``vocab.json`` and ``merges.txt``, or PUBLISHED. Raises ModelUnavailable."""
    if any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        return CLIPTokenizer.from_pretrained(folder)
    if (folder / PUBLISHED).is_file():
        return _from_merges(folder / PUBLISHED)
    raise ModelUnavailable(
        f"{folder} has no tokenizer: put the vocab.json and merges.txt of one of OpenAI's CLIPs there, or "
        f"{PUBLISHED} from ImageBind's repository"
    )


def has_tokenizer(folder: Path) -> bool:
    """Whether ``tokenizer_in`` finds one there."""
    return any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json", PUBLISHED))


def digest_of(tokenizer: Any) -> str:
    """What decides how texts are cut, as a short digest: the words, and the merges in their order.

    The rest comes from the library, and what a tokenizer was last used for is no part of it.
    """
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    decides = json.dumps((tokenizer.get_vocab(), merges), sort_keys=True)
    return hashlib.sha256(decides.encode()).hexdigest()[:8]


def _from_merges(path: Path) -> Any:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = itertools.islice(file, 1, WORDS - 512 - 2 + 1)
        merges: list[Any] = [tuple(line.split()) for line in lines]
    letters = _letters()
    words = [*letters, *(letter + "</w>" for letter in letters), *map("".join, merges), START, END]
    return CLIPTokenizer(vocab={word: number for number, word in enumerate(words)}, merges=merges)


def _letters() -> list[str]:
    """What stands for each byte: those that can be printed for themselves, then stand-ins for the others."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())
