"""What an integrator must not write: each line has a mistake that mypy --strict finds, as the comment says."""

from decimal import Decimal

from hashrail_client import AsyncHashrail, Hashrail, webhooks
from hashrail_client import Hashrial  # has no attribute "Hashrial"


def mistakes(client: Hashrail) -> None:
    """Of somebody who calls."""
    client.miner.list("u")  # has no attribute "miner"
    client.payments.sucess("o", 1)  # has no attribute "sucess"
    client.miners.list()  # Missing positional argument "partner_user_id"
    client.miners.list("u", page=2)  # Unexpected keyword argument "page"
    client.miners.list("u", limit="5")  # expected "int | None"
    client.payments.create("u", 1, "o")  # expected "int"
    client.withdrawals.create("u", "bc1", 0.1)  # expected "Decimal | int"
    client.upgrades.price("nftPowerUpgrade", 1, 1.5, Decimal(2))  # expected "Decimal | int"
    client.exports.create("incomes", "csv", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")  # expected "Literal
    client.users.list(state="blokced")  # expected "Literal['active', 'blocked'] | None"
    client.upgrades.create({"type": "nftPowerUpgrade", "nftId": 1, "fromPower": 1})  # "dict[str, object]"
    client.upgrades.create({"type": "nftPowerUpgrade", "nftId": 1, "fromPower": 1, "toPower": 2.5})  # "float"
    print(client.miners.list("u")["aray"])  # has no key "aray"
    print(client.collections.list()["array"][0]["price"])  # has no key "price"
    for miner in client.miners.iterate("u"):
        print(miner["powerTH"])  # has no key "powerTH"
    for event in client.events.follow(type="order."):  # Unexpected keyword argument "type"
        if event["type"] == "order.issued":
            print(event["data"]["withdrawalId"])  # has no key "withdrawalId"
    total: float = client.income.per_th()["btcRate"]  # expression has type "Decimal | int", variable has type "float"
    client.as_user({"jwtToken": "j"})  # Missing key "refreshToken"
    webhooks.verify("{}", {}, ["s"])  # expected "bytes"


async def forgets_to_wait(client: AsyncHashrail) -> None:
    """Of somebody who does not await."""
    print(client.users.statistics("u")["user"])  # is not indexable
    for miner in client.miners.iterate("u"):  # has no attribute "__iter__"
        print(miner)
