"""Generated jobs of small pictures, and what has to be stored once they are done."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from rag.types import content_hash

SIDE = 48
SHARES = {"changed": 0.15, "unchanged": 0.15, "duplicate": 0.1, "corrupt": 0.05}
"""Of the files of a job; the rest is new. Only what was sent before can be changed or unchanged."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A file of a job, and the receipts that are true of it."""

    source: str
    data: bytes
    caption: str
    allowed: tuple[str, ...]


@dataclass
class Lane:
    """A collection, whose jobs come one after the other. ``now`` is what each source has."""

    name: str
    random: random.Random
    now: dict[str, Sent] = field(default_factory=dict)

    def job(self, number: int, size: int) -> list[Sent]:
        """The files of the next job, in random order; all its sources differ."""
        counts = {kind: int(share * size) for kind, share in SHARES.items()}
        before = self.random.sample(sorted(self.now), min(len(self.now), 2 * counts["changed"]))
        changed = before[: counts["changed"]]
        same = [self.now[source] for source in before[counts["changed"] :]]
        sent = [Sent(s.source, s.data, s.caption, ("unchanged",)) for s in same]
        sent += [self._new(source) for source in changed]
        stem = f"chaos://{self.name}/{number}"
        corrupt = [f"{stem}/cut-{n}.jpg" for n in range(counts["corrupt"])]
        sent += [Sent(source, self._picture()[:200], "", ("quarantined",)) for source in corrupt]
        plain = size - len(sent) - 2 * counts["duplicate"]
        sent += [self._new(f"{stem}/{n}.jpg") for n in range(plain)]
        for n in range(counts["duplicate"]):
            # Which of the two comes first is open; that one makes the item.
            one = self._new(f"{stem}/one-{n}.jpg")
            sent += [Sent(one.source, one.data, "", ("indexed", "duplicate"))]
            sent += [Sent(f"{stem}/two-{n}.jpg", one.data, "", ("indexed", "duplicate"))]
        self.now.update({file.source: file for file in sent if file.allowed != ("quarantined",)})
        self.random.shuffle(sent)
        return sent

    def stored(self) -> dict[str, set[str]]:
        """The sources of each content, by its hash."""
        found: dict[str, set[str]] = {}
        for file in self.now.values():
            found.setdefault(content_hash(file.data), set()).add(file.source)
        return found

    def _new(self, source: str) -> Sent:
        caption = f"picture {self.random.randrange(10**6)}" if self.random.random() < 0.2 else ""
        return Sent(source, self._picture(), caption, ("indexed",))

    def _picture(self) -> bytes:
        pixels = np.frombuffer(self.random.randbytes(6 * 6 * 3), np.uint8).reshape(6, 6, 3)
        file = io.BytesIO()
        Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST).save(file, "JPEG", quality=90)
        return file.getvalue()
