"""What all of OpenAI's ways to chat share: the collection that is meant, what is asked, the parameters."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from api.conversations import Conversations
from api.errors import ModelNotFound, invalid
from api.query_schemas import QueryIn
from api.routes.queries import resolve
from api.security.principal import Principal
from rag.build import Olhar
from rag.errors import InvalidInput
from rag.questions import Question
from rag.types import Faithfulness, GenerationOptions, Turn

MODEL = re.compile(r"olhar(?:/([A-Za-z0-9][A-Za-z0-9_.-]{0,63}))?")
"""``olhar`` is the collection of the settings, ``olhar/<name>`` another."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation whose last turn is a question. ``where`` is the field of the request that holds it."""

    model: str
    text: str
    images: tuple[str, ...]
    earlier: tuple[Turn, ...]
    options: GenerationOptions
    thread: str | None
    faithfulness: Faithfulness | None
    where: str


def understood(talk: Talk, olhar: Olhar, who: Principal, talks: Conversations) -> tuple[Question, str | None]:
    """The question, and the collection that ``model`` names, if it names one.

    Raises ModelNotFound, RequestValidationError and what ``resolve`` and ``resumed`` raise.
    """
    match = MODEL.fullmatch(talk.model)
    if match is None:
        raise ModelNotFound(f"there is no model {talk.model!r} to chat with; /v1/models lists them")
    try:
        wanted = QueryIn(collection=match[1], text=talk.text, images=list(talk.images))
    except ValidationError as error:
        raise invalid(error, talk.where) from None
    asked = replace(resolve(olhar, who, wanted), options=talk.options, thread=talk.thread or "")
    asked = replace(asked, faithfulness=talk.faithfulness)
    # A thread knows what was said in it; chat programs send it all the same.
    return talks.resumed(asked) if asked.thread else replace(asked, history=talk.earlier), match[1]


def without_effect(
    given: Mapping[str, Any],
    *,
    silent: Collection[str],
    ignored: Collection[str],
    as_if_absent: Mapping[str, tuple[object, ...]],
) -> tuple[str, ...]:
    """A warning of parameters that change nothing here, if there are any.

    ``silent`` ones change no answer anywhere. Raises InvalidInput for those that are neither.
    """
    asking = {
        key: value
        for key, value in given.items()
        if key not in silent and value not in (None, False, [], {}) and value not in as_if_absent.get(key, ())
    }
    unsupported = sorted(asking.keys() - set(ignored))
    if unsupported:
        raise InvalidInput(f"parameters that are not supported: {', '.join(unsupported)}; leave them out")
    return (f"these parameters have no effect: {', '.join(sorted(asking))}",) if asking else ()
