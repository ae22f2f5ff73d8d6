"""Who is believed about an item: a person before its sources, and those before a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ingest.descriptions import Described
from ingest.origins import (
    CAPTION_ORIGIN,
    EDITED,
    PERSON,
    TAGS_ORIGIN,
    caption_origin,
    edited,
    edited_keys,
    from_model,
    tags_origin,
)
from ingest.parts import DOCUMENT, given
from rag.records.types import Edit, Said
from rag.types import JSON, Item


def said_by(described: Described) -> Said:
    """What a description says."""
    return Said(
        described.caption,
        described.caption_origin,
        described.text,
        described.tags,
        described.tags_origin,
        given(described.metadata),
    )


def said_of(item: Item, edit: Edit | None) -> Said:
    """What the sources of a stored item say of it, without what models and people say."""
    if edit is not None:
        return edit.said
    caption, tags = caption_origin(item), tags_origin(item)
    theirs = not _of_others(caption)
    return Said(
        item.caption if theirs else "",
        caption if theirs else "",
        item.text,
        () if _of_others(tags) else item.tags,
        "" if _of_others(tags) else tags,
        {key: value for key, value in given(item.metadata).items() if key not in edited_keys(item)},
    )


def edit_of(item: Item, kept: Edit | None) -> Edit | None:
    """A person's edit as the records keep it; should those have lost it, as the item itself shows it."""
    if kept is not None or not edited(item):
        return kept
    return Edit(
        item.caption if caption_origin(item) == PERSON else None,
        item.tags if tags_origin(item) == PERSON else None,
        {key: item.metadata.get(key) for key in edited_keys(item)},
        said_of(item, None),
    )


def layered(item: Item, said: Said, edit: Edit | None) -> Item:
    """The item with what is to be believed. What a model wrote stays where nobody else says anything."""
    edit = edit or Edit()
    caption, caption_from = said.caption, said.caption_origin
    if edit.caption is not None:
        caption, caption_from = edit.caption, PERSON
    elif not caption and from_model(caption_origin(item)):
        caption, caption_from = item.caption, caption_origin(item)
    tags, tags_from = said.tags, said.tags_origin
    if edit.tags is not None:
        tags, tags_from = edit.tags, PERSON
    elif not tags and from_model(tags_origin(item)):
        tags, tags_from = item.tags, tags_origin(item)
    own: dict[str, JSON] = {
        CAPTION_ORIGIN: caption_from,
        TAGS_ORIGIN: tags_from,
        EDITED: list[JSON](edit.metadata),
        DOCUMENT: item.metadata.get(DOCUMENT),
    }
    theirs = {key: value for key, value in said.metadata.items() if key not in edit.metadata}
    persons = {key: value for key, value in edit.metadata.items() if value is not None}
    kept = {key: value for key, value in own.items() if value}
    return replace(item, caption=caption, text=said.text, tags=tags, metadata={**theirs, **persons, **kept})


def patched(target: JSON, patch: JSON) -> JSON:
    """JSON merge patch: RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = patched(result.get(key), value)
    return result


def named_by(metadata: Mapping[str, JSON], patch: Mapping[str, JSON]) -> dict[str, JSON]:
    """The keys that a merge patch touches with their new values, None for those that are taken away."""
    after = patched(dict(metadata), dict(patch))
    assert isinstance(after, dict)
    return {key: after.get(key) for key in patch}


def _of_others(origin: str) -> bool:
    return origin == PERSON or from_model(origin)
