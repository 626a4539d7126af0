"""Rate limits: whose budget a request is counted against, and how the answer tells.

A request counts against what the caller has proven, never against what they only claim: docs/why/rate-limits.md.
"""

import asyncio
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from hashrail.access.addresses import place_of
from hashrail.access.api_keys import ApiKey
from hashrail.access.rate_budgets import WINDOW_SECONDS, Spent
from hashrail.api.serving.state import Serving
from hashrail.errors import HashrailError

# Bytes of query and body; the largest of our operations has a fraction of it.
LARGE = 4096
# What one request more is counted for: about as much work as a small request is.
ROWS_OF_A_REQUEST = 500
BYTES_OF_A_REQUEST = 16 * 1024
# How much later a refusal is told.
PAUSE_SECONDS = 0.2


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
    limits: "list[Limit]" = field(default_factory=list)


class Limit(NamedTuple):
    """A budget as the caller sees it: a name, whose it is, and requests a minute; 0 is without limit."""

    name: str
    subject: str
    requests: int


async def count_server(serving: Serving, spending: Spending, key: ApiKey) -> None:
    """A request of a partner's server: nobody else can make one that counts here."""
    await _count(serving, spending, Limit("key", f"key:{key.id}", _requests_of(serving, key)))


async def count_key_alone(serving: Serving, spending: Spending, key: ApiKey, address: str) -> None:
    """A request with a key and no signature that holds.

    A secret key is its server's. The others stand in pages and apps for everybody to read, so such a request counts
    for the address first, and then against a budget of the key that signed requests do not need.
    """
    if key.kind == "secret":
        await count_server(serving, spending, key)
        return
    here = _public(serving, key, address)
    await _count(serving, spending, here, Limit("public-key", f"public:{key.id}", _requests_of(serving, key)))


async def count_user(serving: Serving, spending: Spending, partner_id: int, user_id: int) -> None:
    """A request with a user's token: their client cannot use up what the partner's server needs."""
    requests = serving.deployment.settings.rate_limit_per_user_per_minute
    await _count(serving, spending, Limit("user", f"user:{partner_id}:{user_id}", requests))


async def count_stranger(serving: Serving, spending: Spending, address: str) -> None:
    """A request of nobody who is known; one that was counted already is not counted again."""
    if spending.counted:
        return
    requests = serving.deployment.settings.rate_limit_per_address_per_minute
    await _count(serving, spending, Limit("address", f"address:{place_of(address)}", requests))


async def count_chain(serving: Serving, spending: Spending, address: str) -> None:
    """A login that makes us ask the TON endpoint, which counts our own requests and is needed by other users."""
    requests = serving.deployment.settings.ton_rpc_asks_per_address_per_minute
    await _count(serving, spending, Limit("ton-chain", f"ton-chain:{place_of(address)}", requests))


def units_of(rows: int, size: int) -> int:
    """For how many requests an answer of so many rows and bytes counts beside itself; a usual one for none."""
    return rows // ROWS_OF_A_REQUEST + size // BYTES_OF_A_REQUEST


async def charge(serving: Serving, spending: Spending, *, rows: int, size: int) -> int:
    """Count what an answer cost beside being one, by the rows that were read for it and its bytes.

    Answers for how many requests it counts beside itself.
    """
    units = units_of(rows, size)
    if units == 0 or not spending.limits:
        return units
    told = spending.headers.get("ratelimit", "").split(", ")
    for place, limit in enumerate(spending.limits):
        left = await serving.budgets.charge(limit.subject, limit.requests, units)
        *_, seconds = told[place].split(";")
        told[place] = f'"{limit.name}";r={left};{seconds}'
    spending.headers["ratelimit"] = ", ".join(told)
    return units


def recheck(serving: Serving, spending: Spending) -> None:
    """Refuse a request that was let in, and waited, if what ran meanwhile has used up its budget."""
    for limit in spending.limits:
        spent = serving.budgets.refused(limit.subject)
        if spent is not None:
            raise _refusal(spending, limit, spent)


def is_large(size: int) -> bool:
    """Whether a request of so many bytes, query and body, is larger than any of ours."""
    return size > LARGE


async def refuse_large(serving: Serving, spending: Spending, key: ApiKey, address: str) -> None:
    """A large request is not read where what does not hold of it would be refused: reading is what it costs.

    No request of ours is large, so this is nobody's server; a small one is still read, and let in if it is signed.
    """
    limit = (
        Limit("key", f"key:{key.id}", _requests_of(serving, key))
        if key.kind == "secret"
        else _public(serving, key, address)
    )
    spent = serving.budgets.refused(limit.subject)
    if spent is not None:
        spending.counted = True
        await _pause()
        raise _refusal(spending, limit, spent)


async def slow_down(serving: Serving, address: str) -> None:
    """Whoever tries keys that nobody has, past the budget of their address, waits before each: a good key only once."""
    if serving.budgets.refused(f"address:{place_of(address)}") is not None:
        await _pause()


async def count_payload(serving: Serving, spending: Spending, address: str) -> None:
    """A payload of a login, which is kept until it expires; nobody in person needs many."""
    requests = serving.deployment.settings.ton_payloads_per_address_per_minute
    await _count(serving, spending, Limit("ton-payload", f"ton-payload:{place_of(address)}", requests))


async def _count(serving: Serving, spending: Spending, *limits: Limit) -> None:
    """Count the request against each budget in turn; the first that has nothing left refuses it.

    The headers are those of the IETF's draft on rate limits, one item a budget.
    """
    spending.counted = True
    policies, told = [], []
    for limit in limits:
        name, subject, requests = limit
        if requests == 0:
            continue
        spending.limits.append(limit)
        spent = serving.budgets.spend_of_lease(subject) or await serving.budgets.spend(subject, requests)
        policies.append(_policy(name, requests))
        told.append(f'"{name}";r={spent.remaining};t={spent.seconds}')
        spending.headers["ratelimit-policy"] = ", ".join(policies)
        spending.headers["ratelimit"] = ", ".join(told)
        if not spent.allowed:
            await _pause()
            raise _refusal(spending, limit, spent)


async def _pause() -> None:
    """A refusal comes a little later: whoever asks on and on is answered a few times a second."""
    await asyncio.sleep(PAUSE_SECONDS)


def _refusal(spending: Spending, limit: Limit, spent: Spent) -> RateLimitedError:
    spending.headers["retry-after"] = str(spent.seconds)
    return RateLimitedError(
        f"at most {limit.requests} requests a minute",
        limit=limit.name,
        requestsPerMinute=limit.requests,
        retryAfterSeconds=spent.seconds,
    )


def _public(serving: Serving, key: ApiKey, address: str) -> Limit:
    """What an address may send with a key that everybody can read."""
    requests = serving.deployment.settings.rate_limit_per_address_per_minute
    return Limit("address", f"public:{key.id}@{place_of(address)}", requests)


@lru_cache(maxsize=1000)
def _policy(name: str, requests: int) -> str:
    return f'"{name}";q={requests};w={WINDOW_SECONDS}'


def _requests_of(serving: Serving, key: ApiKey) -> int:
    own = key.requests_per_minute
    return serving.deployment.settings.rate_limit_per_minute if own is None else own
