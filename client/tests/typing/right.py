"""What an integrator may write: mypy --strict finds nothing here."""

import datetime as dt
from decimal import Decimal

from hashrail_client import (
    AsyncHashrail,
    Hashrail,
    HashrailApiError,
    NetworkError,
    PositionFile,
    RateLimitedError,
    Retries,
    webhooks,
)
from hashrail_client.amounts import Amount
from hashrail_client.answers import Miner


def sells(client: Hashrail, user: str) -> Amount:
    """Verbs, arguments and answers."""
    user_id = client.users.login(user, email="a@example.com")["userId"]
    offer = client.collections.list()["array"][0]
    order = client.payments.create(user_id, offer["id"], external_id="order-1", idempotency_key="k")
    assert client.payments.success("order-1", user_id) is True
    client.income.by_day(user, dt.datetime.now(dt.UTC), "2026-12-31T00:00:00Z", include_incomes_by_nfts=True)
    client.upgrades.create({"type": "nftPowerUpgrade", "nftId": 1, "fromPower": 1, "toPower": Decimal("2.5")})
    number = client.withdrawals.create(user, "bc1", Decimal("0.001"))
    if number is not None:
        print(client.withdrawals.get(number)["state"] == "confirmed")
    return order["value"] * 2


def miners(client: Hashrail, user: str) -> list[Miner]:
    """Records of all pages."""
    return [miner for miner in client.miners.iterate(user, page_size=50) if miner["power"] > 1]


def follows(client: Hashrail) -> None:
    """An event's type says what its data is."""
    for event in client.events.follow(positions=PositionFile("position")):
        if event["type"] == "order.issued":
            print(event["data"]["externalId"], event["data"]["nftId"] + 1)
        elif event["type"] == "balance.changed":
            print(event["object"]["id"], event["position"])


def receives(body: bytes, headers: dict[str, str]) -> str:
    """What arrived, by its type."""
    told = webhooks.verify(body, headers, ["whsec_AAAA"])
    return told.event["data"]["externalId"] if told.event["type"] == "order.issued" else told.id


def fails(client: Hashrail) -> str | None:
    """Errors carry what is needed to repeat the call."""
    try:
        client.wallets.bind("u", "bc1")
    except RateLimitedError as error:
        return str(error.retry_after_seconds)
    except (HashrailApiError, NetworkError) as error:
        return error.idempotency_key if error.may_be_done else None
    return None


async def awaited() -> None:
    """The same, awaited."""
    async with AsyncHashrail("https://h.example", "k", "s", retries=Retries(3), paths={"s2s_login": "/x"}) as client:
        tokens = await client.users.login("u")
        user = client.as_user(tokens, on_change=lambda pair: print(pair["refreshToken"]))
        print((await user.income.total())["totalIncome"] + 1)
        async for record in client.income.iterate("u"):
            print(record["value"] * 2, record["day"])
