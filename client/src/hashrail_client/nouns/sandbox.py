# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Time, money and the chain of a sandbox; no other deployment has these verbs."""

from typing import Literal

from hashrail_client.amounts import Amount
from hashrail_client.answers import Advance, Chain, Clock, Order, Owed, Refund, Triggered
from hashrail_client.arguments import DepositBody
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class SandboxVerbs(Verbs):
    """Time, money and the chain of a sandbox; no other deployment has these verbs. Its verbs block."""

    _rows = ROWS["sandbox"]

    def advance(
        self,
        *,
        days: int | None = None,
        seconds: int | None = None,
        date: str | None = None,
        scenario: Literal["crash", "growth", "halving", "steady"] | None = None,
        idempotency_key: str | None = None,
    ) -> Advance:
        """Let the sandbox's time pass, by days, by seconds or to a date; days close: {businessTime, daysClosed,
        ...}.
        """
        answer: Advance = self._send(
            "advance", days=days, seconds=seconds, date=date, scenario=scenario, idempotency_key=idempotency_key
        )
        return answer

    def clock(self) -> Clock:
        """The sandbox's clocks, how far its days are, and by which scenarios they go on."""
        answer: Clock = self._send("clock")
        return answer

    def scenario(
        self, scenario: Literal["crash", "growth", "halving", "steady"], *, idempotency_key: str | None = None
    ) -> Clock:
        """Let the days to come go by a scenario: steady, growth, halving or crash. It answers as clock does."""
        answer: Clock = self._send("scenario", scenario=scenario, idempotency_key=idempotency_key)
        return answer

    def chain(
        self,
        *,
        scenario: Literal["confirm", "double_spend", "evicted", "reorg", "stuck"] | None = None,
        blocks: int | None = None,
        deposit: DepositBody | None = None,
        idempotency_key: str | None = None,
    ) -> Chain:
        """Tell the simulated chain what to play, mine or bring; without a wish look at it: {scenario, height,
        mempool}.
        """
        answer: Chain = self._send(
            "chain", scenario=scenario, blocks=blocks, deposit=deposit, idempotency_key=idempotency_key
        )
        return answer

    def pay(
        self,
        external_id: str,
        *,
        user_id: int | None = None,
        nft_collection_id: int | None = None,
        outcome: Literal["never", "paid", "paid_twice"] | None = None,
        idempotency_key: str | None = None,
    ) -> Order:
        """Play a customer who buys: the order is opened for user_id and nft_collection_id if it is not there, and
        its payment told. outcome is paid, paid_twice or never.
        """
        answer: Order = self._send(
            "pay",
            external_id=external_id,
            user_id=user_id,
            nft_collection_id=nft_collection_id,
            outcome=outcome,
            idempotency_key=idempotency_key,
        )
        return answer

    def late_notice(
        self,
        external_id: str,
        *,
        user_id: int | None = None,
        nft_collection_id: int | None = None,
        late_seconds: int | None = None,
        idempotency_key: str | None = None,
    ) -> Order:
        """Play a payment that is told late: the clock goes late_seconds past the order's end, and then it is told."""
        answer: Order = self._send(
            "late_notice",
            external_id=external_id,
            user_id=user_id,
            nft_collection_id=nft_collection_id,
            late_seconds=late_seconds,
            idempotency_key=idempotency_key,
        )
        return answer

    def charge_back(self, external_id: str, *, reason: str | None = None, idempotency_key: str | None = None) -> Refund:
        """Play a customer whose bank takes the payment back: the order is refunded, and its miner ends."""
        answer: Refund = self._send(
            "charge_back", external_id=external_id, reason=reason, idempotency_key=idempotency_key
        )
        return answer

    def pay_operator(self, amount: Amount, reference: str, *, idempotency_key: str | None = None) -> Owed:
        """Play your own payment of amount (USD) to the operator: {owed, reserved, creditLimit}."""
        answer: Owed = self._send("pay_operator", amount=amount, reference=reference, idempotency_key=idempotency_key)
        return answer

    def trigger(self, type: str, *, object_id: str | None = None, idempotency_key: str | None = None) -> Triggered:
        """Have an event of a type told as an example, in the feed and to webhooks; its eventId begins with test_."""
        answer: Triggered = self._send("trigger", type=type, object_id=object_id, idempotency_key=idempotency_key)
        return answer


