"""Figures of the newest day over the wire: what a TH earns, and what currencies are worth (#13, #14, #28)."""

from decimal import Decimal

import pytest

from hashrail import business_clock, db
from hashrail.clock import ONE_DAY
from hashrail.rewards import closing, rates
from hashrail.rewards.formula import class_rates
from hashrail.selling import beginnings
from hashrail.selling.beginnings import Wanted
from tests.support.api_client import MARCH, Api, Caller, Past, answered, check_refused, exact, open_api
from tests.support.world import START, World, inputs

MONTH = {"startDate": "2026-03-01T00:00:00.000Z", "endDate": "2026-03-31T23:59:59.999Z"}


def per_th(past: Past, setting: str) -> dict[str, Decimal]:
    """What #13 and #14 must answer on the newest day."""
    day = past.inputs(MARCH[4])
    net = class_rates(day, Decimal(20), Decimal(0)).net
    return {
        "incomePerTh": day.pool_btc_per_th if setting == "gross" else net,
        "btcRate": day.btc_usd,
        "gominingRate": day.gomining_usd,
        "kWh": day.kwh_usd,
        "serviceCost": day.service_usd_per_th,
        "poolRewardPerTh": day.pool_btc_per_th,
        "netIncomePerTh": net,
        "energyEfficiency": Decimal(20),
    }


async def test_income_per_th_is_gross(past: Past, alice: Caller) -> None:
    expected = per_th(past, "gross")
    publishable = await past.api.caller(kind="publishable")
    assert answered(await past.api.server.call("s2s_income_per_th")) == expected
    assert answered(await alice.call("c2s_income_per_th")) == expected
    assert answered(await publishable.call("c2s_income_per_th")) == expected
    assert expected["incomePerTh"] > expected["netIncomePerTh"] > 0


async def test_income_per_th_may_be_net(past: Past) -> None:
    dsn = past.api.deployment.settings.database_url
    assert dsn is not None
    async with open_api(past.api.world, dsn, income_per_th="net") as api:
        assert answered(await api.server.call("s2s_income_per_th")) == per_th(past, "net")
        assert answered(await api.server.with_token(None).call("c2s_income_per_th")) == per_th(past, "net")


async def test_before_the_first_day_there_are_no_figures(world: World, dsn: str) -> None:
    async with open_api(world, dsn) as api:
        for operation in ("s2s_income_per_th", "c2s_income_per_th", "s2s_collections", "c2s_collections"):
            check_refused(await api.server.call(operation), 503, "NO_DAY_PUBLISHED")
        await world.user("alice")
        alice = await api.user("alice")
        assert answered(await alice.call("c2s_income")) == {"array": []}
        assert answered(await alice.call("c2s_income", groupByDays="true")) == {"array": []}
        assert answered(await alice.call("c2s_income_total"))["onBalanceAmount"] == 0
        response = await api.server.call("s2s_income_by_day", partnerUserId="alice", **MONTH)
        assert exact(response) == {"data": [], "totalCount": 0}


async def test_a_deployment_that_has_begun_answers_at_once(world: World, dsn: str) -> None:
    """With the figures of a day before anybody could buy: whoever buys today earns from tomorrow."""
    async with db.transaction(world.pool) as tx:
        at = await business_clock.now(tx)
        await beginnings.fill(tx, Wanted(rates=inputs(START.date())), at=at)
    await closing.close_due(world.pool)
    async with open_api(world, dsn) as api:
        await world.user("alice")
        for caller in (api.server, await api.user("alice")):
            for operation in ("s2s_income_per_th", "s2s_collections", "exchange_rates"):
                assert answered(await caller.call(operation.replace("s2s", "c2s" if caller.token else "s2s")))
    assert (await rates.newest(world.pool, 1))[0].inputs.day == START.date() - ONE_DAY


@pytest.mark.usefixtures("published")
async def test_exchange_rates(api: Api) -> None:
    day = inputs(START.date())
    expected = {"array": [{"symbol": "BTC", "price": day.btc_usd}, {"symbol": "GOMINING", "price": day.gomining_usd}]}
    secret, publishable = await api.caller(kind="secret"), await api.caller(kind="publishable")
    alice = await api.user("alice")
    for caller in (api.server, secret, publishable, alice):
        assert answered(await caller.call("exchange_rates")) == expected
        bearer = {"authorization": f"Bearer {caller.token}"}
        headers = bearer if caller.token else {"x-partner-api-key": str(caller.key)}
        response = await api.http.get("/api/partner/s2s/exchanges/get-prices", headers=headers)
        assert answered(response) == expected
    for path in ("c2s", "s2s"):
        response = await api.http.get(f"/api/partner/{path}/exchanges/get-prices")
        check_refused(response, 401, "API_KEY_MISSING")
