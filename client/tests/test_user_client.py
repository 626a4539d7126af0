"""A user's client: the token goes along, is renewed in time and once, and whoever keeps it is told."""

import asyncio
import base64
import json
import threading
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from peers import BASE, KEY, NOW, SECRET

from hashrail_client import (
    AsyncHashrail,
    AsyncUserHashrail,
    AuthenticationError,
    Hashrail,
    TokenPair,
    UserHashrail,
)
from hashrail_client.user_client import ends_at_ms

REFRESH = "/api/partner/c2s/auth/refresh"
LIFE_SECONDS = 900


def token(number: int, ends_at_ms: int) -> str:
    """A token as a server makes them, as far as a client looks into it."""
    claims = base64.urlsafe_b64encode(json.dumps({"exp": ends_at_ms // 1000, "n": number}).encode()).decode()
    return f"header.{claims.rstrip('=')}.signature"


@dataclass
class Server:
    """Accepts the newest token until it ends by the server's clock; a refresh token once."""

    now: int = NOW
    number: int = 1
    code: str = "TOKEN_EXPIRED"
    seen: list[httpx.Request] = field(default_factory=list)

    @property
    def pair(self) -> TokenPair:
        return {"jwtToken": token(self.number, self.ends_at_ms), "refreshToken": f"refresh-{self.number}"}

    @property
    def ends_at_ms(self) -> int:
        return NOW + self.number * LIFE_SECONDS * 1000

    @property
    def renewals(self) -> int:
        return sum(each.url.path == REFRESH for each in self.seen)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if request.url.path == REFRESH:
            if json.loads(request.content) != {"refreshToken": f"refresh-{self.number}"}:
                return self.refuses("REFRESH_TOKEN_REUSED")
            self.number += 1
            return httpx.Response(200, json={"data": {**self.pair, "userId": 1, "partnerUserId": "u"}})
        if request.headers["Authorization"] != f"Bearer {self.pair['jwtToken']}" or self.now >= self.ends_at_ms:
            return self.refuses(self.code)
        return httpx.Response(200, json={"data": {"array": []}})

    def refuses(self, code: str) -> httpx.Response:
        return httpx.Response(401, json={"error": code, "message": "m", "details": {}})


def client_of(made: Server, **options: Any) -> Hashrail:
    return Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(made), **options)


def test_calls_carry_the_token_and_no_signature() -> None:
    server = Server()
    with client_of(server, clock=lambda: NOW) as client:
        user = client.as_user(server.pair)
        assert isinstance(user, UserHashrail)
        user.miners.list(limit=5)
        user.wallets.bind("bc1")
        user.income.days()
    read, write, days = server.seen
    assert (read.url.path, dict(read.url.params)) == ("/api/partner/c2s/nft/find-by-user", {"limit": "5"})
    assert json.loads(write.content) == {"address": "bc1"}
    assert write.headers["Idempotency-Key"]
    assert dict(days.url.params) == {"groupByDays": "true"}
    assert not any("X-PARTNER-API-KEY" in each.headers for each in server.seen)


def test_a_token_is_renewed_before_it_ends_and_whoever_keeps_it_is_told() -> None:
    server, kept = Server(), list[TokenPair]()
    clock = [NOW]
    with client_of(server, clock=lambda: clock[0]) as client:
        user = client.as_user(server.pair, on_change=kept.append)
        clock[0] = server.ends_at_ms - 31_000
        user.miners.list()
        assert (server.renewals, kept) == (0, [])
        clock[0] = server.ends_at_ms - 29_000
        user.miners.list()
        user.miners.list()
        assert (server.renewals, kept, user.tokens) == (1, [server.pair], server.pair)


@pytest.mark.parametrize("known", [True, False])
def test_a_token_that_has_ended_is_renewed_and_the_call_sent_once_more(known: bool) -> None:
    """The machine's clock is behind, or the token does not say when it ends."""
    server = Server()
    pair: TokenPair = server.pair if known else {"jwtToken": "opaque", "refreshToken": "refresh-1"}
    server.now = server.ends_at_ms + 1
    with client_of(server, clock=lambda: NOW) as client:
        user = client.as_user(pair)
        user.wallets.bind("bc1")
    first, _, again = server.seen
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]
    assert (server.renewals, len(server.seen)) == (1, 3)


def test_other_refusals_are_told() -> None:
    server = Server(code="TOKEN_EPOCH")
    with client_of(server, clock=lambda: NOW) as client:
        with pytest.raises(AuthenticationError, match="TOKEN_EPOCH"):
            client.as_user({"jwtToken": "other", "refreshToken": "refresh-1"}).miners.list()
        server.code = "TOKEN_EXPIRED"
        with pytest.raises(AuthenticationError, match="REFRESH_TOKEN_REUSED"):
            client.as_user({"jwtToken": "other", "refreshToken": "refresh-0"}).miners.list()


def test_threads_renew_once() -> None:
    server, clock = Server(), [NOW]
    with client_of(server, clock=lambda: clock[0]) as client:
        user = client.as_user(server.pair)
        clock[0] = server.ends_at_ms
        threads = [threading.Thread(target=user.miners.list) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert (server.renewals, len(server.seen)) == (1, 9)


async def test_tasks_renew_once() -> None:
    server, kept, clock = Server(), list[TokenPair](), [NOW]
    given: Any = httpx.MockTransport(server)
    async with AsyncHashrail(BASE, KEY, SECRET, transport=given, clock=lambda: clock[0]) as client:
        user = client.as_user(server.pair, on_change=kept.append)
        assert isinstance(user, AsyncUserHashrail)
        clock[0] = server.ends_at_ms
        await asyncio.gather(*(user.miners.list() for _ in range(8)))
        assert (server.renewals, len(server.seen), kept) == (1, 9, [server.pair])
        assert user.tokens == server.pair
        server.now = server.ends_at_ms
        server.seen.clear()
        clock[0] = NOW
        await user.balances.list()
        assert (server.renewals, len(server.seen)) == (1, 3)
        server.number, server.code = 100, "TOKEN_INVALID"
        with pytest.raises(AuthenticationError, match="TOKEN_INVALID"):
            await user.balances.list()


@pytest.mark.parametrize("text", ["", "a.b", "a.?.c", "a.e30.c", "a.W10.c", "a.eyJleHAiOiAieCJ9.c", "a.bnVsbA.c"])
def test_a_token_that_tells_no_end_has_none(text: str) -> None:
    assert ends_at_ms(text) is None
