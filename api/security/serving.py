"""Whether others than this machine may be served: only when somebody has a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rag.build import Olhar
from rag.errors import BadSettings
from rag.settings import Settings
from rag.urls import is_loopback


@contextmanager
def known(olhar: Olhar, say: Callable[[str], None]) -> Iterator[None]:
    """Where keys are asked for, somebody has one. Raises BadSettings."""
    settings = olhar.settings
    if settings.asks_for_keys and not olhar.records.keys.any_good():
        raise BadSettings(
            f"{_why(settings)}, so that a key is needed, and there is none yet; make one first:\n"
            "  olhar keys create admin --scope admin"
        )
    if not is_loopback(settings.host) and "https://" not in settings.public_urls:
        say(
            f"warning: keys and pictures can be read on their way to {settings.host}; put a proxy with TLS "
            "in front and name it (OLHAR_PUBLIC_URLS, docs/security.md)"
        )
    yield


def _why(settings: Settings) -> str:
    if settings.auth == "required":
        return "OLHAR_AUTH is required"
    if not is_loopback(settings.host):
        return f"OLHAR_HOST is {settings.host}, which others than this machine may reach"
    return "OLHAR_PUBLIC_URLS or OLHAR_PROXIES is set: others than this machine may reach it"
