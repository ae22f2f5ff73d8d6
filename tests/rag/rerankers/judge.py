"""A model behind the test server that judges pairs: what the published rerankers would do, as a rule."""

from __future__ import annotations

import base64
import io
import math
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from rag.rerankers.scorer import Pair
from rag.rerankers.self_test import COLOURS
from tests.ollama_server import Ask, End, Token
from tests.rag.rerankers.conftest import knowing

_PAIR = re.compile(r"<Query>: (?P<question>.*)\n<Document>: (?P<text>.*?)(?:<\||$)", re.DOTALL)


@dataclass
class Judge:
    """A ``Backend``. ``held``: what texts wait for the gate. ``most``: requests at a time."""

    chance: Callable[[Pair], float | None] = knowing
    held: str = ""
    gate: threading.Event = field(default_factory=threading.Event)
    asks: list[Ask] = field(default_factory=list)
    now: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tokens(self, ask: Ask, stopping: threading.Event) -> Iterator[Token | End]:
        """Yes and no in several spellings, and something else besides."""
        with self.lock:
            self.asks.append(ask)
            self.now += 1
            self.most = max(self.most, self.now)
        pair = pair_of(ask)
        while self.held and self.held in pair.text and not (self.gate.is_set() or stopping.is_set()):
            self.gate.wait(0.01)
        chance = self.chance(pair) or 1e-6
        rows = [("yes", 0.6 * chance), (" Yes", 0.3 * chance), ("no", 0.9 * (1 - chance)), ("The", 0.1)]
        choices = sorted(((text, math.log(mass)) for text, mass in rows), key=lambda row: -row[1])
        with self.lock:
            self.now -= 1
        yield Token(*choices[0], choices=choices)
        yield End("length", prompt_tokens=100, tokens=1)


def pair_of(ask: Ask) -> Pair:
    """The pair that a prompt asks about; of a picture the self-test's colour that it has."""
    text = ask.prompt if ask.prompt is not None else ask.messages[-1]["content"]
    found = _PAIR.search(text)
    assert found, text
    images = [] if ask.prompt is not None else ask.messages[-1].get("images") or []
    if not images:
        return Pair(found["question"], found["text"])
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(images[0]))).convert("RGB"))
    mean = pixels.reshape(-1, 3).mean(axis=0)
    colour = min(COLOURS, key=lambda name: float(np.abs(mean - COLOURS[name]).sum()))
    alone = "picture alone" in found["text"]
    return Pair(found["question"], "" if alone else found["text"], f"self-test-{colour}")
