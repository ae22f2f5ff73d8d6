"""ZIP archives."""

from __future__ import annotations

import stat
import struct
import zipfile
from functools import partial

from ingest.sources.beside import Member, placed, too_long
from ingest.sources.files import too_large
from ingest.sources.kept import Kept, Listing, Together, Unpacking
from ingest.sources.reading import Reading
from rag.errors import BadSource, InvalidInput

METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
"""Not LZMA, whose header may ask for gigabytes of memory."""
ENTRY_BYTES = 256
"""Mean bytes of a file in the directory of an archive; real ones have about 100."""


def listing(kept: Kept, reading: Reading, together: Together | None = None) -> Listing:
    """The members. Raises BadSource when this is no ZIP, or one with too many files."""
    declared = _directory(kept, reading)
    try:
        archive = zipfile.ZipFile(kept.file)
    except Exception as error:  # zipfile raises nearly everything on hostile files
        raise BadSource(f"not a ZIP that can be read: {error or type(error).__name__}") from None
    entries = archive.infolist()
    problems = []
    if len(entries) != declared:
        problems.append(
            f"its directory says {declared} files and names {len(entries)}: it is damaged, some are missing"
        )
    unpacking = Unpacking(kept.size, reading, together)
    members = []
    for entry in entries:
        if entry.is_dir():
            continue
        reason = _refused(entry, reading.max_bytes) or unpacking.take(entry.file_size)
        read = partial(_read, kept, archive, entry, reading.max_bytes)
        revision = f"{entry.CRC:08x}-{entry.file_size}"
        where = kept.located(
            offset=entry.header_offset,
            size=entry.file_size,
            packed=entry.compress_size,
            method=entry.compress_type,
            crc=entry.CRC,
        )
        members.append(placed(_name(entry), Member("", entry.file_size, read, revision, reason, where)))
    return Listing(members, problems)


def _directory(kept: Kept, reading: Reading) -> int:
    """How many files the end of the archive declares, before the directory is read into memory."""
    tail_size = min(kept.size, 22 + 65_535 + 76)
    tail = kept.read_at(kept.size - tail_size, tail_size)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + 22:
        raise BadSource("not a ZIP that can be read: it has no end, so it was cut short, or it is none")
    entries, size = struct.unpack_from("<HL", tail, at + 10)
    if at >= 76 and tail[at - 20 :].startswith(b"PK\6\7") and tail[at - 76 :].startswith(b"PK\6\6"):
        entries64, size64 = struct.unpack_from("<QQ", tail, at - 76 + 32)
        entries, size = entries64, max(size, size64) if size != 0xFFFFFFFF else size64
    if entries > reading.archive_files or size > reading.archive_files * ENTRY_BYTES + 65_536:
        raise BadSource(
            f"the archive names {entries:,} files in {size:,} bytes; the limit is {reading.archive_files:,} "
            "files (OLHAR_ARCHIVE_FILES)"
        )
    return int(entries)


def _refused(entry: zipfile.ZipInfo, max_bytes: int) -> str:
    mode = entry.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "a link, which is not followed"
    if stat.S_IFMT(mode) and not stat.S_ISREG(mode):
        return "no regular file"
    if entry.flag_bits & 1:
        return "encrypted; unpack it yourself"
    if entry.compress_type not in METHODS:
        return f"compressed in a way that is not read (method {entry.compress_type}); pack it anew"
    return too_large(entry.file_size, max_bytes)


def _name(entry: zipfile.ZipInfo) -> str:
    """The name; many programs write UTF-8 without saying so."""
    if entry.flag_bits & 0x800:
        return entry.orig_filename
    try:
        return entry.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.orig_filename


def _read(kept: Kept, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, max_bytes: int) -> bytes:  # noqa: ARG001  # kept open
    try:
        with archive.open(entry) as file:
            data = file.read(max_bytes + 1)
    except Exception as error:  # as above
        raise InvalidInput(f"damaged in the archive: {error or type(error).__name__}") from None
    if len(data) > max_bytes:
        raise too_long(entry.filename, max_bytes)
    if len(data) != entry.file_size:
        raise InvalidInput(f"damaged in the archive: {len(data):,} of {entry.file_size:,} bytes are there")
    return data
