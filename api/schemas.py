"""The JSON shapes of results, the same over HTTP and with ``--json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
)

from ingest.receipts import FileReceipt, IngestReport, Status
from rag.duplicates import Groups
from rag.types import (
    Answer,
    Evidence,
    Hit,
    Kind,
    Legs,
    RerankState,
    SearchResult,
)


def _printable(value: object) -> object:
    """Names of files may hold bytes that are no UTF-8 (lone surrogates); JSON cannot."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


Shown = Annotated[str, BeforeValidator(_printable)]
"""A text in a result; what is no Unicode is written as ``\\udcXX``."""


class LegsOut(BaseModel):
    """The score on each leg, and what counts beside them; null where the item or the query has none."""

    image: float | None
    caption: float | None
    bm25: float | None
    rerank: float | None = None
    """The reranker's probability in [0, 1]."""
    ocr: float | None = None
    """Cosine of the query and the text that was read in a photo."""
    agreement: float | None = None
    """How near the item's own picture and caption are, in [-1, 1]."""
    named: float | None = None
    """Above 0 where the picture shows what the query names, below where it surely does not, else 0."""

    @classmethod
    def of(cls, legs: Legs) -> LegsOut:
        return cls(**asdict(legs))


class LabelOut(BaseModel):
    """A zero-shot label with its probability in [0, 1]."""

    name: Shown
    probability: float


class HitOut(BaseModel):
    """A ranked item. ``score``, in log-odds, is what orders it; ``relevance`` is a probability in [0, 1].

    ``modality``: of an item of the kind ``image`` whether it is one, or a sound (``audio``), or another.
    ``duplicates`` pictures that look like it and ``more_parts`` of its document were found too and are not
    listed. ``negative`` is the probability that it is about what was not wanted, null where nothing was said.
    A passage or figure of a document says where it stands: its ``part``, ``page`` (0: none), the ``title``,
    and the document's own item as ``parent_id``; a frame of a video, or a part of its sound, so many
    ``seconds`` after its start.
    """

    rank: int
    item_id: str
    kind: Kind
    modality: str = ""
    source: Shown
    part: str
    parent_id: str
    page: int
    title: Shown
    seconds: float | None = None
    caption: Shown
    text: Shown
    score: float
    relevance: float
    legs: LegsOut
    tags: list[Shown]
    labels: list[LabelOut]
    collection: str = ""
    duplicates: int = 0
    more_parts: int = 0
    negative: float | None = None

    @classmethod
    def of(cls, hit: Hit) -> HitOut:
        return cls(**_hit(hit))


class RerankOut(BaseModel):
    """Whether a reranker had its say, and if not, why."""

    state: Literal["applied", "degraded", "skipped"]
    reason: Shown

    @classmethod
    def of(cls, rerank: RerankState) -> RerankOut:
        return cls(state=rerank.state, reason=rerank.reason)


class SearchOut(BaseModel):
    """Hits, best first. ``next`` is the ``cursor`` for more; null where no more are listed."""

    hits: list[HitOut]
    rerank: RerankOut = RerankOut(state="skipped", reason="")  # a server of before says nothing of it
    warnings: list[Shown]
    next: str | None = None

    @classmethod
    def of(cls, result: SearchResult) -> SearchOut:
        return cls(
            hits=[HitOut.of(hit) for hit in result.hits],
            rerank=RerankOut.of(result.rerank),
            warnings=list(result.warnings),
            next=result.next or None,
        )


class CitationOut(BaseModel):
    """Evidence that the answer points at."""

    marker: int
    item_id: str
    source: Shown


class EvidenceOut(HitOut):
    """A hit with its number in the prompt; ``prompt`` is the text that stands there for it.

    ``alike`` others were relevant too, and look like it or say the same.
    """

    marker: int
    prompt: Shown
    alike: int = 0

    @classmethod
    def of_evidence(cls, evidence: Evidence) -> EvidenceOut:
        return cls(marker=evidence.marker, prompt=evidence.text, alike=evidence.alike, **_hit(evidence.hit))


class TraceOut(BaseModel):
    """How the question was understood: its language, and what it was rewritten to, if it was.

    ``state`` is ``rewritten``, ``unchanged``, ``failed`` (``reason``; the question was used as it is) or
    ``skipped``.
    """

    language: str = ""
    rewritten: Shown = ""
    ms: float = 0.0
    state: Literal["rewritten", "unchanged", "failed", "skipped"] = "skipped"
    reason: Shown = ""


class ContextOut(BaseModel):
    """How much of what was ``found`` the language model was ``shown``.

    ``found`` pieces of evidence stand for ``alike`` more that look like them or say the same. ``pictures``
    and earlier ``turns`` were sent too. The prompt had ``tokens`` of the ``room`` that there was; all zero
    where no model was asked.
    """

    found: int = 0
    alike: int = 0
    shown: int = 0
    pictures: int = 0
    turns: int = 0
    tokens: int = 0
    room: int = 0

    @classmethod
    def of(cls, answer: Answer) -> ContextOut:
        shown = answer.shown
        return cls(
            found=len(answer.evidence),
            alike=sum(piece.alike for piece in answer.evidence),
            shown=shown.evidence,
            pictures=shown.pictures,
            turns=shown.turns,
            tokens=shown.tokens,
            room=shown.room,
        )


