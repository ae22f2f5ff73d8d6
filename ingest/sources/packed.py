"""Members of archives by their place in the file: read again by whoever knows it, without the directory."""

from __future__ import annotations

import bz2
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

from rag.errors import InvalidInput, OlharError
from rag.types import JSON

ARCHIVE: Final = "archive"
"""The key of a locator with the path of an archive of this machine."""
STATE: Final = "state"
DEFLATED: Final = 8
BZIP2: Final = 12
HEADER: Final = 30
"""Bytes of a ZIP member's own header, before its name."""
SPARE: Final = 2**16
"""What packing may add to what cannot be packed, and as many times its size."""
CHANGED: Final = "the archive was changed, or damaged, after the job was put down; ingest it again"


def state(descriptor: int) -> str:
    """Equal as long as nobody writes to the file."""
    found = os.fstat(descriptor)
    return f"{found.st_mtime_ns}-{found.st_size}"


def located(path: Path, mark: str, **where: int) -> dict[str, JSON]:
    """Where a member is: ``offset`` and ``size`` of its bytes in the archive.

    In a ZIP ``offset`` is that of its header, and ``packed``, ``method`` and ``crc`` are those of its entry.
    ``mark`` is the archive's state.
    """
    return {ARCHIVE: os.fsencode(path).decode("latin-1"), STATE: mark, **where}


def member(where: Mapping[str, JSON]) -> bytes:
    """The bytes at a place that ``located`` gave.

    Raises OSError, and OlharError when the archive is not the same any more or the member is damaged.
    """
    with open(os.fsencode(cast(str, where[ARCHIVE]).encode("latin-1")), "rb") as file:
        if state(file.fileno()) != where[STATE]:
            raise OlharError(CHANGED)

        def read_at(offset: int, size: int) -> bytes:
            file.seek(offset)
            return file.read(size)

        numbers = {key: cast(int, value) for key, value in where.items() if key not in (ARCHIVE, STATE)}
        return unzipped(read_at, **numbers) if "method" in numbers else _plain(read_at, **numbers)


def unzipped(
    read_at: Callable[[int, int], bytes], *, offset: int, size: int, packed: int, method: int, crc: int
) -> bytes:
    """A member of a ZIP (stored, deflated or by bzip2). Raises InvalidInput when it is damaged."""
    header = read_at(offset, HEADER)
    if len(header) < HEADER or not header.startswith(b"PK\3\4"):
        raise InvalidInput("damaged in the archive: it does not begin where it should")
    name, extra = struct.unpack_from("<HH", header, 26)
    data = read_at(offset + HEADER + name + extra, min(packed, 2 * size + SPARE))
    try:
        data = _unpacked(data, method, size)
    except (zlib.error, OSError, ValueError, EOFError) as error:
        raise InvalidInput(f"damaged in the archive: {error}") from None
    if len(data) != size:
        raise InvalidInput(f"damaged in the archive: {len(data):,} of {size:,} bytes are there")
    if zlib.crc32(data) != crc:
        raise InvalidInput("damaged in the archive: its checksum is wrong")
    return data


def _unpacked(data: bytes, method: int, size: int) -> bytes:
    if method == DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
    return bz2.BZ2Decompressor().decompress(data, size + 1) if method == BZIP2 else data


def _plain(read_at: Callable[[int, int], bytes], *, offset: int, size: int) -> bytes:
    data = read_at(offset, size)
    if len(data) != size:
        raise InvalidInput(f"damaged in the archive: {len(data):,} of {size:,} bytes are there")
    return data
