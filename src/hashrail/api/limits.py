"""Rate limits: whose budget a request is counted against, and how the answer tells.

A request counts against what the caller has proven, never against what he only claims: docs/why/rate-limits.md.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from hashrail.api.deployment import Deployment
from hashrail.budgets import WINDOW_SECONDS
from hashrail.errors import HashrailError
from hashrail.partners import ApiKey

IPV6_BITS = 64


class RateLimitedError(HashrailError):
    """A key, a user or an address has made all the requests that it may make in a minute."""

    status = 429
    code = "RATE_LIMITED"
    advice = "Wait as many seconds as Retry-After says, then send the request again; spread requests over the minute."


@dataclass(slots=True)
class Spending:
    """What one request was counted against: the headers that its answer is to carry, and whether it was counted."""

    headers: dict[str, str] = field(default_factory=dict)
    counted: bool = False


class Limit(NamedTuple):
    """A budget as the caller sees it: a name, whose it is, and requests a minute; 0 is without limit."""

    name: str
    subject: str
    requests: int


async def count_server(deployment: Deployment, spending: Spending, key: ApiKey) -> None:
    """A request of a partner's server: nobody else can make one that counts here."""
    await _count(deployment, spending, Limit("key", f"key:{key.id}", _requests_of(deployment, key)))


async def count_key_alone(deployment: Deployment, spending: Spending, key: ApiKey, address: str) -> None:
    """A request with a key and no signature that holds.

    A secret key is its server's. The others stand in pages and apps for everybody to read, so such a request counts
    for the address first, and then against a budget of the key that signed requests do not need.
    """
    if key.kind == "secret":
        await count_server(deployment, spending, key)
        return
    here = Limit("address", f"public:{key.id}@{_place(address)}", deployment.settings.rate_limit_per_address_per_minute)
    await _count(deployment, spending, here, Limit("public-key", f"public:{key.id}", _requests_of(deployment, key)))


async def count_user(deployment: Deployment, spending: Spending, partner_id: int, user_id: int) -> None:
    """A request with a user's token: his client cannot use up what his partner's server needs."""
    requests = deployment.settings.rate_limit_per_user_per_minute
    await _count(deployment, spending, Limit("user", f"user:{partner_id}:{user_id}", requests))


async def count_stranger(deployment: Deployment, spending: Spending, address: str) -> None:
    """A request of nobody who is known; one that was counted already is not counted again."""
    if spending.counted:
        return
    requests = deployment.settings.rate_limit_per_address_per_minute
    await _count(deployment, spending, Limit("address", f"address:{_place(address)}", requests))


async def count_chain(deployment: Deployment, spending: Spending, address: str) -> None:
    """A login that makes us ask the TON endpoint, which counts our own requests and is needed by other users."""
    requests = deployment.settings.ton_rpc_asks_per_address_per_minute
    await _count(deployment, spending, Limit("ton-chain", f"ton-chain:{_place(address)}", requests))


async def _count(deployment: Deployment, spending: Spending, *limits: Limit) -> None:
    """Count the request against each budget in turn; the first that has nothing left refuses it.

    The headers are those of the IETF's draft on rate limits, one item a budget.
    """
    spending.counted = True
    policies, told = [], []
    for name, subject, requests in limits:
        if requests == 0:
            continue
        spent = await deployment.budgets.spend(subject, requests)
        policies.append(_policy(name, requests))
        told.append(f'"{name}";r={spent.remaining};t={spent.seconds}')
        spending.headers["ratelimit-policy"] = ", ".join(policies)
        spending.headers["ratelimit"] = ", ".join(told)
        if not spent.allowed:
            spending.headers["retry-after"] = str(spent.seconds)
            raise RateLimitedError(
                f"at most {requests} requests a minute",
                limit=name,
                requestsPerMinute=requests,
                retryAfterSeconds=spent.seconds,
            )


@lru_cache(maxsize=1000)
def _policy(name: str, requests: int) -> str:
    return f'"{name}";q={requests};w={WINDOW_SECONDS}'


def _requests_of(deployment: Deployment, key: ApiKey) -> int:
    own = key.requests_per_minute
    return deployment.settings.rate_limit_per_minute if own is None else own


@lru_cache(maxsize=10_000)
def _place(address: str) -> str:
    """An address as budgets know it: of IPv6 the /64, since one customer has all of it."""
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
