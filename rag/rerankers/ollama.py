"""Reranking models of Ollama, which has no endpoint for them: they are asked for one token, yes or no."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from rag.errors import ModelUnavailable
from rag.faults import SettingNames
from rag.images import compressed, resize
from rag.ollama import KEEP_ALIVE, Asked, Ollama, Patience, Written, place
from rag.rerankers.prompts import INSTRUCTION, LOOK, SYSTEM, qwen3_prompt, request
from rag.rerankers.scorer import Model, Pair
from rag.rerankers.self_test import drawn
from rag.rerankers.verdicts import TOP, Malformed, NoVerdict, yes_probability
from rag.rerankers.workers import Workers
from rag.types import Pixels

PREFIX = "ollama:"
VISION = "ollama-vision:"
ASKED = Asked(max_tokens=1, context=4096, top_logprobs=TOP)
"""A question and a text have up to 4,000 characters together."""
SIDE = 448
"""The longer side of a picture, in pixels: some 200 tokens to a model that takes 28 to 32 pixels for one."""
CANARY = Pair("Is this a test?", "This is a test.")
SETTINGS = SettingNames(
    "OLHAR_RERANKER", "OLHAR_RERANK_LOAD_SECONDS", "OLHAR_RERANK_SECONDS", "OLHAR_RERANK_SECONDS"
)
NEEDS = "it has to say how likely yes and no are, which conversions for llama.cpp's own reranking cannot"

Pictures: TypeAlias = Callable[[str], Pixels | None]
"""The picture with that SHA-256, or None when it cannot be had."""


class OllamaScorer:
    """A ``Scorer`` over an installed model. Nothing is sent before the first call.

    A text model is asked in Qwen3-Reranker's own form. One with sight is asked in its own chat form, with the
    picture, where the pair has one. ``name`` begins with PREFIX or with VISION; then the model has to see.
    ``parallel`` bounds the requests that are under way at a time.
    """

    def __init__(
        self,
        name: str,
        url: str,
        pictures: Pictures,
        *,
        parallel: int,
        seconds: float,
        load_seconds: float,
        keep_alive: str = KEEP_ALIVE,
    ) -> None:
        self._name = name
        self._pictures = pictures
        model = name.partition(":")[2]
        where = replace(place(model, url, SETTINGS), value=name)
        patience = Patience(load=load_seconds, first=seconds, whole=seconds)
        self._ollama = Ollama(model, url, place=where, patience=patience, keep_alive=keep_alive)
        self._workers = Workers(self._one, parallel)
        self._sees = False

    @property
    def name(self) -> str:
        """As set by OLHAR_RERANKER."""
        return self._name

    def look(self) -> Model:
        """Without loading it: then its device is ``not loaded``."""
        state = self._ollama.require("completion", NEEDS)
        if self._name.startswith(VISION):
            state = self._ollama.require("vision", "it has to look at pictures")
        self._sees = "vision" in state.capabilities
        return Model(state.digest, state.device or "not loaded", self._sees)

    def load(self) -> Model:
        """By asking for a first pair, since only that loads it with the right context."""
        model = self.look()
        if model.device == "not loaded":
            self._one(CANARY)
            model = self.look()
        return model

    def score(self, pairs: Sequence[Pair], seconds: float) -> Iterator[tuple[int, float | None]]:
        """At most ``parallel`` requests at a time, all questions together."""
        return self._workers.run(pairs, seconds)

    def close(self) -> None:
        """Ends the connections."""
        self._ollama.close()

    def _one(self, pair: Pair) -> float | None:
        """None for a pair that cannot be read, or that the model answers neither with yes nor with no."""
        picture = self._picture(pair.image) if pair.image else None
        if not pair.text and picture is None:
            return None
        try:
            return yes_probability(self._first(self._written(pair, picture)))
        except NoVerdict:
            return None
        except Malformed as error:
            raise ModelUnavailable(
                f"OLHAR_RERANKER={self._name}: Ollama gave log-probabilities that are none: {error}"
            ) from error

    def _written(self, pair: Pair, picture: bytes | None) -> Written:
        if not self._sees:
            return self._ollama.generate(qwen3_prompt(pair), ASKED, raw=True)
        images = [] if picture is None else [picture]
        return self._ollama.chat(
            request(pair, LOOK if images else INSTRUCTION), ASKED, system=SYSTEM, images=images
        )

    def _first(self, written: Written) -> Sequence[tuple[str, float]]:
        if not written.choices:
            raise ModelUnavailable(
                f"OLHAR_RERANKER={self._name}: the server tells no log-probabilities; "
                "install Ollama 0.12.11 or newer"
            )
        return written.choices[0]

    def _picture(self, name: str) -> bytes | None:
        """As a file of at most SIDE pixels."""
        pixels = drawn(name)
        if pixels is None:
            pixels = self._pictures(name)
        if pixels is None:
            return None
        height, width = pixels.shape[:2]
        scale = min(1.0, SIDE / max(height, width))
        return compressed(resize(pixels, (max(1, round(width * scale)), max(1, round(height * scale)))))
