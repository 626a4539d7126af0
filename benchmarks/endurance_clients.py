"""The clients of `endurance.py`: each knows what was acknowledged to it, and sends again what was not answered."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from tests.support.api_client import Caller
from tests.support.payouts import ADDRESSES
from tests.support.upgrades import power

from hashrail import clock, db

AGAIN_SECONDS = 0.2
GIVE_UP_SECONDS = 120
LEAST_BTC, STEP_BTC = Decimal("0.00005"), Decimal("0.00000001")
STEP_TH, BEGINS_TH = Decimal("0.01"), Decimal(16)
SERVER_ERROR = 500
# Amounts differ, since the same one within a minute would be refused.
DIFFERENT = 10_000


@dataclass
class Journal:
    """What all clients saw: answers by operation, what was not answered at first, what was refused, milliseconds."""

    answers: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    taken_ms: list[float] = field(default_factory=list)

    def forget(self) -> None:
        """Begin anew; what was refused stays."""
        self.answers.clear()
        self.troubles.clear()
        self.taken_ms.clear()


@dataclass
class Client:
    """A partner's server that looks after one user and a friend of theirs, to whom a miner goes and comes back."""

    partner: Caller
    journal: Journal
    number: int
    user_id: int
    offer: int
    upgraded: int
    ball: int
    turns: int = 0
    orders: set[str] = field(default_factory=set)
    withdrawals: set[int] = field(default_factory=set)
    power_th: Decimal = BEGINS_TH
    has_friend_it: bool = False

    @property
    def user(self) -> str:
        """By the partner's own name."""
        return f"user-{self.number}"

    @property
    def friend(self) -> str:
        """Whom the miner goes to."""
        return f"friend-{self.number}"

    async def work(self, ends: float, pause: float) -> None:
        """Turn after turn, each begun `pause` seconds after the one before at the earliest."""
        due = clock.monotonic()
        while clock.monotonic() < ends:
            await self._turn()
            self.turns += 1
            due = max(due + pause, clock.monotonic() - pause)
            await asyncio.sleep(max(0.0, due - clock.monotonic()))

    async def _turn(self) -> None:
        """Reads every time; the others by turns."""
        name = {"partnerUserId": self.user}
        await self.again("s2s_miners", limit=20, **name)
        held = await self.again("s2s_miners", partnerUserId=self.friend)
        if held is not None and len(held.json()["data"]["array"]) != int(self.has_friend_it):
            self.journal.refused.append(f"{self.friend} is shown {held.text[:100]}")
        await self.again("s2s_balances", **name)
        await self.again("s2s_income", limit=20, **name)
        kinds: list[Callable[[], Any]] = [
            self._order,
            self._withdraw,
            self._log_in,
            self._order,
            self._upgrade,
            self._pass,
        ]
        await kinds[self.turns % len(kinds)]()

    async def _order(self) -> None:
        order = {"userId": self.user_id, "externalId": f"{self.number}-{self.turns}"}
        if await self.again("s2s_payment_create", nftCollectionId=self.offer, **order) is None:
            return
        if await self.again("s2s_payment_success", **order) is not None:
            self.orders.add(str(order["externalId"]))

    async def _withdraw(self) -> None:
        amount = LEAST_BTC + self.turns % DIFFERENT * STEP_BTC
        to = {"partnerUserId": self.user, "walletAddress": ADDRESSES[self.turns % 2], "amount": amount}
        if (made := await self.again("s2s_withdraw", **to)) is not None:
            self.withdrawals.add(int(made.headers["x-withdrawal-id"]))

    async def _log_in(self) -> None:
        await self.again("s2s_login", partnerUserId=self.user)

    async def _upgrade(self) -> None:
        wanted = self.power_th + STEP_TH
        if await self.again("s2s_upgrade", **power(self.upgraded, self.power_th, wanted)) is not None:
            self.power_th = wanted

    async def _pass(self) -> None:
        giver, taker = (self.friend, self.user) if self.has_friend_it else (self.user, self.friend)
        fields = {"partnerUserId": giver, "nftId": self.ball, "toPartnerUserId": taker}
        if await self.again("s2s_transfer", **fields) is not None:
            self.has_friend_it = not self.has_friend_it

    async def again(self, operation: str, **fields: Any) -> httpx.Response | None:
        """The answer of an operation, sent until there is one, by one Idempotency-Key; None where it is refused."""
        key = {"Idempotency-Key": f"{operation}-{self.number}-{clock.wall_millis()}"}
        give_up = clock.monotonic() + GIVE_UP_SECONDS
        while clock.monotonic() < give_up:
            began = clock.monotonic()
            try:
                answer = await self.partner.call(operation, key, **fields)
            except httpx.TransportError:
                self.journal.troubles[operation] += 1
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if answer.status_code >= SERVER_ERROR:
                self.journal.troubles[operation] += 1
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            self.journal.taken_ms.append((clock.monotonic() - began) * 1000)
            self.journal.answers[operation] += 1
            if answer.is_success:
                return answer
            self.journal.refused.append(f"{operation}: {answer.text[:200]}")
            return None
        self.journal.refused.append(f"{operation}: not answered within {GIVE_UP_SECONDS} s")
        return None

    async def missing(self, pool: db.Pool) -> list[str]:
        """What the books do not have of what was acknowledged, in words."""
        rows = await pool.fetch(
            "SELECT external_id FROM purchase WHERE user_id = $1 AND state = 'issued' AND external_id LIKE $2",
            *(self.user_id, f"{self.number}-%"),
        )
        paid = await pool.fetch("SELECT id FROM withdrawal WHERE user_id = $1", self.user_id)
        th = await pool.fetchval("SELECT power FROM miner WHERE id = $1", self.upgraded)
        owner = await pool.fetchval(
            """SELECT u.partner_user_id FROM miner m JOIN app_user u ON (u.partner_id, u.id) = (m.partner_id, m.user_id)
               WHERE m.id = $1""",
            self.ball,
        )
        compared = {
            "orders": (self.orders, {row["external_id"] for row in rows}),
            "withdrawals": (self.withdrawals, {row["id"] for row in paid}),
            "power": (self.power_th, th),
            "transfers": (self.friend if self.has_friend_it else self.user, owner),
        }
        return [
            f"{self.user}: {what}: {str(known)[:80]} are {str(there)[:80]}"
            for what, (known, there) in compared.items()
            if known != there
        ]
