"""The records that travel between the parts. A leaf: it imports nothing of Olhar."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]
"""Shape (dim,), L2-normalised."""
Matrix: TypeAlias = NDArray[np.float32]
"""Shape (n, dim), each row L2-normalised."""
Pixels: TypeAlias = NDArray[np.uint8]
"""Shape (height, width, 3), RGB."""

Sound: TypeAlias = "tuple[NDArray[np.int16], ...]"
"""Windows of a sound, mono, ``SOUND_RATE`` samples a second; at least one, each of ten seconds at most."""
SOUND_RATE = 48_000

Kind: TypeAlias = Literal["image", "passage"]
Leg: TypeAlias = Literal["image", "caption", "bm25"]
JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a request may see: one tenant, and one collection of theirs or (``None``) all of them."""

    tenant: str
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What fixes a vector space; two vectors compare only if their fingerprints are equal."""

    name: str
    weights: str
    preprocessing: str
    dimension: int
    normalised: bool = True


@dataclass(frozen=True, slots=True)
class Item:
    """An image or a passage, as stored. Times are Unix seconds (UTC)."""

    id: str
    tenant: str
    collection: str
    content_hash: str
    sources: tuple[str, ...]
    kind: Kind = "image"
    modality: str = "image"
    part: str = ""
    parent_id: str = ""
    page: int = 0
    caption: str = ""
    ocr: str = ""
    text: str = ""
    tags: tuple[str, ...] = ()
    phash: str = ""
    taken_at: int = 0
    created_at: int = 0
    updated_at: int = 0
    metadata: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Where the item was first seen."""
        return self.sources[0] if self.sources else ""

    @property
    def is_frame(self) -> bool:
        """Whether it is a frame of a video, or a later one of an animation: a picture, and no figure."""
        return bool(self.parent_id) and self.part.startswith("frame-")

    @property
    def is_moment(self) -> bool:
        """Whether it is such a frame, or a part of a video's sound."""
        return self.is_frame or (bool(self.parent_id) and self.part.startswith("sound-"))

    @property
    def seconds(self) -> float | None:
        """Where in a video it stands, or begins, after the start; None for what is no part of one."""
        told = self.metadata.get("seconds") if self.is_moment else None
        return float(told) if isinstance(told, int | float) else None


@dataclass(frozen=True, slots=True)
class Row:
    """An item with its vectors: what the store writes. A missing vector is ``None``."""

    item: Item
    image_vector: Vector | None = None
    caption_vector: Vector | None = None


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection and how many items of each kind it holds."""

    name: str
    images: int
    passages: int


# --- filters: what a search may be restricted to; rag.store.filters alone turns them into text ---

FilterOp: TypeAlias = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "contains"]
FilterValue: TypeAlias = str | int | float | bool | Sequence[str] | Sequence[int]


@dataclass(frozen=True, slots=True)
class Where:
    """One condition. ``field`` is a stored field or ``metadata.<key>``; ``contains`` is for lists."""

    field: str
    op: FilterOp
    value: FilterValue


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds. With no parts: always true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds. With no parts: never true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Filter


Filter: TypeAlias = Where | AllOf | AnyOf | Not


# --- searching ---


LikeBy: TypeAlias = Literal["both", "image", "text"]
Group: TypeAlias = Literal["duplicates", "document", "all", "none"]


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: a text, pictures, a sound, stored items to find the like of, or several of these.

    ``like`` are ids of items, which are not found themselves, and ``like_by`` what of them counts: their
    pictures, their texts or both; ``negative`` are texts that what is found should not be about.
    """

    text: str = ""
    image: Pixels | None = None
    images: tuple[Pixels, ...] = ()
    like: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    like_by: LikeBy = "both"
    sound: Sound | None = None

    @property
    def pictures(self) -> tuple[Pixels, ...]:
        """``image`` and ``images``."""
        return self.images if self.image is None else (self.image, *self.images)


