"""The JSON shapes of other requests. Unknown keys are refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from api.query_schemas import Body, Text
from rag.settings import Name


class TextIn(Body):
    """A text to embed."""

    text: Annotated[Text, StringConstraints(min_length=1)]


class UrlsIn(Body):
    """Files to be fetched by the server."""

    urls: Annotated[
        list[Annotated[Text, StringConstraints(min_length=1)]], Field(min_length=1, max_length=100)
    ]
    all_captions: bool = False


class EditIn(Body):
    """What a person says of an item. What is left out stays; null takes back what was said before."""

    caption: Text | None = Field(None, description="empty: it is to have none")
    tags: Annotated[list[Text], Field(max_length=1000)] | None = Field(
        None, description="all its tags; empty: it is to have none"
    )
    metadata: dict[str, JsonValue] | None = Field(
        None, description="JSON merge patch (RFC 7396): keys that are null are taken away"
    )


class LinksIn(Body):
    """Items whose files are to be linked to."""

    items: Annotated[
        list[Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]],
        Field(min_length=1, max_length=1000),
    ]
    collection: Name | None = None
    seconds: Annotated[int, Field(ge=1, le=86_400)] | None = Field(
        None, description="how long the links are good; unset: OLHAR_LINK_SECONDS"
    )


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
    origin: Literal["upload", "sidecar", "manifest", "embedded"] = Field(
        "upload", description="where the one who sends it has caption and tags from"
    )
