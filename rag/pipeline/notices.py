"""What a user should be told of a question: languages and words that a model does not know, guesses."""

from __future__ import annotations

from rag import languages
from rag.citations import without_markers
from rag.languages import Reader
from rag.protocols import Generator, ImageEncoder, WordByWord
from rag.types import Query

NOT_CALIBRATED = (
    "relevance is a guess: nothing was fitted for the encoder {}; OLHAR_RELEVANCE=0 never refuses"
)


class Notices:
    """The warnings of a search and of an answer. ``notes`` stand in each."""

    def __init__(
        self, encoder: ImageEncoder, generator: Generator, *, calibrated: bool, notes: tuple[str, ...]
    ) -> None:
        self._encoder = encoder
        self._generator = generator
        self._calibrated = calibrated
        self._notes = notes

    def of_search(self, query: Query) -> tuple[str, ...]:
        """What to say of a search."""
        return self._of(query, self._finder)

    def of_answer(self, query: Query) -> tuple[str, ...]:
        """What to say of an answer, before the model says something of its own."""
        return self._of(query, self._finder, self._writer)

    def of_language(self, query: Query, answer: str) -> tuple[str, ...]:
        """What to say of an answer in another language, unless ``of_answer`` said why that is so."""
        languages_known, text = self._generator.languages, query.text.strip()
        asked = languages.detect(text) if text else None
        if asked is None or (languages_known and asked not in languages_known):
            return ()
        said = languages.answered_in(text, without_markers(answer))
        return (said,) if said else ()

    @property
    def _finder(self) -> Reader:
        encoder = self._encoder
        model = f"the encoder {encoder.fingerprint.name}"
        return Reader(model, encoder.languages, "OLHAR_ENCODER", "photos may be missed")

    @property
    def _writer(self) -> Reader:
        generator = self._generator
        model = f"the language model {generator.name}"
        return Reader(model, generator.languages, "OLHAR_LLM", "the answer may be wrong")

    def _of(self, query: Query, *readers: Reader) -> tuple[str, ...]:
        text = " ".join((query.text, *query.negative))
        said = languages.combined(text, readers)
        lost = self._encoder.not_understood(text) if isinstance(self._encoder, WordByWord) else ()
        unknown = languages.unknown_words(lost, self._encoder.fingerprint.name)
        guess = None if self._calibrated else NOT_CALIBRATED.format(self._encoder.fingerprint.name)
        return tuple(text for text in (said, unknown, guess, *self._notes) if text)
