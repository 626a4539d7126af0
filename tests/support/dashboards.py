"""Reading as public dashboards do: which fields they take, how they page, what they reckon. Written anew, in decimals.

Pages by number end with one that is shorter than asked for, pages by moment go on from the last row's `createdAt` in
milliseconds. Every request carries the headers that a browser's page sends.
"""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from hashrail import clock
from tests.support.api_client import answered

HEADERS = {
    "content-type": "application/json",
    "ngsw-bypass": "true",
    "x-device-type": "desktop",
    "origin": "https://dashboard.example",
}
EVERY_WALLET = [f"VIRTUAL_{name}" for name in ("BNB", "BTC", "ETH", "GMT", "SOL", "TON", "USDC", "USDT")]
WITHDRAWN = [
    *("withdraw", "withdraw-order", "income-withdraw-instant", "income-withdraw", "nft-income-withdraw"),
    *("nft-game-income-withdraw", "income-withdraw-order"),
]
WEI = Decimal(10) ** 18


@dataclass
class Day:
    """A day as an exporter for taxes reckons it, BTC: gross, costs, net; TH, the greatest discount, sats per TH."""

    mined: str
    pool: Decimal
    costs: Decimal
    net: Decimal
    power: Decimal
    discount: Decimal
    sats_per_th: list[Decimal]
    btc_usd: Decimal
    token_usd: Decimal


@dataclass
class Dashboard:
    """A page of another site, with a token that its user put there."""

    http: httpx.AsyncClient
    token: str
    asked: int = 0

    async def post(self, path: str, body: object) -> Any:
        """What stands in the envelope; the page may read it."""
        response = await self.http.post(
            f"/api/{path}", content=json.dumps(body), headers=HEADERS | {"authorization": f"Bearer {self.token}"}
        )
        self.asked += 1
        assert response.headers["access-control-allow-origin"] == "*"
        return answered(response)

    async def get(self, path: str) -> Any:
        """Likewise."""
        response = await self.http.get(f"/api/{path}", headers=HEADERS | {"authorization": f"Bearer {self.token}"})
        assert response.headers["access-control-allow-origin"] == "*"
        return answered(response)

    async def pages(self, path: str, body: Callable[[int], object], size: int) -> list[Any]:
        """All rows of a list that is paged by number."""
        found: list[Any] = []
        while True:
            page = (await self.post(path, body(len(found))))["array"]
            found += page
            if len(page) < size:
                return found

    async def history(self, from_types: list[str] | None, size: int = 100) -> list[Any]:
        """All rows of the history, as it is walked back by milliseconds."""
        found: list[Any] = []
        cursor = clock.wall_millis()
        for _ in range(1000):
            pagination = {"cursor": cursor, "limit": size}
            wanted = {"walletType": EVERY_WALLET, "fromType": from_types, "range": None}
            page = (await self.post("wallet/transaction-history", {"filter": wanted, "pagination": pagination}))[
                "array"
            ]
            found += page
            following = millis(page[-1]["createdAt"]) if page else cursor
            if len(page) < size or following == cursor:
                return found
            cursor = following
        raise AssertionError("it never ends")

    async def days(self, size: int = 20) -> list[Day]:
        """The whole of the income, from 1990 to now, as an exporter reckons it."""
        now = clock.iso(clock.wall_now())
        rows = await self.pages(
            "nft-income/find-aggregated-by-date",
            lambda skip: {"startDate": "1990-01-01T00:00:00.000Z", "endDate": now, "limit": size, "skip": skip},
            size,
        )
        return [reckoned(row) for row in rows]


def millis(moment: str) -> int:
    """Milliseconds since 1970, as a browser's Date has them."""
    return round(dt.datetime.fromisoformat(moment).timestamp() * 1000)


def reckoned(row: Any) -> Day:
    """A row of income, as an exporter adds it up: costs come back on top, unless they were paid in tokens."""
    records = row["incomeList"]
    assert all(one["maintenanceForWithdrawInGmt"] is None for one in records), "they were not paid in tokens"
    assert not any(one["reinvestmentInPowerNftStatusExecuted"] for one in records)
    costs = sum((one["metaData"]["maintenanceInBtc"] for one in records), Decimal(0))
    return Day(
        mined=row["incomeStatistic"]["calculatedAt"][:10],
        pool=row["value"] + costs,
        costs=costs,
        net=row["value"],
        power=sum((one["power"] for one in records), Decimal(0)),
        discount=max((one["totalDiscount"] for one in records), default=Decimal(0)),
        sats_per_th=[one["metaData"]["poolReward"] * 10**8 / one["power"] for one in records if one["power"] > 0],
        btc_usd=row["incomeStatistic"]["btcCourseInUsd"],
        token_usd=row["incomeStatistic"]["gmtPrice"],
    )


def currency(wallet_type: str) -> str:
    """The currency of a wallet."""
    return wallet_type.removeprefix("VIRTUAL_")
