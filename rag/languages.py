"""Which language a text is in, and whether a model knows it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MIN_WORDS = 3
MIN_PROBABILITY = 0.9
MOST_NAMED = 5
"""Unknown words named in a warning."""
NAMES = {
    "en": "English",
    "pt": "Portuguese",
    "es": "Spanish",
    "fr": "French",
    "de": "German",
    "it": "Italian",
    "zh": "Chinese",
    "nl": "Dutch",
    "pl": "Polish",
    "ru": "Russian",
    "uk": "Ukrainian",
    "tr": "Turkish",
    "ar": "Arabic",
    "hi": "Hindi",
    "ja": "Japanese",
    "ko": "Korean",
}
"""The languages told apart. Of more, some are taken for others in texts as short as questions are."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A model that reads questions: its name, the setting that chooses it, and what is at ``risk`` when it
    does not know their language. ``languages`` is empty when its authors name none; then nothing is said.
    """

    model: str
    languages: tuple[str, ...]
    setting: str
    risk: str


def detect(text: str) -> str | None:
    """The ISO 639-1 code of the language of ``text``; None when it is too short or too mixed to tell."""
    if len(text.split()) < MIN_WORDS and text.isascii():
        return None
    code, probability = _identifier().classify(text)
    return str(code) if float(probability) >= MIN_PROBABILITY else None


def warning(text: str, known: Collection[str], *, model: str, setting: str) -> str | None:
    """As ``combined``, for one model that photos are found with."""
    return combined(text, (Reader(model, tuple(known), setting, "photos may be missed"),))


def combined(text: str, readers: Sequence[Reader]) -> str | None:
    """What to tell the user when ``text`` is in a language that some of the readers do not know."""
    declared = [reader for reader in readers if reader.languages]
    code = detect(text) if declared and text.strip() else None
    lost = [reader for reader in declared if code not in reader.languages]
    if code is None or not lost:
        return None
    alike: dict[tuple[str, ...], list[Reader]] = {}
    for reader in lost:
        alike.setdefault(tuple(sorted(reader.languages)), []).append(reader)
    known = "; ".join(_knows(languages, group) for languages, group in alike.items())
    settings = " and ".join(dict.fromkeys(reader.setting for reader in lost))
    model = "a multilingual model" if len(lost) == 1 else "multilingual models"
    return (
        f"the question seems to be in {NAMES.get(code, code)}; {known}. "
        f"Ask in a language that is known, or set {settings} to {model}"
    )


def answered_in(question: str, answer: str) -> str | None:
    """What to tell the user when the answer is in another language than the question."""
    asked, said = detect(question), detect(answer)
    if asked is None or said is None or asked == said:
        return None
    return (
        f"the question seems to be in {NAMES[asked]}, and the answer in {NAMES[said]}; "
        "set OLHAR_LLM to a model that knows both better"
    )


def unknown_words(words: Sequence[str], model: str) -> str | None:
    """What to tell the user when ``model`` reads word by word, and lacks some of the question's ``words``."""
    if not words:
        return None
    named = ", ".join(f"“{word}”" for word in words[:MOST_NAMED]) + ("…" if len(words) > MOST_NAMED else "")
    return (
        f"the encoder {model} reads this language word by word and does not know {named}, so photos may be "
        "missed. Say it in other words, or set OLHAR_ENCODER to a multilingual model"
    )


def _knows(languages: Sequence[str], readers: Sequence[Reader]) -> str:
    models = " and ".join(reader.model for reader in readers)
    names = ", ".join(NAMES.get(code, code) for code in languages)
    risks = " and ".join(dict.fromkeys(reader.risk for reader in readers))
    return f"{models} {'knows' if len(readers) == 1 else 'know'} {names} only, so {risks}"


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(NAMES)
    return identifier
