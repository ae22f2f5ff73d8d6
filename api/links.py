"""Links that show an item's files for a while to whoever has them, so that a browser needs no header.

A link holds what may be seen and until when, signed with a key of this data folder (HMAC-SHA-256, RFC 2104).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from rag.errors import Unavailable
from rag.types import Scope

Form: TypeAlias = Literal["original", "thumbnail"]

NAME: Final = "link-keys.json"
DAY_S: Final = 86_400
LONGEST_S: Final = DAY_S
"""No link lives longer."""


@dataclass(frozen=True, slots=True)
class Link:
    """One form of one item, until ``expires_at`` (Unix seconds)."""

    tenant: str
    collection: str
    item_id: str
    form: Form
    expires_at: int

    @property
    def scope(self) -> Scope:
        """Where the item is."""
        return Scope(self.tenant, self.collection)


class Links:
    """Makes links and reads them. Safe to use from several threads; one process has the data folder.

    A key signs for ``key_days``, and is known for as long after as what it signed may live. Without its file
    (``link-keys.json``, readable by its owner alone) there are new keys, and no earlier link holds.
    """

    def __init__(self, data: Path, key_days: float, clock: Callable[[], float] = time.time) -> None:
        self._path = data / NAME
        self._key_s = key_days * DAY_S
        self._clock = clock
        self._lock = threading.Lock()

    def sign(self, link: Link) -> str:
        """The link as a text for a URL. Raises Unavailable when a key cannot be kept."""
        said = _text(json.dumps(list(asdict(link).values()), separators=(",", ":")).encode())
        return f"{said}.{_text(_signed(self._keys()[-1], said))}"

    def read(self, text: str) -> Link | None:
        """What a text holds that was signed here and is still good; else None."""
        said, _, signature = text.partition(".")
        given = signature.encode("utf-8", "surrogatepass")
        good = [hmac.compare_digest(_text(_signed(key, said)).encode(), given) for key in self._keys()]
        if not any(good):
            return None
        link = Link(*json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4))))
        return link if self._clock() < link.expires_at else None

    def _keys(self) -> list[bytes]:
        """Those that are still good, the one that signs last."""
        with self._lock:
            now, kept = self._clock(), self._kept()
            known = [one for one in kept if now < one[0] + self._key_s + LONGEST_S]
            if not known or now >= known[-1][0] + self._key_s:
                known.append((now, secrets.token_hex(32)))
            if known != kept:
                self._keep(known)
            return [bytes.fromhex(key) for _, key in known]

    def _kept(self) -> list[tuple[float, str]]:
        try:
            return [(float(made), str(key)) for made, key in json.loads(self._path.read_text("ascii"))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise Unavailable(
                f"the keys of links in {self._path} cannot be read ({error}); remove the file, and the links "
                "of before no longer hold"
            ) from error

    def _keep(self, keys: list[tuple[float, str]]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self._path.parent, suffix=".part")  # of its owner alone
            try:
                with os.fdopen(handle, "w") as file:
                    json.dump(keys, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(draft, self._path)
            finally:
                with suppress(FileNotFoundError):
                    os.remove(draft)
        except OSError as error:
            raise Unavailable(f"a key for links cannot be kept in {self._path}: {error.strerror}") from error


def _signed(key: bytes, said: str) -> bytes:
    return hmac.digest(key, said.encode("utf-8", "surrogatepass"), hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
