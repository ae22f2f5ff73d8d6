"""What the tools give: what an assistant needs to answer and to ask on, and no more."""

from __future__ import annotations

from pydantic import BaseModel

from api.schemas import AskOut, CollectionsOut, EvidenceOut, HitOut, IngestOut, SearchOut

TOLD = 100
"""Files of an ingestion that are told one by one; those that were not indexed first."""
TEXT = 2000
"""Characters of a hit's text."""


class Found(BaseModel):
    """An item. ``relevance`` is a probability in [0, 1]; ``kind`` is ``image`` or ``passage``,
    and ``modality`` of a sound ``audio``.
    """

    item_id: str
    kind: str
    modality: str
    source: str
    caption: str
    text: str
    page: int
    collection: str
    relevance: float
    tags: list[str]

    @classmethod
    def of(cls, hit: HitOut) -> Found:
        return cls(
            item_id=hit.item_id,
            kind=hit.kind,
            modality=hit.modality,
            source=hit.source,
            caption=hit.caption,
            text=hit.text[:TEXT],
            page=hit.page,
            collection=hit.collection,
            relevance=round(hit.relevance, 4),
            tags=hit.tags,
        )


class SearchResult(BaseModel):
    """Hits, best first; ``next`` is the ``cursor`` of the page after them, empty where there is none."""

    hits: list[Found]
    next: str
    warnings: list[str]

    @classmethod
    def of(cls, found: SearchOut) -> SearchResult:
        return cls(
            hits=[Found.of(hit) for hit in found.hits], next=found.next or "", warnings=list(found.warnings)
        )


class Evidence(Found):
    """An item with its number in the answer's citations."""

    marker: int

    @classmethod
    def of_evidence(cls, evidence: EvidenceOut) -> Evidence:
        return cls(marker=evidence.marker, **Found.of(evidence).model_dump())


class AskResult(BaseModel):
    """An answer whose ``[1]`` … were checked against the evidence. ``abstained``: there is none."""

    answer: str
    abstained: bool
    cited: list[str]
    evidence: list[Evidence]
    model: str
    warnings: list[str]

    @classmethod
    def of(cls, answer: AskOut) -> AskResult:
        return cls(
            answer=answer.answer,
            abstained=answer.abstained,
            cited=[citation.item_id for citation in answer.citations],
            evidence=[Evidence.of_evidence(one) for one in answer.evidence],
            model=answer.model,
            warnings=list(answer.warnings),
        )


class FileResult(BaseModel):
    """What became of a file, and why."""

    source: str
    status: str
    item_id: str
    reason: str


class IngestResult(BaseModel):
    """How many files have which receipt, and the receipts; those that were not indexed first."""

    collection: str
    counts: dict[str, int]
    files: list[FileResult]
    more: int

    @classmethod
    def of(cls, report: IngestOut) -> IngestResult:
        files = sorted(report.files, key=lambda file: file.status in ("indexed", "unchanged"))
        told = [FileResult(**file.model_dump(include=set(FileResult.model_fields))) for file in files[:TOLD]]
        counts = {str(status): count for status, count in report.counts.items()}
        return cls(collection=report.collection, counts=counts, files=told, more=len(files) - len(told))


class CollectionResult(BaseModel):
    """A collection, and how many items of each kind it holds."""

    name: str
    images: int
    passages: int


class CollectionsResult(BaseModel):
    """The collections, by name."""

    collections: list[CollectionResult]

    @classmethod
    def of(cls, found: CollectionsOut) -> CollectionsResult:
        return cls(
            collections=[
                CollectionResult(name=c.name, images=c.images, passages=c.passages) for c in found.collections
            ]
        )
