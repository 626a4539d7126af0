"""Balances over the wire: what a user can spend, a row a currency (#21, #24)."""

from decimal import Decimal

import pytest

from hashrail import clock, db
from hashrail.books import fence, ledger
from hashrail.books.chart import Account, TransferKind
from hashrail.books.ledger import Transfer
from hashrail.money import plain
from tests.support.api_client import Past, answered, open_api
from tests.support.world import World


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
            books = await fence.share(tx, world.partner.id)
            account = await ledger.user_account(tx, world.partner.id, user.id, "BTC")
            held = Transfer(TransferKind.SETTLEMENT, user.id, 1, account, Account.INCOME_CONTROL, income / 4)
            await ledger.reserve(tx, books, held)
        (btc, _) = answered(await api.server.call("s2s_balances", partnerUserId="alice"))["array"]
        assert btc["freezedValueNumericAtSyncDate"] == plain(income / 4)
        assert btc["valueNumericAtSyncDate"] == plain(income - income / 4)
        client = await api.user("alice")
        assert answered(await client.call("c2s_balances"))["array"][0]["balance"] == income - income / 4
        total = answered(await client.call("c2s_income_total"))
        assert (total["totalIncome"], total["onBalanceAmount"]) == (income, income - income / 4)
