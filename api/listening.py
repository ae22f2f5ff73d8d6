"""Where a server listens: at the address of the settings."""

from __future__ import annotations

import socket
import sys
from ipaddress import ip_network

from rag.errors import BadSettings
from rag.settings import Settings


def bound(settings: Settings) -> socket.socket:
    """A socket bound to the address, before anything slow is started.

    Raises BadSettings for an address of another machine, or one in use.
    """
    host, port = settings.host, settings.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise BadSettings(f"OLHAR_HOST: {host} is no address of this machine ({error})") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, sys.platform != "win32")
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _in_use(settings, error) from None
    return listener


def listen(listener: socket.socket, settings: Settings) -> None:
    """From here on connections wait for the server instead of being refused. Raises BadSettings."""
    try:
        listener.listen()
    except OSError as error:  # another process was bound to the address too, and was quicker
        raise _in_use(settings, error) from None


def believed(proxies: str) -> str:
    """Those of the settings; those of IPv4 also as a socket of IPv6 tells of them (``OLHAR_HOST=::``)."""
    networks = [ip_network(part.strip()) for part in proxies.split(",") if part.strip()]
    mapped = [f"::ffff:{one.network_address}/{96 + one.prefixlen}" for one in networks if one.version == 4]
    return ",".join([*map(str, networks), *mapped])


def _in_use(settings: Settings, error: OSError) -> BadSettings:
    return BadSettings(
        f"OLHAR_PORT: {settings.host}:{settings.port} cannot be served on ({error.strerror or error}); "
        "choose another, or 0 for any free one"
    )


def url_of(host: str, listener: socket.socket) -> str:
    """Where this machine reaches it."""
    port: int = listener.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
