# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Time, money and the chain of a sandbox; no other deployment has these verbs."""

from typing import Literal

from hashrail_client.answers import Advance, Chain
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
        scenario: Literal["crash", "halving", "steady"] | None = None,
        idempotency_key: str | None = None,
    ) -> Advance:
        """Let the sandbox's time pass, by days, by seconds or to a date; days close: {businessTime, daysClosed,
        ...}.
        """
        answer: Advance = self._send(
            "advance", days=days, seconds=seconds, date=date, scenario=scenario, idempotency_key=idempotency_key
        )
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


class AsyncSandboxVerbs(AsyncVerbs):
    """Time, money and the chain of a sandbox; no other deployment has these verbs. Its verbs are awaited."""

    _rows = ROWS["sandbox"]

    async def advance(
        self,
        *,
        days: int | None = None,
        seconds: int | None = None,
        date: str | None = None,
        scenario: Literal["crash", "halving", "steady"] | None = None,
        idempotency_key: str | None = None,
    ) -> Advance:
        """Let the sandbox's time pass, by days, by seconds or to a date; days close: {businessTime, daysClosed,
        ...}.
        """
        answer: Advance = await self._send(
            "advance", days=days, seconds=seconds, date=date, scenario=scenario, idempotency_key=idempotency_key
        )
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
