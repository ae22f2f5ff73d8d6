"""Keys of the tenant, and what was done with them."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request

from api.deps import System, Who
from api.key_schemas import AuditOut, KeyIn, KeyOut, KeysOut, MadeKeyOut, RotateIn
from api.security.keyring import Keyring
from api.security.keys import KeyDesk, Own
from api.security.ledger import name_target
from api.security.needs import ADMIN

router = APIRouter(tags=["keys"])

MOST: Final = 2**31 - 1
"""The audit log counts no further."""
Prefix = Annotated[str, Path(pattern="^olhar_[0-9a-f]{8}$")]


async def _desk(request: Request, olhar: System, who: Who) -> KeyDesk:
    keyring: Keyring = request.app.state.keyring
    own = Own(who.let.key, olhar.settings) if who.let else None
    return KeyDesk(olhar.records, who.tenant, keyring.forget, own=own)


Desk = Annotated[KeyDesk, Depends(_desk)]


@router.get("/v1/keys", operation_id="keys", dependencies=[ADMIN])
def keys(desk: Desk) -> KeysOut:
    """The keys, without their secrets; revoked and expired ones too."""
    return desk.list()


@router.post("/v1/keys", operation_id="create_key", dependencies=[ADMIN], status_code=201)
def create_key(desk: Desk, body: KeyIn, request: Request) -> MadeKeyOut:
    """Make a key, with no more than one's own may. Its secret is shown this once.

    Numbers that are left out are those of the key that makes it. More than that is refused (422): it is given
    on the server's machine.
    """
    key = desk.create(body)
    name_target(request, key.prefix)
    return key


@router.post("/v1/keys/{prefix}/rotate", operation_id="rotate_key", dependencies=[ADMIN])
def rotate_key(desk: Desk, prefix: Prefix, body: RotateIn) -> MadeKeyOut:
    """Give a key a new secret, shown this once; the one of before is good for a while."""
    return desk.rotate(prefix, body)


@router.delete("/v1/keys/{prefix}", operation_id="revoke_key", dependencies=[ADMIN])
def revoke_key(desk: Desk, prefix: Prefix) -> KeyOut:
    """Revoke a key: it, and its sessions, are good for nothing from now on."""
    return desk.revoke(prefix)


@router.get("/v1/audit", operation_id="audit", dependencies=[ADMIN])
def audit(
    desk: Desk,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[int | None, Query(ge=0, le=MOST)] = None,
    key: Annotated[str, Query(pattern="^(olhar_[0-9a-f]{8})?$", description="prefix of a key")] = "",
) -> AuditOut:
    """What was changed, or was to be: who, when, what, and how it ended. Newest first."""
    return desk.audit(limit=limit, before=before, key=key)
