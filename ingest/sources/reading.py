"""How far sources may go: what is allowed, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rag.fetch import Allowed, Fetcher
from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class Reading:
    """Limits of reading sources.

    ``local`` says that paths of this machine may be read: by the command line, never for others. ``skip``
    is a folder that is left out. ``protocols`` are those of fsspec that URLs may have.
    """

    local: bool
    files: int
    max_bytes: int
    archive_bytes: int
    archive_files: int
    protocols: frozenset[str]
    fetcher: Fetcher
    skip: Path | None = None

    @classmethod
    def of(cls, settings: Settings, *, local: bool) -> Reading:
        """As the settings say; the data folder is left out. Raises BadSettings."""
        return cls(
            local=local,
            files=settings.source_files,
            max_bytes=settings.max_bytes,
            archive_bytes=settings.archive_bytes,
            archive_files=settings.archive_files,
            protocols=frozenset(
                name.strip() for name in settings.source_protocols.split(",") if name.strip()
            ),
            fetcher=Fetcher(
                settings.fetch_seconds, settings.fetch_idle_seconds, Allowed.of(settings.fetch_allow)
            ),
            skip=settings.data,
        )
