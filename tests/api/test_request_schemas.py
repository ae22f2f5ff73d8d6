from __future__ import annotations

import pytest
from pydantic import ValidationError

from api.query_schemas import QueryIn
from rag.types import AllOf, AnyOf, Not, Where


def test_a_filter_is_built() -> None:
    text = """{"filter": {"all": [
        {"field": "tags", "op": "contains", "value": "cat"},
        {"any": [{"field": "metadata.year", "op": "ge", "value": 2020},
                 {"field": "source", "op": "in", "value": ["a", "b"]}]},
        {"not": {"field": "metadata.draft", "op": "eq", "value": true}}
    ]}}"""
    wanted = QueryIn.model_validate_json(text)
    assert wanted.filter is not None
    built = wanted.filter.build()
    assert built == AllOf(
        (
            Where("tags", "contains", "cat"),
            AnyOf((Where("metadata.year", "ge", 2020), Where("source", "in", ["a", "b"]))),
            Not(Where("metadata.draft", "eq", True)),
        )
    )
    assert isinstance(built, AllOf)
    draft = built.parts[2]
    assert isinstance(draft, Not)
    assert isinstance(draft.part, Where)
    assert draft.part.value is True  # not the number 1


@pytest.mark.parametrize(
    "body",
    [
        '{"text": "x", "unknown": 1}',
        '{"text": "\\u0000"}',
        '{"text": "\\ud800"}',
        '{"text": "x", "limit": 0}',
        '{"text": "x", "limit": 1001}',
        '{"text": "x", "collection": "../up"}',
        '{"text": "x", "filter": {"field": "a", "op": "like", "value": 1}}',
        '{"text": "x", "filter": {"field": "a", "op": "eq", "value": NaN}}',
        '{"text": "x", "filter": ' + '{"not": ' * 5000 + "1" + "}" * 5000 + "}",
        '{"text": "' + "x" * 10_001 + '"}',
    ],
)
def test_a_bad_query_is_refused(body: str) -> None:
    with pytest.raises(ValidationError):
        QueryIn.model_validate_json(body)
