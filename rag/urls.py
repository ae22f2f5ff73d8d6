"""URLs: as they may be shown, without the passwords that some carry, and where they lead. A leaf."""

from __future__ import annotations

import re
from ipaddress import ip_address

_PASSWORD = re.compile(r"(?<=://)([^\s/?#:@]*):(?!\d+(?:/|\s))\S*@")
_TOKEN = re.compile(r"(?<=://)[^\s/?#:@]+@")
HIDDEN = "***"


def is_file(uri: str) -> bool:
    """Whether the URI of a Milvus means a Milvus Lite file."""
    return uri.endswith(".db") and "://" not in uri


def without_password(text: str) -> str:
    """``text`` with ``user:***@`` for the user and password of every URL in it.

    A user alone is hidden too, for it may be a key. A password that was not escaped (with ``/`` or ``@`` in
    it) is hidden as a whole.
    """
    return _TOKEN.sub(f"{HIDDEN}@", _PASSWORD.sub(rf"\1:{HIDDEN}@", text))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
