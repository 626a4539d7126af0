"""Addresses of callers: as proxies tell them, as allow-lists compare them, and as shares and budgets know them."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from re import compile as pattern
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network
IPV6_BITS = 64
# Some proxies tell the port too: 203.0.113.7:51234, [2001:db8::7]:443.
WITH_PORT = pattern(r"([0-9.]+):[0-9]{1,5}|\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?")


def of_caller(peer: str, forwarded: Iterable[str], trusted: Sequence[Network]) -> str:
    """The caller's address: the peer's, or the last one in X-Forwarded-For that trusted proxies did not add.

    Several lines of the header are one list, in their order.
    """
    address = unmapped(peer)
    if not trusted:
        return address
    chain = [unmapped(_bare(part.strip())) for line in forwarded for part in line.split(",")]
    while chain and is_in(address, trusted):
        address = chain.pop()
    return address


def unmapped(address: str) -> str:
    """An IPv4 address as itself where a listener of both kinds shows it within IPv6."""
    return address.removeprefix("::ffff:") if "." in address else address


def is_in(address: str, networks: Iterable[Network]) -> bool:
    """Whether the address lies in one of the networks; a text that is no address lies nowhere."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


@lru_cache(maxsize=10_000)
def place_of(address: str) -> str:
    """An address as shares and budgets know it: of IPv6 the /64, since one customer has all of it."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "?"
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    network = int(parsed) >> (128 - IPV6_BITS) << (128 - IPV6_BITS)
    return f"{IPv6Address(network)}/{IPV6_BITS}"


def _bare(told: str) -> str:
    """An address without the port that a proxy added."""
    found = WITH_PORT.fullmatch(told)
    return told if found is None else found[1] or found[2]
