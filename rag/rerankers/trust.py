"""Whether a reranker may be used now: it is in memory, and it told pairs with known answers apart."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait

from rag.errors import ModelUnavailable
from rag.rerankers.scorer import Model, Scorer
from rag.rerankers.self_test import Known, by_language, separation

FRESH_S = 30.0
"""How long what was found is believed: Ollama may unload a model, or be given another of the same name."""
RETRY_S = 15.0
"""How long after a failure no other try is made: each could take as long as loading may."""


class Trust:
    """Loads a scorer and tries it, once for each digest. Safe to use from several threads."""

    def __init__(
        self, scorer: Scorer, *, load_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._scorer = scorer
        self._load_seconds = load_seconds
        self._clock = clock
        # Never held while the model is loaded or asked: who asks what is known waits for nothing.
        self._lock = threading.Lock()
        self._loading: Future[Model] | None = None
        self._verdicts: dict[str, str] = {}
        self._model: Model | None = None
        self._failure: ModelUnavailable | None = None
        self._at = -float("inf")

    def model(self, patience: float | None = None) -> Model:
        """The model, loaded and tried if need be. Raises ModelUnavailable.

        It is loaded in a thread of its own, once for all who ask; each waits for ``patience`` seconds, None:
        to the end.
        """
        with self._lock:
            if (known := self._remembered()) is not None:
                return known
            loading = self._loading = self._loading or self._begun()
        wait([loading], patience)
        if not loading.done():
            raise ModelUnavailable(
                f"OLHAR_RERANKER={self._scorer.name}: the model is loading, which takes longer than "
                f"the {patience:g} s of OLHAR_RERANK_SECONDS; later questions are reranked"
            )
        return loading.result()

    def look(self) -> Model:
        """The model without loading it. Raises ModelUnavailable, also when it was refused before."""
        model = self._scorer.look()
        self._require(model)
        return model

    def failed(self, error: ModelUnavailable) -> None:
        """It went away in the middle of its work."""
        self._remember(None, error)

    def _remembered(self) -> Model | None:
        age = self._clock() - self._at
        if self._failure is not None and age < RETRY_S:
            raise self._failure
        return self._model if age < FRESH_S else None

    def _begun(self) -> Future[Model]:
        loading = Future[Model]()
        threading.Thread(target=self._load, args=(loading,), name="load-reranker", daemon=True).start()
        return loading

    def _load(self, loading: Future[Model]) -> None:
        try:
            model = self._renewed()
        except Exception as error:  # for those who wait, whatever it is
            self._remember(None, error if isinstance(error, ModelUnavailable) else None, loaded=True)
            loading.set_exception(error)
        else:
            self._remember(model, None, loaded=True)
            loading.set_result(model)

    def _renewed(self) -> Model:
        model = self._scorer.load()
        if model.digest not in self._verdicts:
            self._verdicts[model.digest] = self._tried(model)
        self._require(model)
        return model

    def _tried(self, model: Model) -> str:
        """Why it is refused; empty when it is not. A language is tried when the one before went well."""
        return next(filter(None, map(self._tried_on, by_language(sees=model.sees))), "")

    def _tried_on(self, known: Sequence[Known]) -> str:
        scores = dict(self._scorer.score([one.pair for one in known], self._load_seconds))
        if len(scores) < len(known):
            raise ModelUnavailable(
                f"OLHAR_RERANKER={self._scorer.name}: of {len(known)} pairs to try it on, "
                f"{len(scores)} were scored within {self._load_seconds:g} s; "
                "raise OLHAR_RERANK_LOAD_SECONDS, or set a smaller model"
            )
        given = [score for _, score in sorted(scores.items()) if score is not None]
        if len(given) < len(known):
            return f"{len(known) - len(given)} of {len(known)} pairs it answers with neither yes nor no"
        return separation(known, given)

    def _require(self, model: Model) -> None:
        if why := self._verdicts.get(model.digest):
            error = ModelUnavailable(
                f"OLHAR_RERANKER={self._scorer.name}: the model does not tell known answers apart: {why}. It "
                "is no reranker, or a conversion that does not work; set another (see docs/reranking.md)"
            )
            error.retryable = False
            raise error

    def _remember(
        self, model: Model | None, failure: ModelUnavailable | None, *, loaded: bool = False
    ) -> None:
        with self._lock:
            self._model, self._failure, self._at = model, failure, self._clock()
            if loaded:
                self._loading = None
