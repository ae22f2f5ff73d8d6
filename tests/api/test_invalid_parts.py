"""What is invalid is named by the path that was sent, without the names of the forms that were tried."""

from __future__ import annotations

import pytest

from api.invalid_parts import path


@pytest.mark.parametrize(
    ("location", "kind", "body", "told"),
    [
        (("body", "limit"), "int_type", None, "limit"),
        (("input", "list", 0, "content", "list"), "list_type",
         {"input": [{"content": {}}]}, "input[0].content"),
        (("messages", 0, "role"), "missing", {"messages": [{}]}, "messages[0].role"),
        (("messages", 0, "content", "list[part]", 1, "text", "text"), "missing",
         {"messages": [{"content": [{}, {"type": "text"}]}]}, "messages[0].content[1].text"),
        (("messages", 0, "content", "str"), "string_type",
         {"messages": [{"content": {}}]}, "messages[0].content"),
        (("nonsense",), "extra_forbidden", {"nonsense": 1}, "nonsense"),
        ((), "json_invalid", None, ""),
        ((), "model_type", [], ""),
    ],
)  # fmt: skip
def test_the_path_is_the_one_that_was_sent(
    location: tuple[int | str, ...], kind: str, body: object, told: str
) -> None:
    assert path(location, kind, body) == told
