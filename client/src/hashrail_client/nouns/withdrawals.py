# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Bitcoin on its way out."""

from collections.abc import AsyncIterator, Iterator

from hashrail_client.amounts import Amount
from hashrail_client.answers import Commission, Withdrawal, WithdrawalPage
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class WithdrawalsVerbs(Verbs):
    """Bitcoin on its way out. Its verbs block."""

    _rows = ROWS["withdrawals"]

    def terms(self, partner_user_id: str) -> Commission:
        """What withdrawing asks and costs, in BTC: {incomeWithdrawMinValue, incomeWithdrawCommission}."""
        answer: Commission = self._send("terms", partner_user_id=partner_user_id)
        return answer

    def create(
        self, partner_user_id: str, wallet_address: str, amount: Amount, *, idempotency_key: str | None = None
    ) -> int | None:
        """Pay amount (a Decimal, BTC) to the address within 24 hours, without a commission: the withdrawal's
        number.
        """
        answer: int | None = self._send(
            "create",
            partner_user_id=partner_user_id,
            wallet_address=wallet_address,
            amount=amount,
            idempotency_key=idempotency_key,
        )
        return answer

    def create_fast(
        self, partner_user_id: str, wallet_address: str, amount: Amount, *, idempotency_key: str | None = None
    ) -> int | None:
        """Pay amount (a Decimal, BTC) to the address within the hour; the commission comes on top: its number."""
        answer: int | None = self._send(
            "create_fast",
            partner_user_id=partner_user_id,
            wallet_address=wallet_address,
            amount=amount,
            idempotency_key=idempotency_key,
        )
        return answer

    def get(self, id: int) -> Withdrawal:
        """A withdrawal by its number: state, amount and fee in BTC, txid."""
        answer: Withdrawal = self._send("get", id=id)
        return answer

    def list(
        self,
        *,
        partner_user_id: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> WithdrawalPage:
        """Your withdrawals or one user's, newest first: {array, nextCursor}."""
        answer: WithdrawalPage = self._send(
            "list", partner_user_id=partner_user_id, limit=limit, offset=offset, cursor=cursor
        )
        return answer

    def iterate(self, *, partner_user_id: str | None = None, page_size: int | None = None) -> Iterator[Withdrawal]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", partner_user_id=partner_user_id, limit=page_size)

    def cancel(self, id: int, *, idempotency_key: str | None = None) -> Withdrawal:
        """Take back a withdrawal that is not on its way; again changes nothing: the withdrawal."""
        answer: Withdrawal = self._send("cancel", id=id, idempotency_key=idempotency_key)
        return answer


class AsyncWithdrawalsVerbs(AsyncVerbs):
    """Bitcoin on its way out. Its verbs are awaited."""

    _rows = ROWS["withdrawals"]

    async def terms(self, partner_user_id: str) -> Commission:
        """What withdrawing asks and costs, in BTC: {incomeWithdrawMinValue, incomeWithdrawCommission}."""
        answer: Commission = await self._send("terms", partner_user_id=partner_user_id)
        return answer

    async def create(
        self, partner_user_id: str, wallet_address: str, amount: Amount, *, idempotency_key: str | None = None
    ) -> int | None:
        """Pay amount (a Decimal, BTC) to the address within 24 hours, without a commission: the withdrawal's
        number.
        """
        answer: int | None = await self._send(
            "create",
            partner_user_id=partner_user_id,
            wallet_address=wallet_address,
            amount=amount,
            idempotency_key=idempotency_key,
        )
        return answer

    async def create_fast(
        self, partner_user_id: str, wallet_address: str, amount: Amount, *, idempotency_key: str | None = None
    ) -> int | None:
        """Pay amount (a Decimal, BTC) to the address within the hour; the commission comes on top: its number."""
        answer: int | None = await self._send(
            "create_fast",
            partner_user_id=partner_user_id,
            wallet_address=wallet_address,
            amount=amount,
            idempotency_key=idempotency_key,
        )
        return answer

    async def get(self, id: int) -> Withdrawal:
        """A withdrawal by its number: state, amount and fee in BTC, txid."""
        answer: Withdrawal = await self._send("get", id=id)
        return answer

    async def list(
        self,
        *,
        partner_user_id: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> WithdrawalPage:
        """Your withdrawals or one user's, newest first: {array, nextCursor}."""
        answer: WithdrawalPage = await self._send(
            "list", partner_user_id=partner_user_id, limit=limit, offset=offset, cursor=cursor
        )
        return answer

    def iterate(self, *, partner_user_id: str | None = None, page_size: int | None = None) -> AsyncIterator[Withdrawal]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", partner_user_id=partner_user_id, limit=page_size)

    async def cancel(self, id: int, *, idempotency_key: str | None = None) -> Withdrawal:
        """Take back a withdrawal that is not on its way; again changes nothing: the withdrawal."""
        answer: Withdrawal = await self._send("cancel", id=id, idempotency_key=idempotency_key)
        return answer
