"""Takes a literal IP address, says whether it is one of the open Internet. Never resolves a name."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import inet_aton, inet_ntoa

HOSTS_KEPT = 4096  # of which it is known how they are compared, or whether they are public: 10 µs, or 20, to find out

# The IANA registries of special addresses. 192.88.99.0/24 led to 6to4 relays, 2001::/23 holds Teredo (2001::/32).
_CLOSED_4 = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
    ).split()
)
_CLOSED_6 = tuple(IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_OPEN_6 = IPv6Network("2000::/3")  # all else is local, reserved, multicast, or an IPv4 address in another dress
_NAT64 = IPv6Network("64:ff9b::/96")  # not 64:ff9b:1::/48: for local use, with the IPv4 address in one of many places
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # the third quarter of the address, before the IPv4 address
_NUMBERS = re.compile(r"(?:(?:0[xX][0-9a-fA-F]{1,8}|[0-9]{1,12})\.){0,3}(?:0[xX][0-9a-fA-F]{1,8}|[0-9]{1,12})\.?")


@lru_cache(HOSTS_KEPT)
def is_public(address: str) -> bool:
    """Is this an address of the open Internet? One that carries an IPv4 address is judged by that one too.

    Not `is_global`: on Python 3.11 that is true of multicast, NAT64, 6to4 and ::127.0.0.1. No address at all is False.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return _is_public_4(ip) if isinstance(ip, IPv4Address) else _is_public_6(ip)


def _is_public_4(ip: IPv4Address) -> bool:
    return not any(ip in network for network in _CLOSED_4)


def _is_public_6(ip: IPv6Address) -> bool:
    last = IPv4Address(int(ip) & 0xFFFF_FFFF)
    if ip.ipv4_mapped is not None or ip in _NAT64:
        return _is_public_4(last)
    if ip not in _OPEN_6 or any(ip in network for network in _CLOSED_6):
        return False
    if ip.sixtofour is not None and not _is_public_4(ip.sixtofour):
        return False
    return (int(ip) >> 32) & 0xFFFF_FFFF not in _ISATAP or _is_public_4(last)


def dotted(host: str) -> str:
    """Write an IPv4 address that is short, one number, octal or hexadecimal as four numbers, as browsers do; any other
    host stays as it is.
    """
    try:
        return inet_ntoa(inet_aton(host.rstrip("."))) if _NUMBERS.fullmatch(host) else host
    except OSError:
        return host


@lru_cache(HOSTS_KEPT)
def plain_host(host: str) -> str:
    """Write a host the one way in which hosts are compared."""
    host = host.strip("[]").rstrip(".").lower()
    try:
        return str(ip_address(host))
    except ValueError:
        return host


def plain_pair(text: str) -> tuple[str, int]:
    """Read a host:port pair of the settings."""
    host, _, port = text.rpartition(":")
    return plain_host(host), int(port)
