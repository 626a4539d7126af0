"""Where webhooks may go: to the world, and not into the operator's own network.

A URL comes from a partner, and is called from within. So its form is looked at when it is given, and at each attempt
every address that its name leads to; the connection is then made to an address that was looked at, and to no other,
whatever the name leads to a moment later. Redirects are not followed (`sending`).
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

import httpcore

from hashrail.errors import BadRequestError
from hashrail.settings import Settings

Address: TypeAlias = IPv4Address | IPv6Address
Lookup: TypeAlias = Callable[[str, int], Awaitable[list[Address]]]
MAX_LENGTH = 2000
HTTPS_PORT, FIRST_FREE_PORT = 443, 1024
LOOKUP_SECONDS = 5
# A name that hangs holds a thread for longer than anybody waits for it.
LOOKUP_THREADS = 64
# Visible ASCII without what parsers read in different ways.
PLAIN = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")
HOST = re.compile(r"[a-z0-9]([a-z0-9_.-]{0,251}[a-z0-9])?\.?|[0-9a-f:.]{2,45}")
# What `ipaddress` may call global, and is not for others: the platform's own, benchmarks', relays.
OURS = tuple(
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15"),
        "240.0.0.0/4",
    )
)
UNICAST = IPv6Network("2000::/3")
# Tunnels, which lead to an IPv4 address that nobody has looked at, and documentation.
TUNNELS = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
NAT64 = IPv6Network("64:ff9b::/96")


class BadWebhookUrlError(BadRequestError):
    """A webhook goes to an https URL in the world: without user or password, at port 443 or one from 1024 on."""

    code = "BAD_WEBHOOK_URL"
    advice = "Write it like https://hooks.partner.example/events. A sandbox takes http and private addresses as well."


class TargetRefusedError(Exception):
    """The name leads to where webhooks do not go, or nowhere."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`anywhere` is for a sandbox: http as well, private addresses, and any port."""

    anywhere: bool

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        """Those of a deployment."""
        chosen = settings.webhook_anywhere
        return cls(settings.mode == "sandbox" if chosen is None else chosen)


def check_url(text: str, rules: Rules) -> None:
    """Raises BadWebhookUrlError for what no webhook goes to, as far as its text tells."""
    parts = _split(text)
    port = parts.port
    schemes = ("http", "https") if rules.anywhere else ("https",)
    if parts.scheme not in schemes:
        raise _bad(f"it does not begin with {' or '.join(schemes)}")
    if "@" in parts.netloc:
        raise _bad("it holds a user or a password")
    if HOST.fullmatch(parts.hostname or "") is None:
        raise _bad("it has no host; names of other letters are written in ASCII, as xn--...")
    if port is not None and not rules.anywhere and not (port == HTTPS_PORT or port >= FIRST_FREE_PORT):
        raise _bad(f"port {port} is not one that webhooks go to")
    try:
        literal = ip_address(parts.hostname or "")
    except ValueError:
        return
    if not rules.anywhere and not is_public(literal):
        raise _bad(f"{literal} is no public address")


def is_public(address: Address) -> bool:
    """Whether the address is somebody's in the world: neither private nor local, nor a platform's own."""
    if isinstance(address, IPv4Address):
        is_ours = any(address in network for network in OURS)
        return address.is_global and not address.is_multicast and not is_ours
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in NAT64:
        return is_public(IPv4Address(address.packed[-4:]))
    return address in UNICAST and address.is_global and not any(address in network for network in TUNNELS)


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connections to addresses that were looked at; the name stays what the certificate has to be for."""

    def __init__(self, rules: Rules, lookup: Lookup | None = None) -> None:
        self._rules = rules
        self._lookup = lookup or _look_up
        self._real = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """To the first of the host's addresses that answers. Raises TargetRefusedError, httpcore.ConnectError."""
        failed: Exception = httpcore.ConnectError("no address")
        for address in await self._checked(host, port):
            try:
                return await self._real.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """There is none."""
        raise TargetRefusedError("no webhook goes to a file")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._real.sleep(seconds)

    async def _checked(self, host: str, port: int) -> list[Address]:
        """The host's addresses, all of which are public. Raises TargetRefusedError."""
        try:
            found = await self._lookup(host, port)
        except (OSError, TimeoutError, UnicodeError) as error:
            raise TargetRefusedError(f"the name {host} leads nowhere") from error
        refused = [address for address in found if not self._rules.anywhere and not is_public(address)]
        if refused:
            raise TargetRefusedError(f"{host} leads to {refused[0]}, which is no public address")
        return found


def _split(text: str) -> SplitResult:
    """The URL's parts. Raises BadWebhookUrlError."""
    if not 1 <= len(text) <= MAX_LENGTH or PLAIN.fullmatch(text) is None or "#" in text:
        raise _bad(f"it is empty, longer than {MAX_LENGTH} characters, or holds one that a URL does not")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise _bad("it cannot be read") from error
    return parts


def _bad(why: str) -> BadWebhookUrlError:
    return BadWebhookUrlError(f"the URL is refused: {why}", field="url")


_threads = ThreadPoolExecutor(LOOKUP_THREADS, "webhook name")


async def _look_up(host: str, port: int) -> list[Address]:
    """The addresses of a name. Raises OSError, TimeoutError."""
    work = asyncio.get_running_loop().run_in_executor(
        _threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    async with asyncio.timeout(LOOKUP_SECONDS):
        found = await work
    return [ip_address(str(place[0]).partition("%")[0]) for *_, place in found]
