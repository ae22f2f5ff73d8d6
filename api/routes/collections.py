"""Collections: what there is, and putting files in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from api.deps import Admin, System, Who, scope_of
from api.errors import invalid
from api.limits import UPLOAD_FILES
from api.query_schemas import Text
from api.record_schemas import JobOut
from api.routes.forms import FILE, form_schema
from api.routes.putting import Putting
from api.routes.request_schemas import DescriptionIn, UrlsIn
from api.routes.uploads import Received, Upload, upload_body
from api.schemas import CollectionsOut, IngestOut
from api.security.needs import READ, WRITE
from api.security.principal import Principal
from ingest.descriptions import Description
from ingest.sources import Reading, SourceFile, open_sources
from ingest.sources.archives import sent
from ingest.sources.files import too_large
from ingest.sources.kept import Together
from ingest.sources.opening import counted
from rag.build import Olhar
from rag.errors import InvalidInput
from rag.settings import Name

router = APIRouter(tags=["collections"])

Wait = Annotated[bool, Query(description="answer when every file has its receipt, with all of them")]
WAITED: dict[int | str, dict[str, Any]] = {
    200: {"model": IngestOut, "description": "With `wait`: the receipts."}
}
FIELDS = frozenset({"descriptions", "all_captions"})
BY_PLACE = TypeAdapter(list[DescriptionIn | None])
BY_NAME = TypeAdapter(dict[str, DescriptionIn])
NAME = TypeAdapter(Text)
FLAG = TypeAdapter(bool)


@router.get("/v1/collections", operation_id="collections", dependencies=[READ])
def collections(admin: Admin) -> CollectionsOut:
    """The collections, with the number of items in each."""
    return admin.collections()


@router.post(
    "/v1/collections/{name}/items",
    operation_id="ingest",
    dependencies=[WRITE],
    status_code=202,
    responses=WAITED,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": form_schema(
                {
                    "files": {"type": "array", "items": FILE, "maxItems": UPLOAD_FILES},
                    "descriptions": {
                        "type": "string",
                        "description": "JSON: a list with an entry (or null) for each file in order, or an "
                        "object by file name. An entry may have source, caption, captions, labels, tags, "
                        "metadata.",
                    },
                    "all_captions": {
                        "type": "boolean",
                        "description": "index every caption, not the first only",
                    },
                },
                ("files",),
            ),
        }
    },
)
async def add_items(
    name: Annotated[Name, Path()],
    request: Request,
    response: Response,
    olhar: System,
    who: Who,
    jobs: Putting,
    wait: Wait = False,
) -> JobOut | IngestOut:
    """Put files into a collection, which is made if it is new: a job, or with `wait` its receipts."""
    async with upload_body(request, olhar, fields=FIELDS) as upload:
        files, all_captions = _files(upload, olhar), _flag(upload)
        job_id = await jobs.put(scope_of(olhar, who, name), files, all_captions=all_captions)
    return await jobs.told(scope_of(olhar, who, name), job_id, response, wait=wait)


@router.post(
    "/v1/collections/{name}/urls",
    operation_id="ingest_urls",
    dependencies=[WRITE],
    status_code=202,
    responses=WAITED,
)
async def add_urls(
    name: Annotated[Name, Path()],
    body: UrlsIn,
    response: Response,
    olhar: System,
    who: Who,
    jobs: Putting,
    wait: Wait = False,
) -> JobOut | IngestOut:
    """Put the files at URLs into a collection. Public addresses only, and protocols that are allowed."""
    files = open_sources(body.urls, _reading(olhar, who))
    scope = scope_of(olhar, who, name)
    job_id = await jobs.put(scope, files, all_captions=body.all_captions)
    return await jobs.told(scope, job_id, response, wait=wait)


def _reading(olhar: Olhar, who: Principal) -> Reading:
    """What the server's own credentials open would be open to every key: only where that was set."""
    reading = Reading.of(olhar.settings, local=False)
    meant = who.operator or "source_protocols" in olhar.settings.model_fields_set
    return reading if meant else replace(reading, protocols=frozenset())


def _files(upload: Upload, olhar: Olhar) -> Iterator[SourceFile]:
    """The files, those in archives too. What is wrong with the form is raised before any is given."""
    if not upload.files:
        raise InvalidInput("no files: send at least one as 'files' of the form")
    names = [_name(file, n) for n, file in enumerate(upload.files)]
    told = _descriptions(upload.fields.get("descriptions"), names)
    together = Together(olhar.settings.archive_bytes)
    opened = [
        _opened(file, name, description or DescriptionIn(), olhar, together)
        for file, name, description in zip(upload.files, names, told, strict=True)
    ]
    return _taken(upload, chain.from_iterable(opened), olhar)


def _taken(upload: Upload, files: Iterable[SourceFile], olhar: Olhar) -> Iterator[SourceFile]:
    """No more of them than allowed; of what is left out nothing stays."""
    left_out = {file.staged for file in upload.files if file.staged}
    for file in counted(files, olhar.settings.source_files):
        left_out.discard(file.staged)
        yield file
    for staged in left_out:
        olhar.staged.delete(staged)


def _opened(
    file: Received, name: str, given: DescriptionIn, olhar: Olhar, together: Together
) -> Iterable[SourceFile]:
    source = given.source or name
    replaces = given.source is not None  # a bare name is one that any file may have
    description = _described(given)
    if file.archive is not None:
        reading = Reading.of(olhar.settings, local=False)
        return sent(file.archive, source, reading, description, together, replaces=replaces)
    if not file.staged:
        reason = too_large(file.size, olhar.settings.max_bytes)
        return [SourceFile.refuse(source, "quarantined", reason)]
    read = partial(olhar.staged.get, file.staged)
    return [SourceFile(source, read, description, replaces=replaces, size=file.size, staged=file.staged)]


def _name(file: Received, place: int) -> str:
    try:
        return NAME.validate_python(file.name or f"upload-{place + 1}")
    except ValidationError as error:
        raise invalid(error, "files", str(place), "filename") from None


def _flag(upload: Upload) -> bool:
    try:
        return FLAG.validate_python(upload.fields.get("all_captions", "false"))
    except ValidationError as error:
        raise invalid(error, "all_captions") from None


def _descriptions(text: str | None, names: list[str]) -> list[DescriptionIn | None]:
    """One for each file."""
    if not text:
        return [None] * len(names)
    data = _without_surrogates(text)
    try:
        if data.startswith(b"["):
            listed = BY_PLACE.validate_json(data)
        else:
            named = BY_NAME.validate_json(data)
            listed = [named.pop(name, None) for name in names]
            if named:
                raise InvalidInput(
                    f"descriptions of files that were not sent: {', '.join(map(ascii, sorted(named)))}"
                )
    except ValidationError as error:
        raise invalid(error, "descriptions") from None
    if len(listed) != len(names):
        raise InvalidInput(f"descriptions: {len(listed)} for {len(names)} files; send one (or null) for each")
    return listed


def _without_surrogates(text: str) -> bytes:
    """The same JSON; half a character is no reason to refuse all files, and ingestion puts ? for it too."""
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"descriptions: no valid JSON ({error})") from None
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _described(given: DescriptionIn) -> Description:
    first = given.captions[:1] if given.caption is None else []
    return Description(
        caption=given.caption if given.caption is not None else "".join(first),
        captions=tuple(given.captions[len(first) :]),
        tags=tuple(dict.fromkeys((*given.labels, *given.tags))),
        metadata=given.metadata,
        caption_origin=given.origin,
        tags_origin=given.origin,
    )
