"""Nothing but the public Internet, however an address is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import BadSettings
from rag.fetch.addresses import Allowed, is_public, parsed

NOT_PUBLIC = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "172.15.0.1",
    "172.32.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not Allowed().admits("host.example", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_admitted(address: str) -> None:
    assert Allowed().admits("host.example", address)


def test_what_is_allowed_is_admitted() -> None:
    allowed = Allowed.of(" Intranet.example, 10.1.0.0/16 ,192.168.1.7, [::1], ")
    assert allowed.admits("intranet.EXAMPLE.", "127.0.0.1")
    assert allowed.admits("any", "10.1.2.3")
    assert allowed.admits("any", "::ffff:10.1.2.3")
    assert allowed.admits("any", "192.168.1.7")
    assert allowed.admits("any", "::1")
    assert not allowed.admits("any", "10.2.0.1")
    assert not allowed.admits("sub.intranet.example", "127.0.0.1")
    assert not Allowed.of("").admits("any", "127.0.0.1")


@pytest.mark.parametrize("text", ["10.0.0.0/99", "host:80", "http://host/"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(BadSettings, match="OLHAR_FETCH_ALLOW"):
        Allowed.of(text)


@given(st.ip_addresses(v=4))
def test_ipv4_in_ipv6_is_the_same_address(address: IPv4Address) -> None:
    for written in (f"::ffff:{address}", str(IPv6Address((0x64FF9B << 96) + int(address)))):
        assert parsed(written) == address
    if address.is_private or not address.is_global:
        assert not is_public(address)


@given(st.text())
def test_what_is_no_address_is_refused(text: str) -> None:
    if parsed(text) is None:
        assert not Allowed().admits("host", text)
