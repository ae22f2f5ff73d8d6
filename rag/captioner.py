"""A vision model of an Ollama server that writes captions of pictures."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from rag.errors import BadSettings, InvalidInput
from rag.faults import SettingNames
from rag.images import jpeg
from rag.languages import NAMES
from rag.ollama import KEEP_ALIVE, Asked, Ollama, Patience, State, place
from rag.types import Pixels
from rag.urls import without_password

OLLAMA: Final = "ollama:"
SIDE: Final = 896
"""Pixels of the longer side: as much as such models look at, and a fraction of the time of a whole photo."""
TOKENS: Final = 200
MOST_BYTES: Final = 2000
LANGUAGES: Final[Mapping[str, str]] = {
    **NAMES,
    "pt-PT": "European Portuguese",
    "pt-BR": "Brazilian Portuguese",
}
PROMPT: Final = (
    "Write a caption for this picture, by which somebody finds it who searches for it. One or two plain "
    "sentences: who or what is to be seen, what they do, where, and the words on signs. Say only what can be "
    "seen. Answer with the caption alone, in {language}."
)
NAMED: Final = SettingNames(
    "OLHAR_CAPTIONER", "OLHAR_LLM_LOAD_SECONDS", "OLHAR_CAPTIONER_SECONDS", "OLHAR_CAPTIONER_SECONDS"
)
_THOUGHTS: Final = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_PREAMBLE: Final = re.compile(r"^(?:here is|here's|caption|legenda|aqui está)[^:\n]{0,60}:\s*", re.IGNORECASE)
_DECLINED: Final = re.compile(
    r"^(?:i['’]?m sorry|i am sorry|sorry|i can(?:not|['’]t)|i['’]m (?:not able|unable)|i am unable|as an ai"
    r"|unfortunately|desculpe|lamento|não posso|não consigo)\b",
    re.IGNORECASE,
)
_LAST_SENTENCE: Final = re.compile(r"^.*[.!?…]", re.DOTALL)


class OllamaCaptioner:
    """``model`` of the Ollama server at ``url``; ``language`` is one of LANGUAGES. Connects at first use.

    ``load_seconds``: what loading the model may take; ``seconds``: looking at one picture, and again writing.
    """

    def __init__(
        self,
        model: str,
        url: str,
        *,
        language: str,
        load_seconds: float,
        seconds: float,
        keep_alive: str = KEEP_ALIVE,
    ) -> None:
        if language not in LANGUAGES:
            raise BadSettings(
                f"OLHAR_CAPTIONER_LANGUAGE={language}: no such language is known; give one of "
                f"{', '.join(LANGUAGES)}"
            )
        self.name = model
        self._url = url
        self._prompt = PROMPT.format(language=LANGUAGES[language])
        patience = Patience(load_seconds, seconds, seconds)
        where = place(model, url, NAMED)
        self._ollama = Ollama(model, url, place=where, patience=patience, keep_alive=keep_alive)

    def check(self) -> Mapping[str, str]:
        """Where it runs. Raises ModelUnavailable, also when the model cannot see."""
        state = self._state()
        where = f"{state.device or 'not loaded'} (Ollama {state.version} at {without_password(self._url)})"
        return {"device": where, "model": self.name}

    def asked(self) -> str:
        """Of the model's weights, the question and how a picture is sent. Raises ModelUnavailable."""
        state = self._state()
        told = (self.name, state.digest, self._prompt, SIDE, TOKENS)
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def caption(self, picture: Pixels) -> str:
        """What the model says is to be seen; the picture is sent shrunk."""
        written = self._ollama.chat(self._prompt, Asked(TOKENS), images=[jpeg(picture, SIDE)])
        return cleaned(written.text, complete=written.complete)

    def close(self) -> None:
        """End the connections."""
        self._ollama.close()

    def _state(self) -> State:
        return self._ollama.require("vision", "it is to look at pictures")


def cleaned(text: str, *, complete: bool = True) -> str:
    """A model's answer without what is no caption: thoughts, announcements, quotation marks, a cut sentence.

    Raises InvalidInput when nothing is left, and when the model says that it will not.
    """
    said = " ".join(_THOUGHTS.sub(" ", text).replace("*", "").split())
    said = _PREAMBLE.sub("", said).strip("\"“”«»'# ")
    if not complete and (whole := _LAST_SENTENCE.match(said)):
        said = whole[0]
    if not said:
        raise InvalidInput("the model wrote no caption")
    if _DECLINED.match(said):
        raise InvalidInput(f"the model declined: {said[:100]}")
    return said.encode("utf-8", "replace")[:MOST_BYTES].decode(errors="ignore")


def open_captioner(
    setting: str,
    *,
    url: str,
    language: str,
    load_seconds: float,
    seconds: float,
    keep_alive: str = KEEP_ALIVE,
) -> OllamaCaptioner | None:
    """Who describes pictures as OLHAR_CAPTIONER says; None when no such model is set.

    Raises BadSettings for a language that is not known.
    """
    if not setting.startswith(OLLAMA):
        return None
    model = setting.removeprefix(OLLAMA)
    return OllamaCaptioner(
        model, url, language=language, load_seconds=load_seconds, seconds=seconds, keep_alive=keep_alive
    )
