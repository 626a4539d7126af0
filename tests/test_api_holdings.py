"""What a user has, over the wire: miners (#6, #7), offers (#9, #10), balances (#21, #24), statistics (#29)."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from hashrail import catalogue, clock, day_fence, db, ledger
from hashrail.ledger import Chart, Kind, Transfer
from hashrail.money import divide_half_even, plain
from tests.api import MARCH, Caller, Past, answered, check_refused, open_api, open_past
from tests.world import World


@pytest.fixture(scope="module")
async def past(server: str, template: str) -> AsyncIterator[Past]:
    async with open_past(server, template) as opened:
        yield opened


@pytest.fixture(scope="module")
async def alice(past: Past) -> Caller:
    return await past.api.user("alice")


# Miners


async def miner_rows(past: Past, *numbers: int) -> list[dict[str, Any]]:
    """Miners of the past as #6 and #7 show them."""
    facts = [("10", "20"), ("16", "15"), ("0.75", "12")]
    times = {row["id"]: row["created_at"] for row in await past.api.world.pool.fetch("SELECT * FROM miner")}
    return [
        {
            "id": past.miners[number],
            "createdAt": clock.iso(times[past.miners[number]]),
            "name": "miner",
            "power": Decimal(facts[number][0]),
            "energyEfficiency": Decimal(facts[number][1]),
        }
        for number in numbers
    ]


async def test_miners(past: Past, alice: Caller) -> None:
    expected = {"array": await miner_rows(past, 0, 1)}
    assert expected["array"][0]["createdAt"].startswith("2026-03-01T12:00:")
    assert answered(await past.api.server.call("s2s_miners", partnerUserId="alice")) == expected
    assert answered(await alice.call("c2s_miners")) == expected
    bob = {"array": await miner_rows(past, 2)}
    assert answered(await past.api.server.call("s2s_miners", partnerUserId="bob")) == bob
    assert answered(await (await past.api.user("bob")).call("c2s_miners")) == bob


async def test_somebody_without_miners_is_no_stranger(past: Past) -> None:
    assert answered(await past.api.server.call("s2s_miners", partnerUserId="carol")) == {"array": []}
    assert answered(await (await past.api.user("carol")).call("c2s_miners")) == {"array": []}
    response = await past.api.server.call("s2s_miners", partnerUserId="nobody")
    check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")


@pytest.mark.parametrize(
    ("page", "numbers"),
    [
        ({"limit": "1"}, [0]),
        ({"limit": "1", "offset": "1"}, [1]),
        ({"limit": "999", "offset": "0"}, [0, 1]),
        ({"limit": "005", "offset": "00001"}, [1]),
        ({"offset": "2"}, []),
        ({"offset": "99999"}, []),
    ],
)
async def test_pages_of_miners(past: Past, alice: Caller, page: dict[str, str], numbers: list[int]) -> None:
    expected = await miner_rows(past, *numbers)
    assert answered(await past.api.server.call("s2s_miners", partnerUserId="alice", **page))["array"] == expected
    assert answered(await alice.call("c2s_miners", **page))["array"] == expected


async def test_the_default_page_has_twenty(past: Past) -> None:
    dora = await past.api.world.user("dora")
    miners = [await past.api.world.miner(dora.id, "1", "20") for _ in range(23)]
    rows = answered(await past.api.server.call("s2s_miners", partnerUserId="dora"))["array"]
    assert [row["id"] for row in rows] == miners[:20]
    rows = answered(await past.api.server.call("s2s_miners", partnerUserId="dora", offset=20))["array"]
    assert [row["id"] for row in rows] == miners[20:]


async def test_a_name_is_the_partner_s_own(past: Past) -> None:
    name = "Ünï & co=+%20/?" + "x" * 240
    assert len(name) == 255
    await past.api.world.user(name)
    assert answered(await past.api.server.call("s2s_miners", partnerUserId=name)) == {"array": []}


# Offers


def offer_rows(past: Past, offers: list[catalogue.Collection], discount: str) -> list[dict[str, Any]]:
    """Offers as #9 and #10 show them at the figures of the newest day, by the contract's own formula."""
    day = past.inputs(MARCH[4])
    rows = []
    for offer in offers:
        electricity = day.kwh_usd * 24 / 1000 * offer.energy_efficiency * offer.power
        service = day.service_usd_per_th * offer.power
        pool = day.pool_btc_per_th * offer.power
        yearly = (pool * day.btc_usd - (electricity + service) * (1 - Decimal(discount))) * 365 * 100
        rows.append(
            {
                "id": offer.id,
                "power": offer.power,
                "energyEfficiency": offer.energy_efficiency,
                "value": offer.value_usd,
                "annualROI": divide_half_even(yearly, offer.value_usd, 2),
                "poolReward": pool,
                "electricityCost": electricity,
                "serviceCost": service,
                "levelDiscount": Decimal(discount),
            }
        )
    return rows


async def test_offers(past: Past, alice: Caller) -> None:
    async with db.transaction(past.api.world.pool) as tx:
        offers = await catalogue.on_sale(tx)
    assert len(offers) == 42
    at_no_level = {"array": offer_rows(past, offers, "0")}
    publishable = await past.api.caller(kind="publishable")
    assert answered(await past.api.server.call("s2s_collections")) == at_no_level
    assert answered(await publishable.call("c2s_collections")) == at_no_level
    assert answered(await (await past.api.user("carol")).call("c2s_collections")) == at_no_level
    assert answered(await alice.call("c2s_collections")) == {"array": offer_rows(past, offers, "0.009")}


