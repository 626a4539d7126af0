"""Wallets, their history, purchases and upgrades, and figures for anybody, as public dashboards read them."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from hashrail import business_clock, clock, db
from hashrail.api.operations import app_account
from hashrail.books import fence
from hashrail.custody import corrections
from hashrail.custody.corrections import Correction
from hashrail.rewards import rates
from hashrail.selling import orders
from tests.support.api_client import Api, Caller, answered, buy, check_refused, exact
from tests.support.dashboards import HEADERS, WEI, WITHDRAWN, Dashboard, currency, millis
from tests.support.payouts import ADDRESSES, funded

pytestmark = pytest.mark.usefixtures("published")
WITHDRAWALS = 6


@pytest.fixture
async def alice(api: Api) -> Caller:
    """A user who has earned 0.16 BTC."""
    await funded(api.world, (await api.world.user("alice")).id)
    return await api.user("alice")


@pytest.fixture
async def dashboard(api: Api, alice: Caller) -> Dashboard:
    assert alice.token is not None
    return Dashboard(api.http, alice.token)


async def withdraw(api: Api, operation: str = "s2s_withdraw", amount: str = "0.01", place: int = 0) -> None:
    wanted = {"partnerUserId": "alice", "walletAddress": ADDRESSES[place], "amount": Decimal(amount)}
    answered(await api.server.call(operation, **wanted))


async def correct(api: Api, amount: str, name: str = "BTC", reference: str = "case 1") -> None:
    user = await api.world.user("alice")
    async with db.transaction(api.world.pool) as tx:
        books = await fence.share(tx, api.world.partner.id)
        await corrections.correct(tx, books, Correction(user.id, name, Decimal(amount), reference, "a test"))


# Wallets


async def test_balances_in_units_of_ten_to_the_minus_18(api: Api, dashboard: Dashboard) -> None:
    """As a bot reads them: whole numbers, and tokens as a plain number too."""
    await correct(api, "12.5", "GOMINING")
    await withdraw(api)
    data = await dashboard.post("wallet/find-by-user", {"pagination": {"skip": 0, "limit": 50}})
    read = {currency(row["type"]): int(row["valueNumericAtSyncDate"]) / WEI for row in data["array"]}
    shown = answered(await Caller(api.http, token=dashboard.token).call("c2s_balances"))["array"]
    balances = {row["currency"]: row["balance"] for row in shown}
    assert read == {{"GOMINING": "GMT"}.get(name, name): value for name, value in balances.items()}
    assert data["count"] == len(data["array"]) == len(balances)
    held = {currency(row["type"]): int(row["freezedValueNumericAtSyncDate"]) / WEI for row in data["array"]}
    assert held["BTC"] == Decimal("0.01")
    tokens = {row["type"]: row["gmtValueAtSyncDate"] for row in data["array"]}
    assert tokens["VIRTUAL_GMT"] == Decimal("12.5")
    assert tokens["VIRTUAL_BTC"] is None
    assert (await dashboard.post("wallet/find-by-user", {"pagination": {"skip": 9, "limit": 1}}))["array"] == []


# The history


async def test_withdrawals_as_an_exporter_reads_them(api: Api, dashboard: Dashboard) -> None:
    await withdraw(api)
    await withdraw(api, "s2s_withdraw_fast", "0.02", 1)
    rows = await dashboard.history(WITHDRAWN)
    assert [(row["type"], row["fromType"], int(row["valueNumeric"]) / WEI, row["walletType"]) for row in rows] == [
        ("withdraw", "income-withdraw-instant", Decimal("0.02006"), "VIRTUAL_BTC"),
        ("withdraw", "income-withdraw-order", Decimal("0.01"), "VIRTUAL_BTC"),
    ]
    assert {row["status"] for row in rows} == {"pending"}
    listed = answered(await api.server.call("s2s_withdrawals", partnerUserId="alice"))["array"]
    assert [row["withdrawOrderId"] for row in rows] == [one["id"] for one in listed]
    # What is taken back moved nothing.
    answered(await api.server.call("s2s_withdrawal_cancel", id=listed[0]["id"]))
    assert len(await dashboard.history(WITHDRAWN)) == 1
    assert await dashboard.history(["top-up", "fireblocks-deposit"]) == []
    assert await dashboard.history(["auto-claim", "bounty-program"]) == []


@pytest.mark.parametrize("size", [1, 2, 4, 100])
async def test_walking_back_by_milliseconds_misses_none(api: Api, dashboard: Dashboard, size: int) -> None:
    """Though several moved within one millisecond, and a page is shorter than what that millisecond holds."""
    for place in range(WITHDRAWALS):
        await correct(api, f"0.00{place + 1}", reference=f"case {place}")
    await api.world.pool.execute(
        """UPDATE balance_correction SET made_at = (
               date_trunc('milliseconds', $2::timestamptz AT TIME ZONE 'UTC')
               + (id % 2) * interval '1 millisecond' + (id % 7) * interval '1 microsecond') AT TIME ZONE 'UTC'
           WHERE partner_id = $1""",
        api.world.partner.id,
        await business_clock.now(api.world.pool),
    )
    rows = await dashboard.history(None, size)
    assert sorted(int(row["valueNumeric"]) / WEI for row in rows) == [
        Decimal(f"0.00{place + 1}") for place in range(WITHDRAWALS)
    ]
    assert len({row["id"] for row in rows}) == WITHDRAWALS
    moments = [millis(row["createdAt"]) for row in rows]
    assert moments == sorted(moments, reverse=True)
    assert len(set(moments)) == 2


async def test_what_the_history_is_asked_for(api: Api, alice: Caller) -> None:
    await correct(api, "0.001")
    await correct(api, "3", "GOMINING", "case 2")

    async def found(**asked: Any) -> list[str]:
        data = answered(await alice.call("app_history", **asked))
        return [row["walletType"] for row in data["array"]]

    both = ["VIRTUAL_GMT", "VIRTUAL_BTC"]
    assert await found() == await found(filter=None) == await found(filter={"fromType": []}) == both
    assert await found(filter={"walletType": ["VIRTUAL_BTC", "VIRTUAL_DOGE"]}) == ["VIRTUAL_BTC"]
    assert await found(filter={"walletType": ["VIRTUAL_GMT"], "fromType": ["correction"]}) == ["VIRTUAL_GMT"]
    now = await business_clock.now(api.world.pool)
    later = clock.iso(now + dt.timedelta(days=1))
    assert await found(filter={"range": {"from": later, "to": None}}) == []
    assert await found(filter={"range": {"from": None, "to": later}}) == both
    assert await found(pagination={"cursor": 0}) == []
    for asked, name in (
        ({"pagination": {"limit": 101}}, "pagination.limit"),
        ({"pagination": {"cursor": -1}}, "pagination.cursor"),
        ({"filter": {"fromType": "withdraw"}}, "filter.fromType"),
        ({"filter": {"walletType": [1]}}, "filter.walletType[0]"),
        ({"filter": {"walletType": ["x"] * 101}}, "filter.walletType"),
        ({"filter": {"range": {"from": "yesterday"}}}, "filter.range.from"),
    ):
        response = await alice.call("app_history", **asked)
        check_refused(response, 400, exact(response)["error"], name)


# Purchases


async def test_orders_and_upgrades(api: Api, alice: Caller, dashboard: Dashboard) -> None:
    user = await api.world.user("alice")
    miner_id = await buy(api.world, user.id)
    offers = answered(await api.http.post("/api/nft-collection/index", json={"filters": {"type": "generative"}}))
    efficiency = {"type": "nftEnergyEfficiencyUpgrade", "nftId": miner_id}
    priced = answered(await api.server.call("s2s_upgrade_price", **efficiency | {"from": 15, "to": 14}))["price"]
    await api.server.call("s2s_upgrade", data=efficiency | {"fromEnergyEfficiency": 15, "toEnergyEfficiency": 14})
    paid, *_ = await dashboard.pages(
        "user-payments-history/index",
        lambda skip: {"filters": {"withCanceled": False}, "pagination": {"skip": skip, "limit": 20}},
        20,
    )
    assert (paid["value"], paid["currency"], paid["status"]) == (Decimal("216.99"), "USD", "success")
    (bought,) = paid["nfts"]
    assert (bought["id"], bought["power"]) == (miner_id, 16)
    offer = next(one for one in offers["array"] if one["id"] == bought["nftCollectionId"])
    assert (offer["power"], offer["energyEfficiency"], offer["value"]) == (16, 15, Decimal("216.99"))

    states = ["pending", "success", "error", "waiting-for-user-approve"]
    sorts = ["nftEnergyEfficiencyUpgrade", "nftPowerUpgrade"]

    def upgrades(skip: int) -> object:
        filters = {"dataType": {"in": sorts}, "status": {"in": states}}
        return {"filters": filters, "sort": {"createdAt": "DESC"}, "pagination": {"skip": skip, "limit": 20}}

    (upgraded,) = await dashboard.pages("internal-payment/get-my", upgrades, 20)
    assert {name: upgraded[name] for name in ("upgradeType", "dataType", "fromValue", "toValue", "status")} == {
        "upgradeType": "nftEnergyEfficiencyUpgrade",
        "dataType": "nftEnergyEfficiencyUpgrade",
        "fromValue": 15,
        "toValue": 14,
        "status": "success",
    }
    assert upgraded["usdtValue"] == upgraded["providerCurrencyValue"] == priced
    assert upgraded["nft"]["nftCollectionId"] == bought["nftCollectionId"]
    states.remove("success")
    assert await dashboard.pages("internal-payment/get-my", upgrades, 20) == []
    powers = {"filters": {"dataType": {"in": ["nftPowerUpgrade"]}}}
    assert answered(await alice.call("app_upgrades", **powers)) == {"array": [], "count": 0}
    owned = answered(await alice.call("app_miners"))["array"]
    shown = next(row for row in owned if row["id"] == miner_id)
    assert (shown["nftCollectionId"], shown["updatedAt"]) == (bought["nftCollectionId"], upgraded["createdAt"])


async def test_what_a_former_owner_paid_is_theirs(api: Api, alice: Caller) -> None:
    """Whoever gets a miner does not see what it cost the one before; who had it goes on seeing."""
    user = await api.world.user("alice")
    await api.world.user("bob")
    miner_id = await buy(api.world, user.id)
    efficiency = {"type": "nftEnergyEfficiencyUpgrade", "nftId": miner_id}
    await api.server.call("s2s_upgrade", data=efficiency | {"fromEnergyEfficiency": 15, "toEnergyEfficiency": 14})
    await api.world.mine()
    await api.server.call("s2s_transfer", partnerUserId="alice", nftId=miner_id, toPartnerUserId="bob")
    bob = await api.user("bob")
    assert answered(await bob.call("app_upgrades"))["count"] == 0
    assert answered(await bob.call("app_payments"))["count"] == 0
    assert answered(await alice.call("app_upgrades"))["count"] == 1
    bought = answered(await alice.call("app_payments"))["array"]
    assert miner_id in [one["id"] for row in bought for one in row["nfts"]]


async def test_orders_that_came_to_nothing(api: Api, alice: Caller) -> None:
    user = await api.world.user("alice")

    async def states(**filters: object) -> list[str]:
        return [row["status"] for row in answered(await alice.call("app_payments", filters=filters))["array"]]

    # What she has earned comes from a miner that she has bought.
    before = await states()
    order = {"externalId": "o-1", "userId": user.id, "nftCollectionId": 1}
    answered(await api.server.call("s2s_payment_create", **order))
    assert await states() == ["pending", *before]
    async with db.transaction(api.world.pool) as tx:
        books = await fence.share(tx, api.world.partner.id)
        await orders.cancel(tx, books, external_id="o-1")
    assert await states(withCanceled=False) == await states() == before
    assert await states(withCanceled=True) == ["canceled", *before]
    response = await alice.call("app_payments", filters={"withCanceled": "no"})
    check_refused(response, 400, "FIELD_TYPE", "filters.withCanceled")


# What there is not


async def test_what_there_is_not_is_an_empty_list(dashboard: Dashboard) -> None:
    for path in ("/api/nft-game/nft-game-income/find-aggregated-by-date", *app_account.NOTHING_AT):
        body = {"filters": {"type": "clan"}, "pagination": {"skip": 0, "limit": 40}}
        assert await dashboard.post(path.removeprefix("/api/"), body) == {"array": [], "count": 0}


# Figures for anybody


async def test_prices(api: Api) -> None:
    """As simulators and exporters ask, without any header."""
    day = await rates.latest_published(api.world.pool)
    assert day is not None
    token = answered(await api.http.get("/api/exchanges/getTokenPrice"))
    assert token == {"value": day.gomining_usd, "price": day.gomining_usd, "internalGmtRateDiffPercentage": 0}
    assert answered(await api.http.get("/api/exchanges/getPrice?symbol=BTC&value=1")) == day.btc_usd
    assert answered(await api.http.get("/api/exchanges/getPrice?symbol=btc&value=0.5")) == day.btc_usd / 2
    assert answered(await api.http.get("/api/exchanges/getPrice?symbol=GMT")) == day.gomining_usd
    check_refused(await api.http.get("/api/exchanges/getPrice?symbol=ETH"), 400, "SYMBOL_UNKNOWN", "symbol")
    check_refused(await api.http.get("/api/exchanges/getPrice"), 400, "FIELD_MISSING", "symbol")
    check_refused(await api.http.get("/api/exchanges/getPrice?symbol=BTC&value=-1"), 400, "FIELD_OUT_OF_BOUNDS")
    home = answered(await api.http.post("/api/home-page/get-info-v2", json={}))
    assert (home["currentBtcPrice"], home["currentGmtPrice"]) == (day.btc_usd, day.gomining_usd)
    statistic = home["incomeStatistic"]
    assert (statistic["btc"], statistic["gmt"], statistic["kWh"]) == (day.btc_usd, day.gomining_usd, day.kwh_usd)
    assert statistic["incomePerTh"] == day.pool_btc_per_th
    assert statistic["calculatedAt"].endswith("T23:59:59.999Z")


async def test_offers_as_an_older_calculator_sorts_them(api: Api) -> None:
    wanted = {"filters": {"type": "generative", "saleNftStatus": "sale"}}
    data = answered(await api.http.post("/api/nft-collection/index", json=wanted))
    ladder = [
        one
        for one in data["array"]
        if not one["test"] and one["network"] is None and one["metaData"]["type"] == "general"
    ]
    assert len(ladder) == data["count"] > 20
    listed = answered(await api.http.get("/api/nft-collection/find-all-generative"))["array"]
    assert {(one["id"], one["value"]) for one in ladder} == {(one["id"], one["priceUsdt"]) for one in listed}


async def test_the_platform_in_figures(api: Api, alice: Caller) -> None:
    """Totals of all partners, and no partner's own; kept for a minute."""
    assert alice.token is not None
    api.serving.answers._kept.clear()
    pool = api.world.pool
    (miners,) = await pool.fetch(
        """SELECT count(*) AS miners, count(DISTINCT (partner_id, user_id)) AS holders, sum(power) AS power
           FROM miner WHERE ended_at IS NULL"""
    )
    users = await pool.fetchval("SELECT count(*) FROM app_user")
    shown = answered(await api.http.get("/api/platform-statistics", headers=HEADERS))
    assert (shown["miningUsersCount"], shown["totalHashrateTh"]) == (miners["holders"], miners["power"])
    assert (shown["minersCount"], shown["usersCount"]) == (miners["miners"], users)
    market = answered(await api.http.post("/api/nft/marketplace-statistics", json={}))
    assert (market["nfts"], market["holders"], market["power"]) == (
        miners["miners"],
        miners["holders"],
        miners["power"],
    )
    assert (market["usersRegistered"], market["minersGenerated"]) == (users, miners["miners"])
    registered = market["oneDayDifference"]["usersRegistered"]
    assert registered <= users
    await api.world.user("newcomer")
    assert answered(await api.http.get("/api/platform-statistics"))["usersCount"] == users
    api.serving.answers._kept.clear()
    assert answered(await api.http.get("/api/platform-statistics"))["usersCount"] == users + 1
    market = answered(await api.http.post("/api/nft/marketplace-statistics", json={}))
    assert market["oneDayDifference"]["usersRegistered"] == registered + 1


