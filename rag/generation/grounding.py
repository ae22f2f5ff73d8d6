"""Holds what a small model wrote against the one piece of evidence that it was shown.

The check is plain: every content word of the answer has to stand in the evidence; what only the question
says is no fact. It cannot see that words were put together wrongly, so the evidence is quoted beside the
answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from rag.folding import fold, stem

MAX_QUOTE = 300
"""Characters."""
RESTATED = 0.8
"""Share of the evidence's content words from which an answer needs no quote beside it."""

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_FUNCTION_TEXT = """
a an and are as at be been being but by can could did do does doing for from had has have he her hers him his
i in into is it its just may me my of on or our she should so some than that the their them then there these
they this those to too was we were what when where which while who whom whose why will with would you your
how many much any say says said show shows shown see seen tell please
photo photos picture pictures image images
"""
_FUNCTION_WORDS = frozenset(_FUNCTION_TEXT.split())
_NEGATION = re.compile(r"\b(?:no|not|never|without|nobody|none|nothing|empty|\w+n[’']t)\b", re.IGNORECASE)
_YES_NO = re.compile(
    r"(?!(?:can|could|will|would) (?:you|we) (?:please )?(?:tell|say|describe|explain|name|show|find|list)\b)"
    r"(?:is|are|was|were|do|does|did|can|could|has|have|had|will|would|should)\b",
    re.IGNORECASE,
)
_EXISTENCE = re.compile(
    r"(?:(?:is|are) there\b|(?:do|can) (?:you|we|i) (?:see|have)\b"
    r"|do(?:es)? (?:the|this|any|a) (?:photos?|pictures?|images?) (?:show|contain|have)\b)",
    re.IGNORECASE,
)
_YES = "Yes. "
_HOW_MANY = re.compile(r"\s*how many\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"\d|\b(?:no|none|one|two|both|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|pair|couple|"
    r"trio|several|few|many|single)\b",
    re.IGNORECASE,
)
_WHICH_COLOUR = re.compile(r"\s*(?:what|which) colou?rs?\b", re.IGNORECASE)
_COLOUR = re.compile(
    r"\b(?:red|blue|green|yellow|orange|purple|violet|pink|brown|black|white|gr[ae]y|gold(?:en)?|silver|beige|"
    r"tan|teal|turquoise|maroon|colou?r(?:ed|ful)?)\b",
    re.IGNORECASE,
)


def content(text: str) -> Set[str]:
    """The stems of the words that carry meaning."""
    return {stem(word) for word in _WORD.findall(fold(text)) if word not in _FUNCTION_WORDS}


def guessed(labels: Sequence[str], inscriptions: str = "") -> str:
    """What to say of a photo of which only labels, and perhaps ``inscriptions`` (sentences), are known."""
    said = f"The photo looks like: {'; '.join(labels)}. (A guess from its pixels; it has no caption.)"
    return f"{said} {quote(inscriptions, '')}" if inscriptions else said


def beside(question: str, statement: str) -> bool:
    """Whether the statement holds not one content word of a question that has some."""
    asked = content(question)
    return bool(asked) and not asked & content(statement)


def coverage(question: str, statement: str) -> float:
    """Of the question's content words the share that the statement holds, in [0, 1]; 0 when it has none."""
    asked = content(question)
    return len(asked & content(statement)) / len(asked) if asked else 0.0


def lacks_what_is_asked(question: str, statement: str) -> bool:
    """Whether a question asks how many, or for a colour, and the statement tells no number, or no colour."""
    if _HOW_MANY.match(question):
        return not _NUMBER.search(statement)
    return bool(_WHICH_COLOUR.match(question)) and not _COLOUR.search(statement)


def verdict(question: str, statement: str) -> str | None:
    """The answer to a question of yes or no, or None for any other question.

    “Yes” is said only when the question asks whether something is there and the statement names all
    of it without a negation. Otherwise the statement is left to speak: small models guess here.
    """
    asked = question.strip()
    if not _YES_NO.match(asked):
        return None
    wanted = content(asked)
    named = bool(wanted) and wanted <= content(statement)
    if _EXISTENCE.match(asked) and named and not _NEGATION.search(f"{asked} {statement}"):
        return f"{_YES}({quote(statement, asked)})"
    return quote(statement, asked)


def affirmed(answer: str) -> bool:
    """Whether a verdict says that something is there: one example is enough then."""
    return answer.startswith(_YES)


def supported(written: str, question: str, statement: str) -> str:
    """The first sentence written, with the statement beside it.

    The statement alone, when the sentence says anything that does not stand in it (also if it stands in the
    question: the statement may be about something else), or adds nothing of it to the question, or has
    fewer than two content words (“The temple is the temple.”).
    """
    sentence = _SENTENCE.split(" ".join(written.split()), maxsplit=1)[0]
    words, known = content(sentence), content(statement)
    shown = quote(statement, f"{question} {sentence}")
    asked = content(question)
    if len(words) < 2 or not words <= known or words <= asked:
        return shown
    sentence = ended(sentence[:1].upper() + sentence[1:] if sentence.isascii() else sentence)
    if len(words) >= RESTATED * len(known):
        return sentence
    return f"{sentence} ({shown})"


def quote(statement: str, about: str) -> str:
    """The statement, or of a long one the sentence that shares most with ``about``; at most MAX_QUOTE."""
    if len(statement) > MAX_QUOTE:
        wanted = content(about)
        statement = max(_SENTENCE.split(statement), key=lambda part: len(content(part) & wanted))
    if len(statement) > MAX_QUOTE:
        statement = statement[: MAX_QUOTE - 1].rsplit(maxsplit=1)[0] + "…"
    return ended(statement)


def ended(sentence: str) -> str:
    """The sentence with a full stop, unless it has an end already."""
    return sentence if sentence.endswith((".", "!", "?", "…", "'", '"', "”", "’")) else f"{sentence}."
