"""Who asks: a tenant, and what may be done there."""

from __future__ import annotations

from dataclasses import dataclass, field

from rag.records.types import RIGHTS, Let, Right
from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever sent a request.

    ``key`` is the prefix of the key that was sent; empty: none was, and none is asked for. ``let``: that key,
    and until when it holds. ``session``: the secret of the session that stood for it, if one did.
    """

    tenant: str
    rights: frozenset[Right]
    key: str = ""
    let: Let | None = field(default=None, compare=False)
    session: str = field(default="", compare=False, repr=False)

    @property
    def operator(self) -> bool:
        """Whether it is somebody on this machine, who needs no key: not bound to what one tenant has."""
        return not self.key

    def may(self, right: Right) -> bool:
        """Whether this may be done; ``admin`` may do everything."""
        return right in self.rights or "admin" in self.rights


def on_this_machine(settings: Settings) -> Principal:
    """Whoever reaches a server that asks for no keys: all of the settings' tenant."""
    return Principal(settings.tenant, frozenset(RIGHTS))


def let_in(let: Let, session: str = "") -> Principal:
    """Whoever has a key, or a session of it."""
    return Principal(let.key.tenant, frozenset(let.key.rights), let.key.prefix, let, session)