# From any page


async def test_pages_of_any_origin_may_ask_and_read(api: Api, dashboard: Dashboard) -> None:
    """The partner's list of origins stays what it is for the partner's own API."""
    for path, method in (("/api/nft/get-my", "POST"), ("/api/auth/isAuth", "GET")):
        asking = {
            "origin": HEADERS["origin"],
            "access-control-request-method": method,
            "access-control-request-headers": "authorization,content-type,ngsw-bypass,x-device-type",
        }
        response = await api.http.options(path, headers=asking)
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (204, "*")
        allowed = response.headers["access-control-allow-headers"].split(", ")
        assert {"*", *asking["access-control-request-headers"].split(",")} == {*allowed}
        assert "access-control-allow-credentials" not in response.headers
    assert (await dashboard.get("auth/isAuth"))["alias"] == "alice"
    refused = await api.http.post("/api/nft/get-my", headers=HEADERS)
    check_refused(refused, 401, "TOKEN_MISSING")
    assert refused.headers["access-control-allow-origin"] == "*"
    own = Caller(api.http, token=dashboard.token)
    check_refused(await own.call("c2s_miners", headers={"origin": HEADERS["origin"]}), 403, "ORIGIN_NOT_ALLOWED")


# The last test: it moves the clock of the module's deployment.


async def test_a_sandbox_whose_clock_is_ahead(api: Api, dashboard: Dashboard) -> None:
    """A program asks for what is before its own clock's now, and gets what is before the deployment's."""
    ahead = clock.wall_now() + dt.timedelta(days=30) - await business_clock.now(api.world.pool)
    async with db.transaction(api.world.pool) as tx:
        await business_clock.advance_by(tx, ahead)
    await correct(api, "0.001")
    (row,) = await dashboard.history(None)
    assert millis(row["createdAt"]) > clock.wall_millis()
    again = {"filter": {}, "pagination": {"cursor": millis(row["createdAt"]), "limit": 1}}
    assert (await dashboard.post("wallet/transaction-history", again))["array"] == []
