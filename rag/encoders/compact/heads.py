"""The learned half: small networks on top of the frozen towers, in numpy."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
from safetensors import SafetensorError, safe_open

from rag.encoders.compact.hubs import Hubs
from rag.encoders.compact.packing import unpack
from rag.errors import ModelUnavailable
from rag.types import Matrix

FILE = "compact-heads.safetensors"
PACKAGED = Path(__file__).with_name(FILE)
FORMAT = "3"
"""Kept in the file; goes up when heads of before can no longer be used."""
COMMON, ASKED, USUAL = "common", "asked", "usual"
PARTS = ("mean", "spread", "first.weight", "first.bias", "second.weight", "second.bias")


@dataclass(frozen=True, slots=True)
class Head:
    """Standardise, linear, GELU, linear; the six arrays are in the order of ``PARTS``."""

    parts: tuple[Matrix, ...]

    def __call__(self, features: Matrix) -> Matrix:
        """Unit vectors, shape (n, outputs), of features of shape (n, inputs)."""
        mean, spread, first, bias, second, last = self.parts
        hidden = ((features - mean) / spread) @ first.T + bias
        rows = gelu(np.asarray(hidden, np.float32)) @ second.T + last
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    @property
    def inputs(self) -> int:
        return int(self.parts[2].shape[1])

    @property
    def outputs(self) -> int:
        return int(self.parts[4].shape[0])


@dataclass(frozen=True, slots=True)
class Heads:
    """Several heads for each side, and the name of their weights.

    The unit vectors of the heads of one side are put one behind the other, and ``common`` (their numbers
    together, outputs), one matrix for both sides, takes that to the vector that is kept. Heads that were
    trained from other random starts err in other places: together they are better than the best of them.
    ``hubs`` works on the whole vector, of which this is a half.
    """

    images: tuple[Head, ...]
    texts: tuple[Head, ...]
    common: Matrix
    hubs: Hubs
    digest: str

    def image(self, features: Matrix) -> Matrix:
        """Unit vectors, shape (n, outputs), of features of pictures."""
        return self._together(self.images, features)

    def text(self, features: Matrix) -> Matrix:
        """Unit vectors, shape (n, outputs), of features of texts."""
        return self._together(self.texts, features)

    def _together(self, heads: tuple[Head, ...], features: Matrix) -> Matrix:
        rows = np.concatenate([head(features) for head in heads], axis=1) @ self.common
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    @classmethod
    def load(cls, path: Path) -> Self:
        """From a file of ``olhar train compact``.

        Raises ModelUnavailable when it is none, is damaged, or was written by a version of Olhar whose heads
        were of another form.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                told = (file.metadata() or {}).get("format")
                packed = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
            if told != FORMAT:
                raise ModelUnavailable(
                    f"{path} holds heads of format {told or 1}, this Olhar uses format {FORMAT}: train them "
                    "again with `olhar train compact`, and rebuild collections with `olhar reindex`"
                )
            return cls.of(unpack(packed), digest(path))
        except (OSError, SafetensorError, KeyError, ValueError, IndexError) as error:
            raise ModelUnavailable(
                f"{path} holds no heads of the compact encoder ({error}): reinstall Olhar, or give the "
                "folder that `olhar train compact` wrote"
            ) from None

    @classmethod
    def of(cls, arrays: Mapping[str, Matrix], digest: str) -> Self:
        """From unpacked arrays. Raises KeyError and ValueError when they are none of heads."""
        asked = arrays[ASKED]
        if not np.isfinite(asked).all():
            raise ValueError("the questions beside the heads have numbers that are not finite")
        return cls(*_heads(arrays), Hubs(asked, float(arrays[USUAL].item())), digest)


@lru_cache(maxsize=2)
def loaded(path: Path, _digest: str) -> Heads:
    """As ``Heads.load``; both sides of an encoder share what was read of one file."""
    return Heads.load(path)


def tuned_heads(encoder: str) -> Path | None:
    """The file of heads, when ``encoder`` is a folder that ``olhar train compact`` wrote."""
    path = Path(encoder) / FILE
    return path if path.is_file() else None


def digest(path: Path) -> str:
    """The first 16 hex digits of the file's SHA-256. Raises ModelUnavailable when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise ModelUnavailable(
            f"{path} cannot be read ({error.strerror}): reinstall Olhar, or give the folder that "
            "`olhar train compact` wrote"
        ) from None


def gelu(x: Matrix) -> Matrix:
    """Hendrycks & Gimpel 2016, arXiv 1606.08415, section 2: the approximation by tanh."""
    return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), np.float32)


def _heads(arrays: Mapping[str, Matrix]) -> tuple[tuple[Head, ...], tuple[Head, ...], Matrix]:
    members = sorted({int(name.split(".")[0]) for name in arrays if "." in name})
    images, texts = (tuple(_head(arrays, f"{n}.{side}") for n in members) for side in ("image", "text"))
    common = arrays[COMMON]
    for side in (images, texts):
        if {head.inputs for head in side} != {side[0].inputs}:
            raise ValueError("not all heads of one side see as many features")
        if sum(head.outputs for head in side) != len(common):
            raise ValueError("the heads do not fit to the matrix behind them")
    if not np.isfinite(common).all():
        raise ValueError("the matrix behind the heads has numbers that are not finite")
    return images, texts, common


def _head(arrays: Mapping[str, Matrix], side: str) -> Head:
    head = Head(tuple(arrays[f"{side}.{part}"] for part in PARTS))
    mean, spread, first, bias, second, last = (part.shape for part in head.parts)
    if not (mean == spread == (first[1],) and bias == (first[0],) == (second[1],) and last == (second[0],)):
        raise ValueError(f"the shapes of {side} do not fit together")
    if not all(np.isfinite(part).all() for part in head.parts):
        raise ValueError(f"{side} has numbers that are not finite")
    return head
