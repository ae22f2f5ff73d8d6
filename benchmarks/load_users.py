"""What clients of ``benchmarks.load`` do, for locust. OLHAR_LOAD_PHOTOS and OLHAR_LOAD_MIX say with what."""

from __future__ import annotations

import itertools
import os
import random
import time
from pathlib import Path
from typing import Any, ClassVar

from locust import HttpUser, task

from rag.evaluation.datasets import read_dataset

PHOTOS = read_dataset(Path(os.environ["OLHAR_LOAD_PHOTOS"])).photos
MIXED = os.environ["OLHAR_LOAD_MIX"] == "mixed"
QUESTIONS = [caption for photo in PHOTOS for caption in photo.captions]
numbers = itertools.count()


class Client(HttpUser):
    """Does one thing after the other; one that is refused comes back when it was told to."""

    weights: ClassVar[dict[str, int]] = {"search": 10, "embed": 3, "chat": 1, "upload": 1}

    @task
    def next(self) -> None:
        what = random.choices(list(self.weights), list(self.weights.values()))[0] if MIXED else "search"
        getattr(self, f"do_{what}")()

    def do_search(self) -> None:
        self._send("search", "/v1/search", json={"text": self._new(), "limit": 10})

    def do_embed(self) -> None:
        self._send("embed", "/embed/text", json={"text": self._new()})

    def do_chat(self) -> None:
        messages = [{"role": "user", "content": f"What is in the photo of {self._new()}?"}]
        body = {"model": "olhar/default", "messages": messages, "stream": True}
        self._send("chat", "/v1/chat/completions", json=body)

    def do_upload(self) -> None:
        """A photo that is there already, with bytes behind its end that nobody sent before."""
        path = random.choice(PHOTOS).path
        data = path.read_bytes() + str(next(numbers)).encode()
        self._send("upload", "/v1/collections/uploads/items", files={"files": (path.name, data)})

    def _new(self) -> str:
        """A question that no cache knows."""
        return f"{random.choice(QUESTIONS)} {next(numbers)}"

    def _send(self, name: str, path: str, **content: Any) -> None:
        with self.client.post(path, name=name, catch_response=True, timeout=300, **content) as answer:
            if answer.status_code == 429:
                answer.request_meta["name"] = f"{name}, refused"
                answer.success()
                time.sleep(float(answer.headers["retry-after"]))