async def test_what_is_withdrawn_is_not_offered(world: World, dsn: str) -> None:
    await world.mine()
    async with db.transaction(world.pool) as tx:
        gone, *rest = await catalogue.on_sale(tx)
        await catalogue.withdraw(tx, gone.id)
    async with open_api(world, dsn) as api:
        shown = answered(await api.server.call("s2s_collections"))["array"]
        assert [row["id"] for row in shown] == [offer.id for offer in rest]


# Balances


async def accounts_of(past: Past, name: str) -> dict[str, tuple[int, str]]:
    """Currency -> (account, when it was opened)."""
    rows = await past.api.world.pool.fetch("SELECT * FROM account WHERE user_id = $1 ORDER BY id", past.users[name].id)
    return {row["currency"]: (row["id"], clock.iso(row["created_at"])) for row in rows}


@pytest.mark.parametrize("name", ["alice", "bob", "carol"])
async def test_balances(past: Past, name: str) -> None:
    accounts = await accounts_of(past, name)
    assert list(accounts) == ["BTC", "GOMINING"]
    client = await past.api.user(name)
    rows = [
        {"id": account, "createdAt": opened, "currency": currency, "balance": past.income(name) * (currency == "BTC")}
        for currency, (account, opened) in accounts.items()
    ]
    assert answered(await client.call("c2s_balances")) == {"array": rows}
    assert answered(await client.call("c2s_balances", limit=1, offset=1)) == {"array": rows[1:]}
    assert answered(await client.call("c2s_balances", offset=2)) == {"array": []}
    wallets = [
        {
            "id": account,
            "currency": currency,
            "gmtValueAtSyncDateNumeric": "0" if currency == "GOMINING" else None,
            "timeLockedValueAtSyncDateNumeric": None,
            "flexibleStakingValueAtSyncDateNumeric": None,
            "freezedValueNumericAtSyncDate": "0",
            "valueNumericAtSyncDate": plain(past.income(name)) if currency == "BTC" else "0",
        }
        for currency, (account, _) in accounts.items()
    ]
    server = past.api.server
    assert answered(await server.call("s2s_balances", partnerUserId=name)) == {"array": wallets}
    assert answered(await server.call("s2s_balances", partnerUserId=name, limit=1)) == {"array": wallets[:1]}
    assert answered(await server.call("s2s_balances", partnerUserId=name, offset=1)) == {"array": wallets[1:]}


async def test_decimal_texts_have_no_exponent(past: Past) -> None:
    data = answered(await past.api.server.call("s2s_balances", partnerUserId="bob"))
    text = data["array"][0]["valueNumericAtSyncDate"]
    assert Decimal(text) == past.income("bob")
    assert text.startswith("0.0000001")


async def test_what_is_held_cannot_be_spent(world: World, dsn: str) -> None:
    user = await world.user()
    await world.miner(user.id)
    await world.mine()
    await world.mine()
    async with open_api(world, dsn) as api:
        income = await world.settle(user.id)
        async with db.transaction(world.pool) as tx:
            day = await day_fence.share(tx, world.partner.id)
            account = await ledger.user_account(tx, world.partner.id, user.id, "BTC")
            held = Transfer(Kind.SETTLEMENT, user.id, 1, account, Chart.INCOME_CONTROL, income / 4)
            await ledger.reserve(tx, day, held)
        (btc, _) = answered(await api.server.call("s2s_balances", partnerUserId="alice"))["array"]
        assert btc["freezedValueNumericAtSyncDate"] == plain(income / 4)
        assert btc["valueNumericAtSyncDate"] == plain(income - income / 4)
        client = await api.user("alice")
        assert answered(await client.call("c2s_balances"))["array"][0]["balance"] == income - income / 4
        total = answered(await client.call("c2s_income_total"))
        assert (total["totalIncome"], total["onBalanceAmount"]) == (income, income - income / 4)


# Statistics


async def test_statistics(past: Past) -> None:
    await past.api.server.call("s2s_login", partnerUserId="bob", email="bob@example.com")
    expected = {
        "alice": (None, 2, Decimal(26), divide_half_even(Decimal(440), Decimal(26), 4), Decimal("0.009")),
        "bob": ("bob@example.com", 1, Decimal("0.75"), Decimal(12), Decimal(0)),
        "carol": (None, 0, Decimal(0), Decimal(0), Decimal(0)),
    }
    for name, (email, count, power, efficiency, discount) in expected.items():
        data = answered(await past.api.server.call("s2s_user_statistics", partnerUserId=name))
        user = past.users[name]
        assert data == {
            "user": {
                "id": user.id,
                "partnerUserId": name,
                "createdAt": clock.iso(user.created_at),
                "email": email,
            },
            "stats": {
                "walletsCount": 0,
                "nftsCount": count,
                "totalPowerTH": power,
                "avgEnergyEfficiency": efficiency,
                "totalIncome": past.income(name),
                "discount": discount,
            },
        }


async def test_strangers_have_no_figures(past: Past) -> None:
    for operation in ("s2s_user_statistics", "s2s_balances"):
        response = await past.api.server.call(operation, partnerUserId="nobody")
        check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")