@dataclass(frozen=True, slots=True)
class Fair:
    """Shares that the values of a field of the metadata, or of ``modality``, should have of what is listed.

    They are above 0, and 1 together at most; what they leave is for items with none of the values.
    """

    field: str
    shares: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How hits are listed.

    ``group`` shows one picture of those that look alike (``duplicates``), one part of a document
    (``document``), both (``all``) or every hit (``none``). ``diversity`` in [0, 1] trades relevance for
    difference. ``offset`` hits are passed over; ``cursor``, of an earlier result, goes on where that ended.
    ``fair`` gives groups their shares of every first n.
    """

    group: Group = "duplicates"
    diversity: float = 0.0
    offset: int = 0
    cursor: str = ""
    fair: Fair | None = None


@dataclass(frozen=True, slots=True)
class LegWeights:
    """Log-odds that an item answers a query: ``bias`` + Σ weight × score over what is known of it."""

    bias: float
    image: float = 0.0
    caption: float = 0.0
    bm25: float = 0.0
    agreement: float = 0.0
    named: float = 0.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """How one encoder's scores become a probability; which weights apply depends on what is known.

    One set of weights for each case: an item with text, an item known by its pixels alone, an item known by
    its text alone, and a query that is a picture. What weights give is in order, but too sure or not sure
    enough: the log-odds that are told for a text are the least of ``lines``, (bias, slope > 0) each, at what
    the weights give. ``fitted`` says that all follow logistic regressions on captioned photos
    (``benchmarks/fit_calibration.py``, ``fit_relevance.py``, rounded); otherwise they are a guess.
    """

    full: LegWeights
    image_only: LegWeights
    text_only: LegWeights
    image_query: LegWeights
    fitted: bool = True
    lines: tuple[tuple[float, float], ...] = ((0.0, 1.0),)


@dataclass(frozen=True, slots=True)
class LabelCalibration:
    """How one encoder's cosines of a picture and a label's words become probabilities.

    Among several labels the logit of one is ``scale`` × cosine; “none of these” is as likely as a label with
    the cosine ``none`` would be, times the number of labels. How sharp it is differs from picture to picture:
    probabilities are the mean of those at ``scale`` / ``spread`` and ``scale`` × ``spread``. Each for itself
    a label has the log-odds ``slope`` × cosine + ``bias``. Fitted on photos by ``benchmarks/zero_shot.py``,
    rounded.
    """

    scale: float
    none: float
    slope: float
    bias: float
    spread: float = 1.0


@dataclass(frozen=True, slots=True)
class ModerationScales:
    """From cosine to logit where categories of a policy compete, of pictures and of texts.

    Fitted by ``benchmarks/moderation.py`` so that few of many harmless ones are flagged.
    """

    pictures: float
    texts: float


@dataclass(frozen=True, slots=True)
class RerankWeights:
    """Log-odds that an item answers a query, once a reranker looked at it: ``bias`` + ``fusion`` × the
    fusion's log-odds + ``rerank`` × the log-odds of the reranker's probability.

    The default is the logarithmic opinion pool of the two with equal weights (Genest and Zidek 1986,
    “Combining Probability Distributions”): its odds are the geometric mean of theirs. ``fitted`` says that
    the weights follow a logistic regression on answered questions.
    """

    bias: float = 0.0
    fusion: float = 0.5
    rerank: float = 0.5
    fitted: bool = False


@dataclass(frozen=True, slots=True)
class Legs:
    """An item's score on each leg; ``None`` where the item or the query has no such leg.

    ``image`` and ``caption`` are cosines in [-1, 1]. ``bm25`` is in [0, 1]: the share of
    the query's words, stop words left out, that the item's texts hold in any of their forms. BM25 finds by
    those words; its raw scores do not compare across back ends. ``ocr`` is the cosine of the query and the
    text that was read in a photo, in [-1, 1]. ``rerank`` is the reranker's probability in [0, 1], where one
    looked at the item.

    Two more are no legs, since nothing is found by them. ``agreement``, in [-1, 1]: how near the item's own
    picture and caption are; where they say the same they count for less than where each says its own.
    ``named``, in [-1, 1]: above 0 where the picture shows what the query names, below where it shows
    something else, 0 where the query names nothing that the encoder knows by name.
    """

    image: float | None = None
    caption: float | None = None
    bm25: float | None = None
    rerank: float | None = None
    agreement: float | None = None
    named: float | None = None
    ocr: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A ranked item. ``score`` is what it is ordered by, in log-odds; ``relevance`` the probability in [0, 1]
    that was found to stand behind such a score (``Calibration.lines``), never less for a higher one.

    ``duplicates`` pictures that look like it and ``more_parts`` of its document were found too, and are not
    listed. ``negative`` is the probability that it is about what was not wanted; None where nothing was said.
    """

    rank: int
    item: Item
    score: float
    relevance: float
    legs: Legs
    labels: tuple[Label, ...] = ()
    duplicates: int = 0
    more_parts: int = 0
    negative: float | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A zero-shot label of an image with its probability in [0, 1]."""

    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Described:
    """A hit with all that is known of it, as text; empty for a picture of which nothing is known."""

    hit: Hit
    text: str


@dataclass(frozen=True, slots=True)
class RerankState:
    """Whether a reranker had its say, and if not, why.

    ``skipped`` needs no remedy; ``degraded`` says that it should have had its say and what to do.
    """

    state: Literal["applied", "degraded", "skipped"]
    reason: str = ""


NOT_RERANKED = RerankState("skipped", "not asked for")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first, with what the caller should be told. ``next`` is the cursor for more, or empty."""

    hits: tuple[Hit, ...]
    warnings: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    rerank: RerankState = NOT_RERANKED
    next: str = ""