class AsyncSandboxVerbs(AsyncVerbs):
    """Time, money and the chain of a sandbox; no other deployment has these verbs. Its verbs are awaited."""

    _rows = ROWS["sandbox"]

    async def advance(
        self,
        *,
        days: int | None = None,
        seconds: int | None = None,
        date: str | None = None,
        scenario: Literal["crash", "growth", "halving", "steady"] | None = None,
        idempotency_key: str | None = None,
    ) -> Advance:
        """Let the sandbox's time pass, by days, by seconds or to a date; days close: {businessTime, daysClosed,
        ...}.
        """
        answer: Advance = await self._send(
            "advance", days=days, seconds=seconds, date=date, scenario=scenario, idempotency_key=idempotency_key
        )
        return answer

    async def clock(self) -> Clock:
        """The sandbox's clocks, how far its days are, and by which scenarios they go on."""
        answer: Clock = await self._send("clock")
        return answer

    async def scenario(
        self, scenario: Literal["crash", "growth", "halving", "steady"], *, idempotency_key: str | None = None
    ) -> Clock:
        """Let the days to come go by a scenario: steady, growth, halving or crash. It answers as clock does."""
        answer: Clock = await self._send("scenario", scenario=scenario, idempotency_key=idempotency_key)
        return answer

    async def chain(
        self,
        *,
        scenario: Literal["confirm", "double_spend", "evicted", "reorg", "stuck"] | None = None,
        blocks: int | None = None,
        deposit: DepositBody | None = None,
        idempotency_key: str | None = None,
    ) -> Chain:
        """Tell the simulated chain what to play, mine or bring; without a wish look at it: {scenario, height,
        mempool}.
        """
        answer: Chain = await self._send(
            "chain", scenario=scenario, blocks=blocks, deposit=deposit, idempotency_key=idempotency_key
        )
        return answer

    async def pay(
        self,
        external_id: str,
        *,
        user_id: int | None = None,
        nft_collection_id: int | None = None,
        outcome: Literal["never", "paid", "paid_twice"] | None = None,
        idempotency_key: str | None = None,
    ) -> Order:
        """Play a customer who buys: the order is opened for user_id and nft_collection_id if it is not there, and
        its payment told. outcome is paid, paid_twice or never.
        """
        answer: Order = await self._send(
            "pay",
            external_id=external_id,
            user_id=user_id,
            nft_collection_id=nft_collection_id,
            outcome=outcome,
            idempotency_key=idempotency_key,
        )
        return answer

    async def late_notice(
        self,
        external_id: str,
        *,
        user_id: int | None = None,
        nft_collection_id: int | None = None,
        late_seconds: int | None = None,
        idempotency_key: str | None = None,
    ) -> Order:
        """Play a payment that is told late: the clock goes late_seconds past the order's end, and then it is told."""
        answer: Order = await self._send(
            "late_notice",
            external_id=external_id,
            user_id=user_id,
            nft_collection_id=nft_collection_id,
            late_seconds=late_seconds,
            idempotency_key=idempotency_key,
        )
        return answer

    async def charge_back(
        self, external_id: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> Refund:
        """Play a customer whose bank takes the payment back: the order is refunded, and its miner ends."""
        answer: Refund = await self._send(
            "charge_back", external_id=external_id, reason=reason, idempotency_key=idempotency_key
        )
        return answer

    async def pay_operator(self, amount: Amount, reference: str, *, idempotency_key: str | None = None) -> Owed:
        """Play your own payment of amount (USD) to the operator: {owed, reserved, creditLimit}."""
        answer: Owed = await self._send(
            "pay_operator", amount=amount, reference=reference, idempotency_key=idempotency_key
        )
        return answer

    async def trigger(
        self, type: str, *, object_id: str | None = None, idempotency_key: str | None = None
    ) -> Triggered:
        """Have an event of a type told as an example, in the feed and to webhooks; its eventId begins with test_."""
        answer: Triggered = await self._send("trigger", type=type, object_id=object_id, idempotency_key=idempotency_key)
        return answer
