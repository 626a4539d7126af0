"""What a caller can create has bounds: users of a day, payloads of logins. Beyond them nothing is written."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from hashrail import db
from hashrail.access import ton_domains
from hashrail.parties import newcomers
from tests.support import ton
from tests.support.api_client import Api, Caller, answered, check_refused, gather_all, open_api
from tests.support.earlier import earlier

DOMAIN = "partner.example"
USERS = "SELECT count(*) FROM app_user WHERE partner_id = $1"
PAYLOADS = "SELECT count(*) FROM ton_payload WHERE partner_id = $1"


@pytest.fixture
async def small(api: Api) -> AsyncIterator[Api]:
    """The same partner, where three users are registered a day and four logins are under way."""
    async with db.transaction(api.world.pool) as tx:
        await ton_domains.add_ton_domain(tx, api.world.partner.id, DOMAIN)
    changes: dict[str, Any] = {"new_users_per_day": 3, "ton_payloads_per_partner": 4}
    async with open_api(api.world, str(api.deployment.settings.database_url), **changes) as opened:
        yield opened


async def log_in(api: Api, name: str) -> httpx.Response:
    return await api.server.call("s2s_login", partnerUserId=name)


async def ask_payload(api: Api) -> httpx.Response:
    return await Caller(api.http).call("c2s_generate_payload", partnerId=api.world.partner.public_id)


async def count(api: Api, query: str) -> int:
    found: int = await api.world.pool.fetchval(query, api.world.partner.id)
    return found


async def test_a_partner_registers_so_many_users_a_day(small: Api) -> None:
    """Those who are known come in; nothing is written of the one who is not; another partner has a day of its own."""
    for name in "abc":
        answered(await log_in(small, name))
    details = check_refused(await log_in(small, "d"), 409, "TOO_MANY_NEW_USERS", "partnerUserId")
    assert details["limit"] == 3
    assert await count(small, USERS) == 3
    for name in "abc":
        answered(await log_in(small, name))
    answered(await log_in(await small.another_partner(), "d"))


async def test_a_day_later_others_may_come(small: Api) -> None:
    for name in "abc":
        answered(await log_in(small, name))
    age = "UPDATE app_user SET {} WHERE partner_id = $1 AND partner_user_id = 'a'"
    await small.world.pool.execute(age.format(earlier("created_at", "23 hours 59 minutes")), small.world.partner.id)
    check_refused(await log_in(small, "d"), 409, "TOO_MANY_NEW_USERS")
    await small.world.pool.execute(age.format(earlier("created_at", "1 minute")), small.world.partner.id)
    answered(await log_in(small, "d"))
    check_refused(await log_in(small, "e"), 409, "TOO_MANY_NEW_USERS")


async def test_a_partner_has_a_bound_of_its_own(small: Api) -> None:
    for bound, registered in ((5, 5), (0, 9)):
        async with db.transaction(small.world.pool) as tx:
            await newcomers.set_bound(tx, small.world.partner.id, bound)
        for number in range(registered):
            answered(await log_in(small, str(number)))
        if bound:
            check_refused(await log_in(small, "more"), 409, "TOO_MANY_NEW_USERS")
    async with db.transaction(small.world.pool) as tx:
        await newcomers.set_bound(tx, small.world.partner.id, None)
    check_refused(await log_in(small, "more"), 409, "TOO_MANY_NEW_USERS")


async def test_fifty_at_once_register_exactly_so_many(small: Api) -> None:
    responses = await gather_all(*(log_in(small, str(number % 25)) for number in range(50)))
    assert await count(small, USERS) == 3
    refused = [one for one in responses if one.status_code != 200]
    for one in refused:
        check_refused(one, 409, "TOO_MANY_NEW_USERS", "partnerUserId")
    assert len({answered(one)["userId"] for one in responses if one.status_code == 200}) == 3


async def test_a_wallet_is_a_new_user_too(small: Api) -> None:
    """Its payload is not used up by a login that is refused."""
    payload = answered(await ask_payload(small))["payload"]
    for name in "abc":
        answered(await log_in(small, name))
    body = ton.proof(payload, domain=DOMAIN)
    check_refused(await Caller(small.http).call("c2s_check_proof", **body), 409, "TOO_MANY_NEW_USERS", "tonWallet")
    async with db.transaction(small.world.pool) as tx:
        await newcomers.set_bound(tx, small.world.partner.id, 4)
    assert answered(await Caller(small.http).call("c2s_check_proof", **body))["jwtToken"]


async def test_so_many_logins_are_under_way_at_a_partner(small: Api) -> None:
    """What is used or has expired makes room; another partner's are its own."""
    payloads = [answered(await ask_payload(small))["payload"] for _ in range(4)]
    details = check_refused(await ask_payload(small), 409, "TOO_MANY_PAYLOADS", "partnerId")
    assert details["limit"] == 4
    assert await count(small, PAYLOADS) == 4
    other = await small.another_partner()
    answered(await ask_payload(other))
    answered(await Caller(small.http).call("c2s_check_proof", **ton.proof(payloads[0], domain=DOMAIN)))
    answered(await ask_payload(small))
    check_refused(await ask_payload(small), 409, "TOO_MANY_PAYLOADS")
    expire = f"UPDATE ton_payload SET {earlier('issued_at', '1 day')}, expires_at = now() WHERE payload = $1"
    await small.world.pool.execute(expire, payloads[1])
    answered(await ask_payload(small))


async def test_an_address_asks_for_so_many_payloads_a_minute(api: Api) -> None:
    dsn = str(api.deployment.settings.database_url)
    async with open_api(api.world, dsn, peer="203.0.113.77", ton_payloads_per_address_per_minute=3) as slow:
        for _ in range(3):
            answered(await ask_payload(slow))
        details = check_refused(await ask_payload(slow), 429, "RATE_LIMITED")
        assert details["limit"] == "ton-payload"
        assert await count(slow, PAYLOADS) == 3