class SentenceOut(BaseModel):
    """A sentence of an answer, the evidence that it cites, and whether that says it.

    ``supported`` is null where a language model was to be asked and did not say; ``words`` is the share of
    the sentence's content words that its evidence holds.
    """

    sentence: Shown
    markers: list[int]
    supported: bool | None
    words: float


class AskOut(BaseModel):
    """An answer with everything needed to check it. ``id`` is what feedback names it by."""

    id: str = ""
    answer: Shown
    abstained: bool
    citations: list[CitationOut]
    evidence: list[EvidenceOut]
    rerank: RerankOut
    trace: TraceOut = TraceOut()  # a server of before says nothing of it
    context: ContextOut = ContextOut()  # nor of it
    sentences: list[SentenceOut] = Field(default_factory=list, description="empty unless they were checked")
    model: str
    warnings: list[Shown]
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, answer: Answer) -> AskOut:
        return cls(
            id=answer.id,
            answer=answer.text,
            abstained=answer.abstained,
            citations=[
                CitationOut(marker=c.marker, item_id=c.item_id, source=c.source) for c in answer.citations
            ],
            evidence=[EvidenceOut.of_evidence(e) for e in answer.evidence],
            rerank=RerankOut.of(answer.rerank),
            trace=TraceOut(**asdict(answer.trace)),
            context=ContextOut.of(answer),
            sentences=[SentenceOut(**asdict(sentence)) for sentence in answer.sentences],
            model=answer.model,
            warnings=list(answer.warnings),
            timings_ms=dict(answer.timings_ms),
        )


class FileOut(BaseModel):
    """What became of one file."""

    source: Shown
    status: Status
    item_id: str
    reason: Shown

    @classmethod
    def of(cls, receipt: FileReceipt) -> FileOut:
        return cls(
            source=receipt.source, status=receipt.status, item_id=receipt.item_id, reason=receipt.reason
        )


class IngestOut(BaseModel):
    """What became of each file, and how many of each status."""

    collection: str
    files: list[FileOut]
    counts: dict[Status, int]

    @classmethod
    def of(cls, report: IngestReport) -> IngestOut:
        files = [FileOut.of(receipt) for receipt in report.files]
        return cls(collection=report.collection, files=files, counts=dict(report.counts))


class CollectionOut(BaseModel):
    """A collection and how many items of each kind it holds.

    ``ocr`` and ``captions``: pictures whose text is wanted, and that are to be described: how many are
    ``pending``, ``done``, ``skipped``.
    """

    name: str
    images: int
    passages: int
    ocr: dict[str, int]
    captions: dict[str, int] = Field(default_factory=dict)


class CollectionsOut(BaseModel):
    """The collections, by name."""

    collections: list[CollectionOut]


class EmbeddingOut(BaseModel):
    """Vectors of length 1, shape (1, dim)."""

    embedding: list[list[float]]


class SimilarityOut(BaseModel):
    """``cosine`` in [-1, 1]; ``similarity`` is the model's logit: its logit scale times the cosine."""

    similarity: float
    cosine: float


class PartOut(BaseModel):
    """The state of one part, with what is known about it, or why it cannot be used."""

    state: Literal["ok", "failed"]
    detail: dict[str, Shown]


class HealthOut(BaseModel):
    """``degraded`` when any part failed."""

    status: Literal["ok", "degraded"]
    version: str
    parts: dict[str, PartOut]


class LiveOut(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class ReadyPartOut(BaseModel):
    """The state of one part, and the milliseconds that it took to say so; ``GET /health`` has the reason."""

    state: Literal["ok", "failed"]
    ms: float


class ReadyOut(BaseModel):
    """Whether work can be done; ``degraded``: without the language model, or the reranker."""

    status: Literal["ready", "degraded", "unready"]
    parts: dict[str, ReadyPartOut]


def _hit(hit: Hit) -> Mapping[str, Any]:
    item = hit.item
    return {
        "rank": hit.rank,
        "item_id": item.id,
        "kind": item.kind,
        "modality": item.modality,
        "source": item.source,
        "part": item.part,
        "parent_id": item.parent_id,
        "page": item.page,
        "title": str(item.metadata.get("title", "")) if item.parent_id else "",
        "seconds": item.seconds,
        "caption": item.caption,
        "text": item.text,
        "score": hit.score,
        "relevance": hit.relevance,
        "legs": LegsOut.of(hit.legs),
        "tags": list(item.tags),
        "labels": [LabelOut(name=label.name, probability=label.probability) for label in hit.labels],
        "collection": item.collection,
        "duplicates": hit.duplicates,
        "more_parts": hit.more_parts,
        "negative": hit.negative,
    }


class LookalikeOut(BaseModel):
    """One picture of a group."""

    item_id: str
    sources: list[str]


class DuplicatesOut(BaseModel):
    """Groups of pictures that look alike; ``complete`` says that all pictures were looked at."""

    groups: list[list[LookalikeOut]]
    looked_at: int
    complete: bool

    @classmethod
    def of(cls, found: Groups) -> DuplicatesOut:
        groups = [
            [LookalikeOut(item_id=item.id, sources=list(item.sources)) for item in group]
            for group in found.groups
        ]
        return cls(groups=groups, looked_at=found.looked_at, complete=found.complete)
