"""Who asks: a tenant, and what may be done there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from rag.settings import Settings

Right: TypeAlias = Literal["read", "write", "admin"]
"""What a key is for: its scopes, as users call them; in code a scope is a tenant's collection."""

RIGHTS: Final[tuple[Right, ...]] = ("read", "write", "admin")


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever sent a request.

    ``key`` is the prefix of the key that was sent; empty: none was, and none is asked for.
    """

    tenant: str
    rights: frozenset[Right]
    key: str = ""

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
