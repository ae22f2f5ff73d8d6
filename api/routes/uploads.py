"""Uploads: multipart forms whose files go straight into the staging area while they come in."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from anyio import CancelScope
from fastapi import Request
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api.limits import FIELD_BYTES, UPLOAD_FILES, UPLOAD_S
from api.routes.aside import Aside
from api.routes.forms import charset_of, is_multipart
from ingest.removal import drop_staged
from ingest.sources.archives import is_archive
from rag.blobs import Arriving, Blobs
from rag.build import Olhar
from rag.errors import InvalidInput

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

CHUNK: Final = 2**20
"""Bytes that are parsed and written at a time, in a thread of their own."""
FILES: Final = "files"


@dataclass(slots=True)
class Received:
    """A file that was sent: its ``name`` (empty: none was given) and how many bytes it has.

    It lies among the staged bytes under the name ``staged``, or in the open file ``archive``; nowhere when it
    is larger than a file may be.
    """

    name: str
    size: int = 0
    staged: str = ""
    archive: BinaryIO | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """Text fields by name, and files in the order sent."""

    fields: Mapping[str, str]
    files: Sequence[Received]


@asynccontextmanager
async def upload_body(request: Request, olhar: Olhar, *, fields: frozenset[str]) -> AsyncIterator[Upload]:
    """The body as an upload with these text fields.

    What the block does not put down as a job, because of an error or since the client hung up, is deleted.
    Raises InvalidInput for a key that is unknown or given twice, and HTTPException 400, 408, 413 or 415.
    """
    if not is_multipart(request):
        raise HTTPException(415, "send multipart/form-data")
    receiver = _Receiver(request.headers["content-type"], olhar.staged, fields, olhar.settings.max_bytes)
    try:
        await _receive(request, receiver)
        yield Upload(receiver.fields, receiver.files)
    except BaseException:
        with CancelScope(shield=True):
            await run_in_threadpool(_forget, receiver, olhar)
        raise
    else:
        receiver.drop()  # the job has all it takes of the archives


def _forget(receiver: _Receiver, olhar: Olhar) -> None:
    try:
        receiver.drop()
    finally:
        drop_staged(olhar, [file.staged for file in receiver.files])


async def _receive(request: Request, receiver: _Receiver) -> None:
    waiting = bytearray()
    until = time.time() + UPLOAD_S  # by the clock that tells the age of files
    async for chunk in request.stream():
        if time.time() > until:
            raise HTTPException(
                408, f"the upload took more than {UPLOAD_S / 3600:.0f} hours; send fewer files at a time"
            )
        waiting += chunk
        if len(waiting) >= CHUNK:
            await run_in_threadpool(receiver.take, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(receiver.take, bytes(waiting), last=True)


@dataclass(slots=True)
class _Part:
    """The part of the form that is coming in."""

    headers: dict[str, str] = field(default_factory=dict)
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    key: str = ""
    text: bytearray | None = None
    charset: str = ""
    file: Received | None = None
    sink: Arriving | Aside | None = None


class _Receiver:
    """Takes the pieces of a body, in any thread but one at a time."""

    def __init__(self, content_type: str, staged: Blobs, fields: frozenset[str], max_bytes: int) -> None:
        self.fields: dict[str, str] = {}
        self.files: list[Received] = []
        self._asides: list[Aside] = []
        self._staged = staged
        self._known = fields
        self._max_bytes = max_bytes
        self._part = _Part()
        self._ended = False
        _, options = parse_options_header(content_type)
        self._charset = charset_of(content_type)
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._end_all,
        }
        try:
            self._parser = MultipartParser(options[b"boundary"], callbacks)
        except (KeyError, FormParserError):
            raise HTTPException(400, "the form names no boundary that can be used") from None

    def take(self, data: bytes, *, last: bool = False) -> None:
        """The next bytes. Raises InvalidInput, HTTPException, and Unavailable where they cannot be kept."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise HTTPException(400, f"the form is damaged: {error}") from None
        if last and not self._ended:
            raise HTTPException(400, "the form is cut short: its end is missing")

    def drop(self) -> None:
        """Let go of what is half there, and of archives."""
        with ExitStack() as all_of_them:
            for aside in self._asides:
                all_of_them.callback(aside.drop)
            if isinstance(self._part.sink, Arriving):
                all_of_them.callback(self._part.sink.drop)

    def _begin(self) -> None:
        self._part = _Part()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._part.header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.value += data[start:end]

    def _header_end(self) -> None:
        part = self._part
        part.headers[part.header.decode("latin-1").lower()] = part.value.decode("latin-1")
        part.header.clear()
        part.value.clear()

    def _headers_end(self) -> None:
        part = self._part
        _, options = parse_options_header(part.headers.get("content-disposition"))
        if b"name" not in options:
            raise HTTPException(400, "a part of the form has no name")
        part.key = _decoded(options[b"name"], self._charset)
        if b"filename" in options and part.key == FILES:
            self._begin_file(_decoded(options[b"filename"], self._charset))
        elif b"filename" not in options and part.key in self._known:
            if part.key in self.fields:
                raise InvalidInput(f"form fields given twice: {part.key}")
            part.text = bytearray()
            part.charset = charset_of(part.headers.get("content-type", ""), self._charset)
        else:
            raise InvalidInput(
                f"form keys that cannot be used: {part.key!a}; there are the file {FILES!r} and the fields "
                f"{sorted(self._known)}"
            )

    def _begin_file(self, name: str) -> None:
        if len(self.files) == UPLOAD_FILES:
            raise HTTPException(413, f"too many files: the limit is {UPLOAD_FILES} in one upload")
        part = self._part
        part.file = Received(name)
        self.files.append(part.file)
        if is_archive(name):
            part.sink = aside = Aside()
            part.file.archive = aside.file
            self._asides.append(aside)
        else:
            # A name of its own: nobody else's receipt takes these bytes away.
            part.file.staged = secrets.token_hex(32)
            part.sink = self._staged.arriving(part.file.staged)

    def _data(self, data: bytes, start: int, end: int) -> None:
        part, count = self._part, end - start
        if part.text is not None:
            if len(part.text) + count > FIELD_BYTES:
                raise HTTPException(413, f"the field {part.key!r} has more than {FIELD_BYTES:,} bytes")
            part.text += data[start:end]
        elif part.file is not None:
            part.file.size += count
            if isinstance(part.sink, Arriving) and part.file.size > self._max_bytes:
                part.sink.drop()
                part.sink, part.file.staged = None, ""
            if part.sink is not None:
                part.sink.write(data[start:end])

    def _end(self) -> None:
        part = self._part
        if part.text is not None:
            self.fields[part.key] = _decoded(bytes(part.text), part.charset)
        elif part.sink is not None:
            part.sink.keep()
        self._part = _Part()

    def _end_all(self) -> None:
        self._ended = True


def _decoded(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset)
    except UnicodeDecodeError:
        return data.decode("latin-1")
