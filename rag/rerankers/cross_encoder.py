"""A reranking model in this process: any CrossEncoder of sentence-transformers, Qwen3-Reranker among them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from rag.encoders.loading import first_line, revision
from rag.errors import ModelUnavailable
from rag.once import once
from rag.rerankers.prompts import MAX_QUESTION, MAX_TEXT, plain, qwen3_prompt
from rag.rerankers.scorer import Model, Pair

BATCH = 8
"""Pairs a forward pass; the deadline is looked at between two."""
PREFIX = "cross-encoder:"


class CrossEncoderScorer:
    """A ``Scorer`` over a hub name or a folder, loaded at first use.

    A language model (``…ForCausalLM``) is scored by its logits of “yes” and “no”, a classifier by its one
    output; the probability is the logistic function of either. Qwen3-Reranker is asked in its own form as
    both; other classifiers read question and text as they are. ``device``: ``auto`` takes CUDA where there
    is one, in half precision.
    """

    def __init__(self, name: str, *, device: str = "auto") -> None:
        self._name = name
        self._device = device
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """As set by OLHAR_RERANKER."""
        return PREFIX + self._name

    def look(self) -> Model:
        """Its device is ``not loaded yet`` until it is."""
        return self.load() if "_model" in vars(self) else Model("", "not loaded yet")

    def load(self) -> Model:
        """Raises ModelUnavailable, naming the setting and the remedy."""
        return Model(self._digest, str(self._model.device))

    def score(self, pairs: Sequence[Pair], seconds: float) -> Iterator[tuple[int, float | None]]:
        """In batches, one question's pairs at a time; another's wait for their turn within their deadline."""
        until = time.monotonic() + seconds
        if not self._lock.acquire(timeout=seconds):
            return
        try:
            for start in range(0, len(pairs), BATCH):
                if time.monotonic() >= until:
                    return
                yield from enumerate(self._probabilities(pairs[start : start + BATCH]), start=start)
        finally:
            self._lock.release()

    def close(self) -> None:
        """Nothing is held but memory."""

    def _probabilities(self, pairs: Sequence[Pair]) -> list[float]:
        import torch

        try:
            with torch.inference_mode():
                features = self._model.preprocess([self._form(pair) for pair in pairs])
                moved = {
                    key: value.to(self._model.device) if isinstance(value, torch.Tensor) else value
                    for key, value in features.items()
                }
                chances: list[float] = (
                    torch.sigmoid(self._model(moved)["scores"].float()).reshape(-1).tolist()
                )
        except RuntimeError as error:  # torch's own, out of memory among them
            raise ModelUnavailable(
                f"OLHAR_RERANKER={self.name} failed: {first_line(error)}; set a smaller model, or "
                "OLHAR_RERANK_DEVICE=cpu"
            ) from error
        return chances

    def _form(self, pair: Pair) -> str | tuple[str, str]:
        if self._asks:
            return qwen3_prompt(pair)
        return plain(pair.question, MAX_QUESTION), plain(pair.text, MAX_TEXT)

    @once
    def _asks(self) -> bool:
        """Whether it was trained on Qwen3-Reranker's form: as a language model, or made a classifier."""
        (architecture,) = self._model[0].model.config.architectures or ("",)
        return architecture.endswith("ForCausalLM") or architecture.startswith("Qwen3")

    @once
    def _digest(self) -> str:
        return revision(self._name, self._model)

    @once
    def _model(self) -> Any:
        import torch
        from sentence_transformers import CrossEncoder

        device = self._device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            model = CrossEncoder(self._name, device=device)
        except (
            Exception
        ) as error:  # the hub, the tokenizer, safetensors and torch each raise classes of their own
            raise ModelUnavailable(
                f"OLHAR_RERANKER={self.name} cannot be loaded: {first_line(error)}. Give a folder that "
                "holds the whole model, or connect to the hub once so that it is cached; "
                "OLHAR_RERANKER=none needs none"
            ) from error
        if model.num_labels != 1:
            raise ModelUnavailable(
                f"OLHAR_RERANKER={self.name} sorts into {model.num_labels} classes; a reranker has one "
                "output, or answers with yes and no"
            )
        return model.half() if device.startswith("cuda") else model