# --- answering ---

NOT_FOUND = "This is not in this collection."
"""The whole answer where nothing in the collection holds one."""


MAX_EVIDENCE = 2_000
"""Characters of a piece of evidence: what is shown, what models read, and what answers are held against."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A hit with its number in the prompt and the text that stands there for it.

    ``alike`` others that were relevant too look like it, or say the same, and are no evidence of their own.
    """

    marker: int
    hit: Hit
    text: str
    alike: int = 0


@dataclass(frozen=True, slots=True)
class Citation:
    """Evidence that the answer points at."""

    marker: int
    item_id: str
    source: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said earlier in a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How an answer is to be written; ``None`` leaves it to the model's own form.

    ``temperature`` lies in [0, 2], ``max_tokens`` bounds what the model writes, ``stop`` are texts that end
    it, ``schema`` is a JSON schema that the whole answer has to follow, ``instructions`` are those of the
    application that asks.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    schema: Mapping[str, JSON] | None = None
    instructions: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a language model read and wrote, by its own count; zero where none was asked."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


NO_USAGE = Usage()

Finish: TypeAlias = Literal["stop", "length"]
"""Whether a text came to its end, or was cut at the most tokens allowed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a language model was given to read: pieces of evidence, pictures, earlier turns.

    ``tokens`` of the ``room`` that the prompt had, by the model's own count where it counts for others, else
    estimated; all zero where no model was asked.
    """

    evidence: int = 0
    pictures: int = 0
    turns: int = 0
    tokens: int = 0
    room: int = 0


NOTHING_SHOWN = Shown()


@dataclass(frozen=True, slots=True)
class Draft:
    """What the generator wrote, with markers already checked against the evidence.

    ``abstained``: the model itself found no answer in the evidence.
    """

    text: str
    citations: tuple[Citation, ...]
    warnings: tuple[str, ...] = ()
    abstained: bool = False
    usage: Usage = NO_USAGE
    finish: Finish = "stop"
    shown: Shown = NOTHING_SHOWN


@dataclass(frozen=True, slots=True)
class Trace:
    """How a question was understood. ``language`` is an ISO 639-1 code, or empty when it is hard to tell.

    ``rewritten`` is what was searched for and answered, where that is not the question itself. ``unchanged``:
    the model found that the question stands alone; ``failed``: it could not be had, or wrote no such
    question (``reason``), and the question was used as it is; ``skipped``: nothing to rewrite, or
    OLHAR_REWRITE is off. ``ms`` is the time that it took.
    """

    language: str = ""
    rewritten: str = ""
    ms: float = 0.0
    state: Literal["rewritten", "unchanged", "failed", "skipped"] = "skipped"
    reason: str = ""


Faithfulness: TypeAlias = Literal["off", "words", "llm"]
"""How it is checked that the evidence says what an answer says."""


@dataclass(frozen=True, slots=True)
class Supported:
    """A sentence of an answer, the evidence that it cites, and whether that says it.

    ``supported`` is None where a language model was to be asked and did not say. ``words`` is the share of
    the sentence's content words that its evidence holds, in [0, 1].
    """

    sentence: str
    markers: tuple[int, ...]
    supported: bool | None
    words: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with everything needed to check it. ``id``: 32 hex digits, to speak of it later."""

    text: str
    abstained: bool
    citations: tuple[Citation, ...]
    evidence: tuple[Evidence, ...]
    rerank: RerankState
    model: str
    warnings: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    usage: Usage = NO_USAGE
    finish: Finish = "stop"
    trace: Trace = Trace()
    shown: Shown = NOTHING_SHOWN
    id: str = ""
    sentences: tuple[Supported, ...] = ()


AUDIO = "audio"
"""The modality of a sound."""
VIDEO = "video"
"""The modality of a video's own item; its frames are pictures."""


def moment(seconds: float) -> str:
    """A time in a video as people write it: `0:12`, `1:02:03`."""
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def content_hash(data: bytes) -> str:
    """SHA-256 of the bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


READ_IN_PICTURE = "ocr"
"""The modality of a passage that holds the text read in a photo, its parent."""


def reading_id(photo: Item) -> str:
    """The id of the passage that holds the text read in a photo."""
    return item_id(Scope(photo.tenant, photo.collection), photo.content_hash, READ_IN_PICTURE)


def item_id(scope: Scope, sha256: str, part: str = "") -> str:
    """The id of a part of some content in a collection: 32 hex digits, always the same.

    Raises ValueError when the scope names no collection.
    """
    if scope.collection is None:
        raise ValueError("an item's id needs a collection")
    seed = "\0".join((scope.tenant, scope.collection, sha256, part))
    return hashlib.sha256(seed.encode()).hexdigest()[:32]
