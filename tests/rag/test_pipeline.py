"""The path of a question: abstaining, describing, numbering, degrading; with doubles for the models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rag.errors import ModelUnavailable
from rag.pipeline import AWAY, Pipeline, describe, number
from rag.pipeline.evidence import chosen, distinct
from rag.protocols import Reranker, Rewriter
from rag.questions import PLAIN, Question
from rag.retrieval.retriever import Retriever
from rag.store import MilvusStore
from rag.types import (
    NOT_FOUND,
    Answer,
    Citation,
    Described,
    Draft,
    Evidence,
    GenerationOptions,
    Hit,
    Item,
    Label,
    Legs,
    Pixels,
    Query,
    RerankState,
    Turn,
    Usage,
)
from rag.vision.zero_shot import ZeroShot
from tests.rag.retrieval.conftest import SCOPE, TOY, WORDS, ToyEncoder, colour, row


class Echo:
    """A generator that answers with the text of its best evidence."""

    name = "test:echo"

    def __init__(
        self,
        error: Exception | None = None,
        draft: Draft | None = None,
        languages: tuple[str, ...] = (),
    ) -> None:
        self.languages = languages
        self.error = error
        self.draft = draft
        self.before: tuple[str, ...] = ()
        self.asked: list[tuple[str, tuple[Evidence, ...]]] = []
        self.told: tuple[GenerationOptions, tuple[Turn, ...]] = (PLAIN, ())
        self.pictures: tuple[Pixels, ...] = ()

    def stream(
        self,
        question: str,
        evidence: Sequence[Evidence],
        *,
        options: GenerationOptions = PLAIN,
        history: Sequence[Turn] = (),
        pictures: Sequence[Pixels] = (),
    ) -> Iterator[str | Draft]:
        self.asked.append((question, tuple(evidence)))
        self.pictures = tuple(pictures)
        self.told = (options, tuple(history))
        best = evidence[0]
        if self.error:
            yield from self.before
            raise self.error
        draft = self.draft or Draft(
            f"{best.text} [1]", (Citation(1, best.hit.item.id, best.hit.item.source),), usage=Usage(7, 3)
        )
        yield from (draft.text[:5], draft.text[5:], draft)

    def warm(self) -> None: ...

    def check(self) -> Mapping[str, str]:
        return {}

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusStore]:
    folder: Path = tmp_path_factory.mktemp("store")
    toy = ToyEncoder.fingerprint
    opened = MilvusStore.open(str(folder / "toy.db"), image=toy, text=toy)
    opened.upsert(
        [
            row("red.jpg", colour(250, 0, 0)),
            row("dog.jpg", colour(0, 0, 250), "dog beach"),
            row("snow.jpg", colour(0, 250, 0), "snow"),
        ]
    )
    yield opened
    opened.close()


def pipeline(
    store: MilvusStore,
    generator: Echo,
    *,
    calibrated: bool = True,
    reranker: Reranker | None = None,
    rewriter: Rewriter | None = None,
) -> Pipeline:
    toy = ToyEncoder()
    retriever = Retriever(store, toy, toy, TOY)
    zero_shot = ZeroShot(toy, WORDS[:3])
    return Pipeline(
        retriever,
        toy,
        zero_shot,
        generator,
        reranker,
        rewriter,
        relevance=0.5,
        rerank_hits=2,
        calibrated=calibrated,
    )


class Backwards:
    """A reranker that turns the order round, or is away."""

    name = "test:backwards"

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.asked: list[tuple[str, list[str]]] = []

    def rerank(self, question: str, found: Sequence[Described]) -> tuple[tuple[Hit, ...], RerankState]:
        self.asked.append((question, [one.text for one in found]))
        hits = tuple(one.hit for one in found)
        if self.away:
            return hits, RerankState("degraded", "away")
        turned = [replace(hit, relevance=0.9, legs=replace(hit.legs, rerank=0.9)) for hit in hits[::-1]]
        return tuple(turned), RerankState("applied", "2 hits were read")

    def warm(self) -> None: ...

    def check(self) -> Mapping[str, str]:
        return {}

    def close(self) -> None: ...


def test_an_answer_is_reranked_and_a_search_when_asked(store: MilvusStore) -> None:
    backwards = Backwards()
    asking = pipeline(store, Echo(), reranker=backwards)
    plain = asking.search(Question(SCOPE, Query("dog beach")))
    assert (plain.rerank.state, plain.rerank.reason) == ("skipped", "not asked for")
    assert backwards.asked == []
    found = asking.search(Question(SCOPE, Query("dog beach"), rerank=True))
    assert found.rerank.state == "applied"
    ids = [hit.item.id for hit in plain.hits]
    assert [hit.item.id for hit in found.hits] == [ids[1], ids[0], *ids[2:]]
    assert [hit.legs.rerank for hit in found.hits[:3]] == [0.9, 0.9, None]
    answer = asking.ask(Question(SCOPE, Query("dog beach")))
    assert answer.rerank.state == "applied"
    assert answer.evidence[0].hit.item.id == ids[1]
    assert "rerank" in answer.timings_ms
    assert asking.ask(Question(SCOPE, Query("dog beach"), rerank=False)).rerank.state == "skipped"
    assert backwards.asked == [("dog beach", ["Caption: dog beach", "Caption: snow"])] * 2
    assert dict(asking.reranks) == {"applied": 2, "degraded": 0, "skipped": 2}


def test_the_reranker_looks_further_than_the_limit(store: MilvusStore) -> None:
    backwards = Backwards()
    (hit,) = (
        pipeline(store, Echo(), reranker=backwards)
        .search(Question(SCOPE, Query("dog"), limit=1, rerank=True))
        .hits
    )
    assert len(backwards.asked[0][1]) == 2
    assert hit.item.source != "dog.jpg"
    pipeline(store, Echo(), reranker=backwards).search(Question(SCOPE, Query("red"), rerank=True))
    assert backwards.asked[1][1][0] == ""  # a picture without a word


def test_a_reranker_that_is_away_leaves_the_order_and_says_so(store: MilvusStore) -> None:
    asking = pipeline(store, Echo(), reranker=Backwards(away=True))
    answer = asking.ask(Question(SCOPE, Query("dog beach")))
    assert (answer.rerank.state, answer.rerank.reason) == ("degraded", "away")
    assert answer.evidence[0].hit.item.source == "dog.jpg"
    assert asking.reranks["degraded"] == 1


def test_without_words_there_is_nothing_to_rerank_by(store: MilvusStore) -> None:
    backwards = Backwards()
    answer = pipeline(store, Echo(), reranker=backwards).ask(Question(SCOPE, Query(image=colour(240, 0, 0))))
    assert answer.rerank.state == "skipped"
    assert "without words" in answer.rerank.reason
    assert backwards.asked == []


def test_an_answer_carries_its_evidence_and_citation(store: MilvusStore) -> None:
    echo = Echo()
    answer = pipeline(store, echo).ask(Question(SCOPE, Query("dog beach")))
    assert not answer.abstained
    assert answer.text == "Caption: dog beach [1]"
    assert answer.citations[0].source == "dog.jpg"
    assert [evidence.marker for evidence in answer.evidence] == list(range(1, len(answer.evidence) + 1))
    assert answer.evidence[0].hit.item.id == answer.citations[0].item_id
    assert answer.model == "test:echo"
    assert answer.rerank.state == "skipped"
    assert "OLHAR_RERANKER" in answer.rerank.reason
    assert {"encode", "search", "fuse", "generate", "total"} <= set(answer.timings_ms)


def test_below_the_threshold_nothing_is_answered_and_no_model_is_asked(store: MilvusStore) -> None:
    echo = Echo()
    answer = pipeline(store, echo).ask(Question(SCOPE, Query("cat")))
    assert answer.abstained
    assert answer.text == NOT_FOUND
    assert answer.evidence == ()
    assert answer.citations == ()
    assert echo.asked == []


def test_evidence_is_relevant_only(store: MilvusStore) -> None:
    echo = Echo()
    pipeline(store, echo).ask(Question(SCOPE, Query("dog beach")))
    ((_, evidence),) = echo.asked
    assert [one.hit.item.source for one in evidence] == ["dog.jpg"]


def test_a_photo_without_caption_is_described_by_what_it_looks_like(store: MilvusStore) -> None:
    answer = pipeline(store, Echo()).ask(Question(SCOPE, Query("red")))
    assert answer.evidence[0].hit.item.source == "red.jpg"
    assert answer.evidence[0].text.startswith("No caption. Looks like: red")
    assert answer.evidence[0].hit.labels[0].name == "red"


def test_a_picture_alone_is_a_question(store: MilvusStore) -> None:
    echo = Echo()
    answer = pipeline(store, echo).ask(Question(SCOPE, Query(image=colour(240, 0, 0))))
    assert answer.citations[0].source == "red.jpg"
    assert echo.asked[0][0].endswith("?")
    assert len(echo.pictures) == 1


class Filling:
    """A rewriter that says one thing, or is away."""

    def __init__(self, rewritten: str | Exception) -> None:
        self.rewritten = rewritten
        self.asked: list[tuple[str, tuple[Turn, ...]]] = []

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        self.asked.append((question, tuple(history)))
        if isinstance(self.rewritten, Exception):
            raise self.rewritten
        return self.rewritten


EARLIER = (Turn("user", "Is there a dog?"), Turn("assistant", "Yes, on the beach. [1]"))


def test_a_question_that_follows_others_is_rewritten_searched_and_answered(store: MilvusStore) -> None:
    echo, filling = Echo(), Filling("dog beach")
    asking = pipeline(store, echo, rewriter=filling)
    answer = asking.ask(Question(SCOPE, Query("Where is it?"), history=EARLIER))
    assert filling.asked == [("Where is it?", EARLIER)]
    assert (answer.trace.state, answer.trace.rewritten) == ("rewritten", "dog beach")
    assert answer.trace.ms > 0
    assert echo.asked[0][0] == "dog beach"
    assert answer.citations[0].source == "dog.jpg"
    *_, streamed = asking.stream(Question(SCOPE, Query("Where is it?"), history=EARLIER))
    assert isinstance(streamed, Answer)
    assert streamed.trace.rewritten == "dog beach"


def test_without_earlier_turns_or_a_rewriter_nothing_is_rewritten(store: MilvusStore) -> None:
    filling = Filling("snow")
    first = pipeline(store, Echo(), rewriter=filling).ask(Question(SCOPE, Query("dog beach")))
    off = pipeline(store, Echo()).ask(Question(SCOPE, Query("dog beach"), history=EARLIER))
    assert filling.asked == []
    assert (first.trace.state, first.trace.reason) == ("skipped", "no earlier turns")
    assert (off.trace.state, off.trace.reason) == ("skipped", "OLHAR_REWRITE is off")
    assert first.citations == off.citations


def test_a_rewriter_that_is_away_leaves_the_question_and_says_so(store: MilvusStore) -> None:
    echo = Echo()
    away = Filling(ModelUnavailable("OLHAR_REWRITE=llm: away"))
    answer = pipeline(store, echo, rewriter=away).ask(Question(SCOPE, Query("dog beach"), history=EARLIER))
    assert (answer.trace.state, answer.trace.reason) == ("failed", "OLHAR_REWRITE=llm: away")
    assert answer.trace.rewritten == ""
    assert echo.asked[0][0] == "dog beach"


def test_a_question_that_stands_alone_is_unchanged_and_its_language_told(store: MilvusStore) -> None:
    asked = "Onde está o cachorro que corre na praia?"
    answer = pipeline(store, Echo(), rewriter=Filling(asked)).ask(
        Question(SCOPE, Query(asked), history=EARLIER)
    )
    assert (answer.trace.state, answer.trace.rewritten, answer.trace.language) == ("unchanged", "", "pt")


def test_when_the_model_is_away_the_evidence_is_still_returned(store: MilvusStore) -> None:
    away = Echo(ModelUnavailable("OLHAR_LLM=test:echo cannot be reached"))
    answer = pipeline(store, away).ask(Question(SCOPE, Query("dog beach")))
    assert answer.evidence[0].hit.item.source == "dog.jpg"
    assert not answer.abstained
    assert answer.citations == ()
    assert any("degraded" in warning and "OLHAR_LLM" in warning for warning in answer.warnings)


def test_a_model_that_finds_no_answer_in_the_evidence_abstains(store: MilvusStore) -> None:
    honest = Echo(draft=Draft(NOT_FOUND, (), abstained=True))
    answer = pipeline(store, honest).ask(Question(SCOPE, Query("dog beach")))
    assert answer.abstained
    assert answer.evidence


def test_a_question_outside_the_languages_is_warned_about(store: MilvusStore) -> None:
    asked = Query("Onde está o cachorro que corre na praia?")
    warnings = pipeline(store, Echo()).search(Question(SCOPE, asked)).warnings
    assert any("Portuguese" in warning and "OLHAR_ENCODER" in warning for warning in warnings)
    assert pipeline(store, Echo()).search(Question(SCOPE, Query("Where is the dog?"))).warnings == ()


def test_a_question_outside_the_language_models_languages_is_warned_about(store: MilvusStore) -> None:
    asked = Query("Onde está o cachorro que corre na praia?")
    asking = pipeline(store, Echo(languages=("en",)))
    (both,) = asking.ask(Question(SCOPE, asked)).warnings
    for part in ("Portuguese", "OLHAR_ENCODER", "OLHAR_LLM", "test:echo"):
        assert both.count(part) == 1
    assert both.count("English") == 1
    (search,) = asking.search(Question(SCOPE, asked)).warnings
    assert "OLHAR_LLM" not in search
    (encoder,) = pipeline(store, Echo(languages=("en", "pt"))).ask(Question(SCOPE, asked)).warnings
    assert "OLHAR_LLM" not in encoder
    assert asking.ask(Question(SCOPE, Query("Where is the dog that runs?"))).warnings == ()


def test_an_answer_in_another_language_than_the_question_is_warned_of(store: MilvusStore) -> None:
    asked = Question(SCOPE, Query("dog beach: onde está o cachorro que corre na praia?"))
    english = Draft("The brown dog is running along the sandy beach [1].", ())
    portuguese = Draft("O cachorro castanho corre pela areia da praia [1].", ())
    (_, other) = pipeline(store, Echo(draft=english)).ask(asked).warnings
    assert "answer in English" in other
    assert "OLHAR_LLM" in other
    for draft, known in ((portuguese, ()), (english, ("en",))):
        answer = pipeline(store, Echo(draft=draft, languages=known)).ask(asked)
        assert not any("answer in" in warning for warning in answer.warnings)


class WordList(ToyEncoder):
    """Reads its language by a list of words that lacks one."""

    def not_understood(self, text: str) -> tuple[str, ...]:
        return tuple(word for word in ("xpto",) if word in text)


def test_words_that_the_encoder_does_not_know_are_named(store: MilvusStore) -> None:
    toy, words = ToyEncoder(), WordList()
    asking = Pipeline(Retriever(store, toy, toy, TOY), words, ZeroShot(toy, WORDS[:3]), Echo(), relevance=0.5)
    (said,) = asking.search(Question(SCOPE, Query("the xpto on the beach"))).warnings
    assert "“xpto”" in said
    assert "OLHAR_ENCODER" in said
    assert asking.ask(Question(SCOPE, Query("the xpto on the beach"))).warnings == (said,)
    assert asking.search(Question(SCOPE, Query("the dog on the beach"))).warnings == ()


def test_a_relevance_that_was_never_fitted_is_said(store: MilvusStore) -> None:
    warnings = pipeline(store, Echo(), calibrated=False).search(Question(SCOPE, Query("dog"))).warnings
    assert any("guess" in warning for warning in warnings)


def test_what_is_known_of_a_hit_stands_in_one_paragraph() -> None:
    item = Item(
        "id",
        "t",
        "c",
        "h",
        ("s",),
        caption="a\n\nsign",
        ocr="NO  ENTRY",
        tags=("road", "sign"),
        text="page one",
    )
    hit = Hit(1, item, 0.0, 0.5, Legs(), (Label("ignored", 0.9),))
    assert describe(hit) == "Caption: a sign page one Text in the picture: NO ENTRY Tags: road, sign"
    assert [evidence.marker for evidence in number([hit, hit])] == [1, 2]


BEACH, SEA = "f0f0f0f0f0f0f0f0", "0123456789abcdef"


def told_apart(*items: Item) -> tuple[list[str], dict[str, int]]:
    """The ids of those that are evidence of their own, and how many others each stands for."""
    kept, alike = distinct([Hit(n, one, 0.0, 0.5, Legs()) for n, one in enumerate(items, start=1)])
    return [hit.item.id for hit in kept], alike


def test_what_only_looks_alike_or_says_the_same_is_one_piece_of_evidence_and_counted() -> None:
    item = Item("a", "t", "c", "h", ("s",), caption="A dog on the beach.", phash=BEACH)
    near = f"{BEACH[:-1]}1"
    others = (
        replace(item, id="b", caption="a dog  on the beach .", phash=near),
        replace(item, id="c", caption="", phash=near),
        replace(item, id="d", caption="A dog on the beach", phash=""),
        replace(item, id="e", caption="A cat.", phash="0" * 16),
        replace(item, id="f", caption="", phash="0" * 16),
        replace(item, id="g", caption="", phash=""),
    )
    assert told_apart(item, *others) == (["a", "e", "f", "g"], {"a": 3})
    (first,) = number([Hit(1, item, 0.0, 0.5, Legs(), duplicates=1)], {"a": 3})
    assert (first.alike, first.text) == (3, "(4 more like it) Caption: A dog on the beach.")


def test_a_look_alike_with_words_of_its_own_and_another_picture_of_the_same_words_are_evidence() -> None:
    dog = Item("a", "t", "c", "h", ("s",), caption="A dog.", phash=BEACH)
    same = replace(dog, id="b", phash=SEA)
    maria = replace(dog, id="c", caption="Maria at the harbour.", phash=SEA)
    plain = replace(dog, id="d", caption="", phash=SEA)
    assert told_apart(dog, same, maria, plain) == (["a", "b", "c"], {"b": 1})
    tagged = [replace(plain, id=str(n), tags=("lisbon",), phash=f"{37**9 * n:016x}"[-16:]) for n in (1, 2, 3)]
    assert told_apart(*tagged) == (["1", "2", "3"], {})


def test_a_passage_that_says_the_same_in_another_place_of_the_same_name_is_no_evidence_of_its_own() -> None:
    passage = Item("a", "t", "c", "h", ("a.pdf",), kind="passage", text="The harbour opens at nine.")
    assert told_apart(passage, replace(passage, id="b", text="The harbour opens  at nine")) == (
        ["a"],
        {"a": 1},
    )


def test_a_hit_that_holds_the_words_of_the_question_is_evidence_before_one_that_ranks_higher() -> None:
    def scored(n: int, score: float, words: float | None) -> Hit:
        return Hit(n, Item(str(n), "t", "c", "h", ("f",)), score, 0.5, Legs(bm25=words))

    hits = [scored(1, 1.0, 0.5), scored(2, 0.5, 0.25), scored(3, 0.0, 0.0), scored(4, -1.0, 1.0)]
    assert [hit.rank for hit in chosen(hits, 2)] == [1, 4]
    assert chosen(hits, 9) == hits
    bare = [scored(1, 1.0, None), scored(2, 0.5, None)]
    assert chosen(bare, 1) == bare[:1]
    mixed = [scored(1, 1.0, None), scored(2, 0.5, 0.0), scored(3, 0.5, 0.5), scored(4, 0.5, 0.75)]
    assert [hit.rank for hit in chosen(mixed, 2)] == [1, 4]


def test_a_very_long_text_is_cut_after_a_word_with_a_mark() -> None:
    item = Item("a", "t", "c", "h", ("s",), kind="passage", text="lighthouse " * 500)
    text = describe(Hit(1, item, 0.0, 0.5, Legs()))
    assert len(text) <= 2_000
    assert text.endswith("lighthouse…")
    japanese = replace(item, kind="image", caption="", text="犬が浜辺を走る。" * 500)
    assert len(describe(Hit(1, japanese, 0.0, 0.5, Legs()))) == 2_000


def test_a_part_of_a_document_says_where_it_stands() -> None:
    item = Item(
        "x",
        "t",
        "c",
        "0" * 64,
        ("a.pdf",),
        parent_id="d",
        part="page-7/figure-1",
        page=7,
        metadata={"title": "Ports"},
    )
    figure = replace(item, caption="Figure 3: The lighthouse", text="It is red.")
    passage = replace(
        item, kind="passage", part="page-7/passage-1", caption="Ports › Harbours", text="They are old."
    )
    book = replace(passage, part="passage-1", page=0)
    frame = replace(item, part="frame-7", metadata={"title": "party.gif"}, caption="A dance")
    described = [describe(Hit(1, one, 0.0, 0.5, Legs())) for one in (figure, passage, book, frame)]
    assert described == [
        "figure on page 7 of Ports: Caption: Figure 3: The lighthouse It is red.",
        "page 7 of Ports: Ports › Harbours They are old.",
        "Ports: Ports › Harbours They are old.",
        "frame 7 of party.gif: Caption: A dance",
    ]


def streamed(answers: Pipeline) -> tuple[tuple[Evidence, ...], list[str], Answer]:
    evidence, *texts, answer = answers.stream(Question(SCOPE, Query("dog beach")))
    assert isinstance(evidence, tuple)
    assert isinstance(answer, Answer)
    return evidence, [text for text in texts if isinstance(text, str)], answer


def test_a_stream_carries_what_the_plain_answer_does(store: MilvusStore) -> None:
    plain = pipeline(store, Echo()).ask(Question(SCOPE, Query("dog beach")))
    evidence, texts, answer = streamed(pipeline(store, Echo()))
    assert len(texts) > 1
    assert "".join(texts) == plain.text
    assert evidence == plain.evidence
    assert replace(answer, timings_ms={}, id="") == replace(plain, timings_ms={}, id="")
    assert len(answer.id) == 32
    assert answer.id != plain.id
    assert answer.usage == Usage(7, 3)


def test_sentences_are_checked_when_asked_for_plain_and_streamed_alike(store: MilvusStore) -> None:
    said = Draft("A dog on a beach [1]. It eats 3 sausages [1].", (), usage=Usage(7, 3))
    asking = pipeline(store, Echo(draft=said))
    question = Question(SCOPE, Query("dog beach"), faithfulness="words")
    plain = asking.ask(question)
    assert [(one.sentence, one.markers, one.supported) for one in plain.sentences] == [
        ("A dog on a beach .", (1,), True),
        ("It eats 3 sausages .", (1,), False),
    ]
    *_, streamed = asking.stream(question)
    assert isinstance(streamed, Answer)
    assert streamed.sentences == plain.sentences
    assert asking.ask(replace(question, faithfulness=None)).sentences == ()
    unable = asking.ask(replace(question, faithfulness="llm"))
    assert [one.supported for one in unable.sentences] == [None, None]
    assert "degraded" in unable.warnings[-1]


def test_how_to_write_and_what_was_said_reach_the_generator(store: MilvusStore) -> None:
    echo, said = Echo(), (Turn("user", "who?"),)
    options = GenerationOptions(temperature=0.3)
    pipeline(store, echo).ask(Question(SCOPE, Query("dog beach"), options=options, history=said))
    assert echo.told == (options, said)


def test_a_stream_without_a_model_brings_the_evidence(store: MilvusStore) -> None:
    evidence, texts, answer = streamed(pipeline(store, Echo(error=ModelUnavailable("gone"))))
    assert evidence
    assert texts == [AWAY]
    assert answer.warnings[-1] == "degraded: gone"


def test_a_stream_that_breaks_off_keeps_what_was_shown(store: MilvusStore) -> None:
    echo = Echo(error=ModelUnavailable("cut"))
    echo.before = ("A dog [ 1 ]", " and")
    _, texts, answer = streamed(pipeline(store, echo))
    assert "".join(texts) == answer.text == "A dog [ 1 ] and"
    assert answer.finish == "length"
    assert [citation.marker for citation in answer.citations] == [1]
    assert answer.warnings[-1] == "degraded: cut"


def test_json_that_breaks_off_stays_as_it_was_shown(store: MilvusStore) -> None:
    echo = Echo(error=ModelUnavailable("cut"))
    echo.before = ('{"counts": [7, 9, 12], "ids"', ': [1], "why": "two dogs')
    options = GenerationOptions(schema={"type": "object"})
    *_, answer = pipeline(store, echo).stream(Question(SCOPE, Query("dog beach"), options=options))
    assert isinstance(answer, Answer)
    assert answer.text == "".join(echo.before)
    assert (answer.citations, answer.finish) == ((), "length")
