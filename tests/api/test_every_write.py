"""Every write of the route table, sent again in every way that a client or a network sends it: one effect.

A write of the route table without a row in `tests/support/writes.py` fails the test.
"""

from collections.abc import AsyncIterator

import pytest

from hashrail import clock
from hashrail.api.operations import routes
from hashrail.api.serving.operation import Auth
from tests.support.api_client import (
    CONTRACT,
    answered,
    check_refused,
    gather_all,
)
from tests.support.writes import (
    BEARER,
    HEADER,
    MOVING,
    REPLAYED,
    ROWS,
    SAME_FIELDS,
    SIGNED,
    WRITES,
    Case,
    Stocks,
    check_repeated,
    stocked,
)

FIFTY = range(50)


def test_every_write_has_a_row() -> None:
    writes = {route.name: route for route in (*routes.OPERATIONS, *routes.SANDBOX_OPERATIONS) if route.writes}
    assert set(writes) == set(ROWS)
    assert {name for name, route in writes.items() if route.auth is not Auth.SIGNED} == BEARER
    assert all(route.method == "POST" for route in writes.values())


def test_what_moves_the_clock_is_made_in_steps() -> None:
    assert tuple(one.name for one in (*routes.OPERATIONS, *routes.SANDBOX_OPERATIONS) if one.in_steps) == MOVING


@pytest.fixture(scope="module")
async def stock(server: str, template: str) -> AsyncIterator[Stocks]:
    still_ones, moving_ones = (stocked(server, template, 6 * len(writes)) for writes in (WRITES, MOVING))
    async with still_ones as still, moving_ones as moving:
        yield Stocks(still, moving)


# Sent again


@pytest.mark.parametrize("operation", WRITES)
async def test_the_same_bytes_twice(stock: Stocks, operation: str) -> None:
    """A user's client has no signature: to bind again changes nothing, and says the same."""
    case = await Case.of(operation, stock.partner(operation))
    request = case.request()
    first = await case.api.http.send(request)
    state = await case.state()
    again = await case.caller.send_again(request)
    if operation in BEARER:
        assert (again.content, again.headers.get(REPLAYED)) == (first.content, None)
    else:
        check_repeated(first, again)
    assert await case.state() == state
    await case.check_one_effect()


@pytest.mark.parametrize("operation", WRITES)
async def test_signed_anew_under_one_key(stock: Stocks, operation: str) -> None:
    case = await Case.of(operation, stock.partner(operation))
    now = clock.wall_millis()
    first = await case.api.http.send(case.request("key-1", now))
    state = await case.state()
    for later in (1, 2):
        check_repeated(first, await case.api.http.send(case.request("key-1", now - later)))
    assert await case.state() == state
    await case.check_one_effect()


@pytest.mark.parametrize("operation", SIGNED)
async def test_a_key_that_comes_later(stock: Stocks, operation: str) -> None:
    """The first time without a key, then the same bytes under one, then signed anew under it: one effect."""
    case = await Case.of(operation, stock.partner(operation))
    now = clock.wall_millis()
    request = case.request(at=now)
    first = await case.api.http.send(request)
    state = await case.state()
    for key in ("key-1", "key-2"):
        request.headers["Idempotency-Key"] = key
        check_repeated(first, await case.caller.send_again(request))
    for later, key in enumerate(("key-1", "key-2"), start=1):
        check_repeated(first, await case.api.http.send(case.request(key, now - later)))
    assert await case.state() == state
    await case.check_one_effect()


@pytest.mark.parametrize("operation", WRITES)
async def test_one_key_for_another_body(stock: Stocks, operation: str) -> None:
    """The other body is good: under a key of its own it is done."""
    case = await Case.of(operation, stock.partner(operation))
    key = {"Idempotency-Key": "key-1"}
    first = await case.api.http.send(case.request("key-1"))
    state = await case.state()
    refused = await case.caller.call(operation, key, **case.other)
    check_refused(refused, 422, "IDEMPOTENCY_KEY_REUSED")
    assert await case.state() == state
    await case.check_one_effect()
    if operation in ("s2s_transfer", "s2s_upgrade"):
        # The miner is not what it was.
        response = await case.caller.call(operation, **case.other)
        assert response.status_code in (404, 409), response.text
    else:
        response = await case.caller.call(operation, {"Idempotency-Key": "key-2"}, **case.other)
        assert answered(response), first.text
        assert REPLAYED not in response.headers
        assert await case.count() == case.before + 2


@pytest.mark.parametrize("operation", SIGNED)
async def test_a_signature_at_other_operations(stock: Stocks, operation: str) -> None:
    """Where the fields fit, the signature was used; where they do not, the fields are told. Nothing is done."""
    case = await Case.of(operation, stock.partner(operation))
    request = case.request()
    answered(await case.api.http.send(request))
    state = await case.state()
    fitting = set()
    for elsewhere in SIGNED:
        if elsewhere == operation:
            continue
        headers = {"X-PARTNER-API-KEY": str(case.caller.key)}
        response = await case.api.http.post(CONTRACT[elsewhere][2], content=request.content, headers=headers)
        if response.status_code == 400:
            assert check_refused(response, 400, response.json()["error"])["field"]
        else:
            check_refused(response, 401, "REPLAY")
            fitting.add((operation, elsewhere))
    assert fitting == {pair for pair in SAME_FIELDS if pair[0] == operation}
    assert await case.state() == state
    await case.check_one_effect()


@pytest.mark.parametrize("operation", WRITES)
async def test_fifty_at_once(stock: Stocks, operation: str) -> None:
    """Half of them the same bytes, half signed anew, all under one key: everybody hears of the one effect."""
    case = await Case.of(operation, stock.partner(operation))
    now = clock.wall_millis()
    requests = [case.request("key-1", now - (number if number % 2 else 0)) for number in FIFTY]
    answers = await gather_all(*(case.caller.send_again(request) for request in requests))
    assert {response.status_code for response in answers} == {200}, {response.text for response in answers}
    assert len({(response.content, response.headers.get(HEADER)) for response in answers}) == 1
    assert [response.headers.get(REPLAYED) for response in answers].count(None) == 1
    await case.check_one_effect()


@pytest.mark.parametrize("operation", ["s2s_withdraw", "s2s_withdraw_fast"])
async def test_a_withdrawal_signed_anew_without_a_key(stock: Stocks, operation: str) -> None:
    """Nothing says that it is a retry, and so the duplicate guard asks; it names the first."""
    case = await Case.of(operation, stock.partner(operation))
    first = await case.api.http.send(case.request(at=clock.wall_millis() - 5))
    for key in (None, "key-1"):
        details = check_refused(await case.api.http.send(case.request(key)), 409, "DUPLICATE_WITHDRAWAL")
        assert details == {"withdrawalId": int(first.headers[HEADER])}
    await case.check_one_effect()
