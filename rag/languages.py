"""Which language a text is in, and whether a model knows it."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

MIN_WORDS = 3
MIN_PROBABILITY = 0.9
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


def detect(text: str) -> str | None:
    """The ISO 639-1 code of the language of ``text``; None when it is too short or too mixed to tell."""
    if len(text.split()) < MIN_WORDS and text.isascii():
        return None
    code, probability = _identifier().classify(text)
    return str(code) if float(probability) >= MIN_PROBABILITY else None


def warning(text: str, known: Collection[str], *, model: str, setting: str) -> str | None:
    """What to tell the user when ``text`` is in a language that the model does not know.

    ``known`` is empty when the model's authors name no languages; then nothing is said.
    """
    code = detect(text) if known and text.strip() else None
    if code is None or code in known:
        return None
    return (
        f"the question seems to be in {NAMES.get(code, code)}; {model} knows "
        f"{', '.join(NAMES.get(k, k) for k in sorted(known))} only, so photos may be missed. "
        f"Ask in one of those, or set {setting} to a multilingual model"
    )


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(NAMES)
    return identifier
