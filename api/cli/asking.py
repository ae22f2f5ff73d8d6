"""What ``search`` and ``ask`` were told, as the question that is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.errors import InvalidInput

if TYPE_CHECKING:
    from api.query_schemas import QueryIn


def query(text: str, collection: str, **options: object) -> QueryIn:
    """The question of these options, those that are None left out. Raises InvalidInput."""
    from pydantic import ValidationError

    from api.query_schemas import QueryIn

    given = {name: value for name, value in options.items() if value is not None}
    try:
        return QueryIn.model_validate({"text": text, "collection": collection, **given})
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
