"""Generator, reranker and rewriter behind circuit breakers: nobody waits for a model that is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rag.breaker import Breaker
from rag.errors import ModelUnavailable
from rag.observing import begun, step
from rag.protocols import Generator, Rewriter, TextReranker
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
        """As the generator's. Raises ModelUnavailable at once while it is left alone."""
        self.breaker.enter()
        said, ended = False, begun("generate", model=self.name)
        asked = self._generator.stream
        try:
            for piece in asked(question, evidence, options=options, history=history, pictures=pictures):
                said = True
                yield piece
        except ModelUnavailable as error:
            self._failed(error)
            ended(error)
            raise
        except BaseException as error:  # the reader went away, or something else broke
            self._left(said=said)
            ended(None if isinstance(error, GeneratorExit) else error)
            raise
        self.breaker.succeeded()
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

    def _failed(self, error: ModelUnavailable) -> None:
        if error.retryable:
            self.breaker.failed(str(error))
        else:
            self.breaker.left()

    def _left(self, *, said: bool) -> None:
        if said:
            self.breaker.succeeded()
        else:
            self.breaker.left()


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


class GuardedReranker:
    """A ``TextReranker``: every question whose hits it could not read counts, whatever the reason."""

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
            self.breaker.enter()
        except ModelUnavailable as error:
            return tuple(one.hit for one in found), RerankState("degraded", str(error))
        try:
            with step("rerank", model=self.name):
                hits, state = self._reranker.rerank(question, found)
        except BaseException:
            self.breaker.left()
            raise
        self._counted(state)
        return hits, state

    def probabilities(self, question: str, texts: Sequence[str]) -> tuple[float | None, ...]:
        """As the reranker's. Raises ModelUnavailable at once while it is left alone."""
        self.breaker.enter()
        try:
            found = self._reranker.probabilities(question, texts)
        except ModelUnavailable as error:
            if error.retryable:
                self.breaker.failed(str(error))
            else:
                self.breaker.left()
            raise
        except BaseException:
            self.breaker.left()
            raise
        self.breaker.succeeded()
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

    def _counted(self, state: RerankState) -> None:
        if state.state == "applied":
            self.breaker.succeeded()
        elif state.state == "degraded":
            self.breaker.failed(state.reason)
        else:
            self.breaker.left()


def _checked(check: Callable[[], Mapping[str, str]], breaker: Breaker) -> Mapping[str, str]:
    """What the model's server says, unless it would not be asked for an answer either."""
    if breaker.state == "open":
        breaker.require_closed()
    found = check()
    return found if breaker.state == "closed" else {**found, "breaker": breaker.told}
