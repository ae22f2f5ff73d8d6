"""Generator, reranker, rewriter and judge behind circuit breakers: nobody waits for a model that is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rag.breaker import Breaker, Entry
from rag.errors import ModelUnavailable
from rag.observing import begun, step
from rag.protocols import Generator, Judge, Rewriter, TextReranker
from rag.questions import PLAIN
from rag.types import Described, Draft, Evidence, GenerationOptions, Hit, Pixels, RerankState, Turn


class GuardedGenerator:
    """A ``Generator``. What is the question's own fault (``retryable`` is False) does not count."""

    def __init__(self, generator: Generator, breaker: Breaker) -> None:
        self._generator = generator
        self.breaker = breaker

    @property
    def name(self) -> str:
        """As set by OLHAR_LLM."""
        return self._generator.name

    @property
    def languages(self) -> tuple[str, ...]:
        """Of the model."""
        return self._generator.languages

    def stream(
        self,
        question: str,
        evidence: Sequence[Evidence],
        *,
        options: GenerationOptions = PLAIN,
        history: Sequence[Turn] = (),
        pictures: Sequence[Pixels] = (),
    ) -> Iterator[str | Draft]:
        """As the generator's. Raises ModelUnavailable at once while it is left alone.

        At the second text it is known that the model writes: what the program says by itself is one.
        """
        entry = self.breaker.enter()
        texts, asked, ended = 0, False, begun("generate", model=self.name)
        stream = self._generator.stream
        try:
            for piece in stream(question, evidence, options=options, history=history, pictures=pictures):
                texts += isinstance(piece, str)
                if not asked and (texts > 1 or (isinstance(piece, Draft) and piece.shown.tokens > 0)):
                    asked = True
                    self.breaker.began(entry)
                yield piece
        except ModelUnavailable as error:
            _failed(self.breaker, entry, error)
            ended(error)
            raise
        except BaseException as error:  # the reader went away, or something else broke
            _left(self.breaker, entry, asked=asked)
            ended(None if isinstance(error, GeneratorExit) else error)
            raise
        _left(self.breaker, entry, asked=asked)
        ended(None)

    def check(self) -> Mapping[str, str]:
        """As the generator's. Raises ModelUnavailable, at once while it is left alone."""
        return _checked(self._generator.check, self.breaker)

    def warm(self) -> None:
        """Load the model. Raises ModelUnavailable."""
        self._generator.warm()

    def close(self) -> None:
        """Free what the model holds."""
        self._generator.close()


class GuardedRewriter:
    """A ``Rewriter`` that asks the generator's model: not while that is left alone. It does not count itself,
    since it has a shorter deadline, and an answer that is no question is none of the model's being away."""

    def __init__(self, rewriter: Rewriter, breaker: Breaker) -> None:
        self._rewriter = rewriter
        self._breaker = breaker

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """As the rewriter's. Raises ModelUnavailable at once while its model is left alone."""
        self._breaker.require_closed()
        return self._rewriter.rewrite(question, history)


class GuardedJudge:
    """A ``Judge`` that asks the generator's model: not while that is left alone. As a rewriter it does not
    count itself."""

    def __init__(self, judge: Judge, breaker: Breaker) -> None:
        self._judge = judge
        self._breaker = breaker

    def supports(self, sentence: str, evidence: str) -> bool | None:
        """As the judge's. Raises ModelUnavailable at once while its model is left alone."""
        self._breaker.require_closed()
        return self._judge.supports(sentence, evidence)


class GuardedReranker:
    """A ``TextReranker``: every question of whose hits none were put in order counts, whatever the reason."""

    def __init__(self, reranker: TextReranker, breaker: Breaker) -> None:
        self._reranker = reranker
        self.breaker = breaker

    @property
    def name(self) -> str:
        """As set by OLHAR_RERANKER."""
        return self._reranker.name

    def rerank(self, question: str, found: Sequence[Described]) -> tuple[tuple[Hit, ...], RerankState]:
        """As the reranker's; ``degraded`` at once while it is left alone."""
        try:
            entry = self.breaker.enter()
        except ModelUnavailable as error:
            return tuple(one.hit for one in found), RerankState("degraded", str(error))
        try:
            with step("rerank", model=self.name):
                hits, state = self._reranker.rerank(question, found)
        except BaseException:
            self.breaker.left(entry)
            raise
        if state.state == "applied" or any(hit.legs.rerank is not None for hit in hits):
            self.breaker.succeeded(entry)
        elif state.state == "degraded":
            self.breaker.failed(entry, state.reason)
        else:
            self.breaker.left(entry)
        return hits, state

    def probabilities(self, question: str, texts: Sequence[str]) -> tuple[float | None, ...]:
        """As the reranker's. Raises ModelUnavailable at once while it is left alone."""
        entry = self.breaker.enter()
        try:
            found = self._reranker.probabilities(question, texts)
        except ModelUnavailable as error:
            _failed(self.breaker, entry, error)
            raise
        except BaseException:
            self.breaker.left(entry)
            raise
        _left(self.breaker, entry, asked=any(score is not None for score in found))
        return found

    def warm(self) -> None:
        """Load it and try it. Raises ModelUnavailable."""
        self._reranker.warm()

    def check(self) -> Mapping[str, str]:
        """As the reranker's. Raises ModelUnavailable, at once while it is left alone."""
        return _checked(self._reranker.check, self.breaker)

    def close(self) -> None:
        """Free what the model holds."""
        self._reranker.close()


def _failed(breaker: Breaker, entry: Entry, error: ModelUnavailable) -> None:
    if error.retryable:
        breaker.failed(entry, str(error))
    else:
        breaker.left(entry)


def _left(breaker: Breaker, entry: Entry, *, asked: bool) -> None:
    """The question came to its end; where no model was ``asked``, that says nothing of it."""
    if asked:
        breaker.succeeded(entry)
    else:
        breaker.left(entry)


def _checked(check: Callable[[], Mapping[str, str]], breaker: Breaker) -> Mapping[str, str]:
    """What the model's server says, unless it would not be asked for an answer either."""
    if breaker.state == "open":
        breaker.require_closed()
    found = check()
    return found if breaker.state == "closed" else {**found, "breaker": breaker.told}
