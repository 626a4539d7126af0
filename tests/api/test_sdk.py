"""The Python SDK against the API itself: what only both together can show."""

import asyncio
from typing import Any

from hashrail import clock
from hashrail_client import AsyncHashrail, TokenPair
from tests.support.api_client import Api
from tests.support.payouts import ADDRESSES

QUARTER_OF_AN_HOUR_MS = 15 * 60 * 1000


def client_of(api: Api, ahead_ms: int = 0) -> AsyncHashrail:
    """The SDK of the partner, whose machine's clock may be ahead."""
    given: dict[str, Any] = {"transport": api.http._transport, "clock": lambda: clock.wall_millis() + ahead_ms}
    return AsyncHashrail("http://hashrail.test", api.server.key or "", api.server.secret or "", **given)


async def test_a_users_tokens_are_renewed_once_for_all_their_calls(api: Api) -> None:
    """By a clock that says that the token has ended; the new pair is told, and works."""
    kept: list[TokenPair] = []
    async with client_of(api) as partner, client_of(api, QUARTER_OF_AN_HOUR_MS) as late:
        tokens = await partner.users.login("renewed")
        user = late.as_user(tokens, on_change=kept.append)
        balances, miners, _ = await asyncio.gather(user.balances.list(), user.miners.list(), user.income.days())
        assert (balances["array"][0]["currency"], miners["array"]) == ("BTC", [])
        assert [each["refreshToken"] for each in kept] == [user.tokens["refreshToken"]] != [tokens["refreshToken"]]
        again = partner.as_user(kept[-1])
        assert await again.wallets.bind(ADDRESSES[0]) is True
        assert [each["address"] async for each in again.wallets.iterate()] == [ADDRESSES[0]]
        made = await again.read_tokens.create("dashboard", 3)
        assert [each["id"] for each in (await partner.read_tokens.list("renewed"))["array"]] == [made["id"]]


async def test_a_clock_that_is_wrong_is_right_after_the_first_call(api: Api) -> None:
    async with client_of(api, -QUARTER_OF_AN_HOUR_MS) as late:
        await late.users.login("late")
        assert abs(late.auth.skew_ms - QUARTER_OF_AN_HOUR_MS) < QUARTER_OF_AN_HOUR_MS // 2
        assert "late" in [each["partnerUserId"] async for each in late.users.iterate(page_size=1)]
