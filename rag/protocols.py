"""The seams: what an encoder, a store, a generator and a reranker have to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from rag.types import (
    CollectionInfo,
    Described,
    Draft,
    Evidence,
    Filter,
    Fingerprint,
    GenerationOptions,
    Hit,
    Item,
    Kind,
    Leg,
    Matrix,
    Pixels,
    RerankState,
    Row,
    Scope,
    Sound,
    Turn,
    Vector,
)


class TextEncoder(Protocol):
    """Texts to vectors, for captions and passages. Rows are float32, normalised, shape (n, dim)."""

    @property
    def fingerprint(self) -> Fingerprint: ...

    @property
    def device(self) -> str:
        """Where it runs: ``cpu``, ``cuda:0`` …"""

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text are read; 0 when all are."""

    def overlong_documents(self, texts: Sequence[str]) -> Mapping[int, int]:
        """The texts whose end would not be read if they were stored: place, and number of tokens."""

    def overlong_queries(self, texts: Sequence[str]) -> Mapping[int, int]:
        """As ``overlong_documents``, for what looks for stored texts."""

    def encode_documents(self, texts: Sequence[str]) -> Matrix:
        """What is stored: captions, passages."""

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        """What looks for stored texts."""


class ImageEncoder(Protocol):
    """Images and texts to one space. Rows are float32, normalised, shape (n, dim)."""

    @property
    def fingerprint(self) -> Fingerprint: ...

    @property
    def logit_scale(self) -> float:
        """The model's own factor from cosine to logit (1 / temperature)."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes that the model's text side understands; empty when unknown."""

    @property
    def device(self) -> str:
        """Where it runs: ``cpu``, ``cuda:0`` …"""

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text are read; 0 when all are."""

    def overlong_queries(self, texts: Sequence[str]) -> Mapping[int, int]:
        """The texts whose end is not read: place, and number of tokens."""

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        """Pictures to be stored."""

    def encode_image_queries(self, images: Sequence[Pixels]) -> Matrix:
        """Pictures that look for pictures."""

    def encode_text_queries(self, texts: Sequence[str]) -> Matrix:
        """Texts that look for pictures."""


@runtime_checkable
class WordByWord(Protocol):
    """What an encoder is besides, when it reads some language by a list of words."""

    def not_understood(self, text: str) -> tuple[str, ...]:
        """The words of ``text``, as written, that its list lacks; none for a language it reads itself."""


@runtime_checkable
class Naming(Protocol):
    """What an image encoder is besides, when it knows some things by name."""

    def named(self, queries: Matrix, images: Matrix) -> Matrix | None:
        """For vectors of text queries and of pictures, shape (queries, pictures), in [-1, 1].

        Above 0 where a picture shows what the query names, below where it shows something else, the more the
        surer; 0 when the query names nothing that is known. None when nothing can be said.
        """


@runtime_checkable
class Hearing(Protocol):
    """What an image encoder is besides, when sounds may be in its space."""

    @property
    def hears(self) -> bool:
        """Whether they are."""

    @property
    def sees(self) -> bool:
        """Whether pictures are, too."""

    def encode_sounds(self, sounds: Sequence[Sound]) -> Matrix:
        """Sounds to be stored, and sounds that look for what is stored."""


@runtime_checkable
class Agreeing(Protocol):
    """What a text encoder is besides, when its vectors tell how well a caption fits a picture."""

    def agreement(self, captions: Matrix, images: Matrix) -> Vector | None:
        """For each caption and its picture, in [-1, 1], shape (n,); None when nothing can be said."""


class Store(Protocol):
    """Where items and vectors live. Every call is bounded by a scope; nothing crosses a tenant."""

    def upsert(self, rows: Sequence[Row]) -> None:
        """Write rows, replacing those of equal id; durable and readable when it returns.

        Raises InvalidInput naming the row when a vector is NaN, zero or of another size.
        """

    def delete(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> int:
        """Remove items; returns how many were there."""

    def get(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> list[Item]:
        """The items that exist, in the order of ``ids``."""

    def rows(self, scope: Scope, kind: Kind, ids: Sequence[str]) -> list[Row]:
        """As ``get``, with vectors. Rows are shared: nothing of them is the caller's to change."""

    def scan(
        self,
        scope: Scope,
        kind: Kind,
        *,
        where: Filter | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[Item]:
        """Items in order of id, those after the id ``after``; at most ``limit``."""

    def count(self, scope: Scope, kind: Kind, where: Filter | None = None) -> int:
        """How many items the scope holds."""

    def collections(self, tenant: str) -> list[CollectionInfo]:
        """The tenant's collections, by name."""

    def made_of(self, sha256s: Sequence[str]) -> set[str]:
        """Those of the contents that an item of any tenant is made of; says no more of whom."""

    def search(
        self,
        scope: Scope,
        kind: Kind,
        leg: Leg,
        query: Vector | str,
        *,
        limit: int,
        where: Filter | None = None,
        ids: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        """(id, score) of the best items on one leg, best first, larger is better.

        ``query`` is a vector for ``image`` and ``caption`` and a text for ``bm25``; ``ids``
        restricts the search to those items. Items without that leg are never returned.
        """

    def close(self) -> None:
        """Release files and connections; nothing may be called afterwards."""


class Reranker(Protocol):
    """Looks at each hit again, together with the question. Safe to use from several threads."""

    @property
    def name(self) -> str:
        """As set by OLHAR_RERANKER, e.g. ``ollama:dengcao/Qwen3-Reranker-0.6B:Q8_0``."""

    def rerank(self, question: str, found: Sequence[Described]) -> tuple[tuple[Hit, ...], RerankState]:
        """The hits in their new order, ranks and relevance renewed, and whether it was applied.

        Raises nothing on purpose: when it cannot be had, the hits come back as they were, and the state
        is ``degraded`` with the reason.
        """

    def warm(self) -> None:
        """Load it and try it on pairs with known answers. Raises ModelUnavailable."""

    def check(self) -> Mapping[str, str]:
        """``{"device": …, "model": …}`` of one that can be had, without loading it.

        Raises ModelUnavailable, also when it was tried before and did not tell known answers apart.
        """

    def close(self) -> None: ...


class TextReranker(Reranker, Protocol):
    """One that looks at texts too that are no hits."""

    def probabilities(self, question: str, texts: Sequence[str]) -> tuple[float | None, ...]:
        """How likely each text answers the question, in [0, 1], in their order; None for one it cannot read.

        Raises ModelUnavailable when it cannot be had, or did not read all of them in time.
        """


class Rewriter(Protocol):
    """Turns a question that follows others into one that stands alone."""

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """Raises ModelUnavailable when it cannot be had in time, or what came is no such question."""


class Judge(Protocol):
    """Reads a sentence and some evidence."""

    def supports(self, sentence: str, evidence: str) -> bool | None:
        """Whether the evidence says what the sentence says; None: hard to tell. Raises ModelUnavailable."""


class Captioner(Protocol):
    """Describes pictures in words. Safe from several threads."""

    @property
    def name(self) -> str:
        """Of the model, as it stands in what is told of a caption: ``model:<name>``."""

    def check(self) -> Mapping[str, str]:
        """``{"device": …, "model": …}`` when usable; raises ModelUnavailable otherwise."""

    def asked(self) -> str:
        """A name, 64 characters, for the weights and the question: equal ones give the same caption.

        Raises ModelUnavailable.
        """

    def caption(self, picture: Pixels) -> str:
        """One or two sentences. Raises ModelUnavailable, and InvalidInput when it writes no caption."""

    def close(self) -> None: ...


class Generator(Protocol):
    """Writes an answer from numbered evidence."""

    @property
    def name(self) -> str:
        """As set by OLHAR_LLM, e.g. ``llamacpp:smollm2``."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes that the model reads and writes; empty when unknown."""

    def stream(
        self,
        question: str,
        evidence: Sequence[Evidence],
        *,
        options: GenerationOptions = ...,
        history: Sequence[Turn] = ...,
        pictures: Sequence[Pixels] = ...,
    ) -> Iterator[str | Draft]:
        """An answer in pieces, and last the draft whose text they make. ``pictures`` are the question's own.

        Closing the iterator stops the model. Raises ModelUnavailable when it cannot be reached in time.
        """

    def check(self) -> Mapping[str, str]:
        """``{"device": …, "model": …}`` when usable; raises ModelUnavailable otherwise."""

    def warm(self) -> None:
        """Load the model, where Olhar can have it loaded. Raises ModelUnavailable."""

    def close(self) -> None: ...
