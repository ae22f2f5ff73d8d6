"""What ``search`` and ``ask`` were told, as the question that is sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from rag.errors import InvalidInput

if TYPE_CHECKING:
    from api.query_schemas import QueryIn

    Schema = TypeVar("Schema", bound=QueryIn)

_UNWANTED = re.compile(r'(?:^|(?<=\s))-(?:"([^"]+)"|(\w\S*))')


def split(text: str) -> tuple[str, list[str]]:
    """What is looked for, and what is not wanted: in ``beach -dog -"red ball"`` a beach without either."""
    unwanted = [quoted or word for quoted, word in _UNWANTED.findall(text)]
    return " ".join(_UNWANTED.sub(" ", text).split()) if unwanted else text, unwanted


def shares(given: str) -> dict[str, object] | None:
    """Of ``field:value=share,value=share``. Raises InvalidInput."""
    if not given:
        return None
    field, _, rest = given.partition(":")
    parts = [part.rpartition("=") for part in rest.split(",")]
    try:
        found = {name.strip(): float(share) for name, _, share in parts}
    except ValueError:
        raise InvalidInput(f"--fair {given!r} is not like field:value=.5,value=.5") from None
    return {"field": field, "shares": found}


def question(schema: type[Schema], text: str, collection: str, **options: object) -> Schema:
    """The question of these options, those that are None or empty left out.

    ``everywhere`` takes the place of the collection. Raises InvalidInput.
    """
    from pydantic import ValidationError

    wanted, unwanted = split(text)
    given = {"text": wanted, "collection": collection, "negative": unwanted, **options}
    if options.get("everywhere"):
        del given["collection"]
    try:
        return schema.model_validate({name: value for name, value in given.items() if value})
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
