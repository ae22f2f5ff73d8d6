"""The JSON shapes of other requests. Unknown keys are refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints

from api.query_schemas import Body, Text


class TextIn(Body):
    """A text to embed."""

    text: Annotated[Text, StringConstraints(min_length=1)]


class UrlsIn(Body):
    """Files to be fetched by the server."""

    urls: Annotated[
        list[Annotated[Text, StringConstraints(min_length=1)]], Field(min_length=1, max_length=100)
    ]
    all_captions: bool = False


class DescriptionIn(Body):
    """What is known about an uploaded file; ingestion cuts what is too long.

    ``source`` says where the file comes from, in place of its name. It is one place: other bytes sent
    from there later take the place of these. ``captions[0]`` is the caption if ``caption`` is not given.
    """

    source: Annotated[Text, StringConstraints(min_length=1)] | None = None
    caption: str | None = None
    captions: list[str] = Field(default_factory=list)
    labels: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
