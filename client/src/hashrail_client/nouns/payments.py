# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Orders: opened, paid for, looked up."""

from collections.abc import AsyncIterator, Iterator
from typing import Literal

from hashrail_client.answers import Order, Orders, Payment
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class PaymentsVerbs(Verbs):
    """Orders: opened, paid for, looked up. Its verbs block."""

    _rows = ROWS["payments"]

    def create(
        self, user_id: int, nft_collection_id: int, external_id: str, *, idempotency_key: str | None = None
    ) -> Payment:
        """Open an order under your own external_id: {value in USD, externalId}. Again answers the same."""
        answer: Payment = self._send(
            "create",
            user_id=user_id,
            nft_collection_id=nft_collection_id,
            external_id=external_id,
            idempotency_key=idempotency_key,
        )
        return answer

    def success(self, external_id: str, user_id: int, *, idempotency_key: str | None = None) -> bool:
        """Say that your user has paid; the miner is issued once: True."""
        answer: bool = self._send("success", external_id=external_id, user_id=user_id, idempotency_key=idempotency_key)
        return answer

    def get(self, external_id: str) -> Order:
        """The order under your own external_id, with its state and, once it is issued, its nftId; value in USD."""
        answer: Order = self._send("get", external_id=external_id)
        return answer

    def list(
        self,
        *,
        partner_user_id: str | None = None,
        state: Literal["cancelled", "created", "expired", "issued", "refunded"] | None = None,
        changed_since: int | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> Orders:
        """Your orders, newest first: {array, position, nextCursor}. changed_since is the position of an earlier
        answer.
        """
        answer: Orders = self._send(
            "list",
            partner_user_id=partner_user_id,
            state=state,
            changed_since=changed_since,
            limit=limit,
            offset=offset,
            cursor=cursor,
        )
        return answer

    def iterate(
        self,
        *,
        partner_user_id: str | None = None,
        state: Literal["cancelled", "created", "expired", "issued", "refunded"] | None = None,
        changed_since: int | None = None,
        page_size: int | None = None,
    ) -> Iterator[Order]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each(
            "list", partner_user_id=partner_user_id, state=state, changed_since=changed_since, limit=page_size
        )


class AsyncPaymentsVerbs(AsyncVerbs):
    """Orders: opened, paid for, looked up. Its verbs are awaited."""

    _rows = ROWS["payments"]

    async def create(
        self, user_id: int, nft_collection_id: int, external_id: str, *, idempotency_key: str | None = None
    ) -> Payment:
        """Open an order under your own external_id: {value in USD, externalId}. Again answers the same."""
        answer: Payment = await self._send(
            "create",
            user_id=user_id,
            nft_collection_id=nft_collection_id,
            external_id=external_id,
            idempotency_key=idempotency_key,
        )
        return answer

    async def success(self, external_id: str, user_id: int, *, idempotency_key: str | None = None) -> bool:
        """Say that your user has paid; the miner is issued once: True."""
        answer: bool = await self._send(
            "success", external_id=external_id, user_id=user_id, idempotency_key=idempotency_key
        )
        return answer

    async def get(self, external_id: str) -> Order:
        """The order under your own external_id, with its state and, once it is issued, its nftId; value in USD."""
        answer: Order = await self._send("get", external_id=external_id)
        return answer

    async def list(
        self,
        *,
        partner_user_id: str | None = None,
        state: Literal["cancelled", "created", "expired", "issued", "refunded"] | None = None,
        changed_since: int | None = None,
        limit: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
    ) -> Orders:
        """Your orders, newest first: {array, position, nextCursor}. changed_since is the position of an earlier
        answer.
        """
        answer: Orders = await self._send(
            "list",
            partner_user_id=partner_user_id,
            state=state,
            changed_since=changed_since,
            limit=limit,
            offset=offset,
            cursor=cursor,
        )
        return answer

    def iterate(
        self,
        *,
        partner_user_id: str | None = None,
        state: Literal["cancelled", "created", "expired", "issued", "refunded"] | None = None,
        changed_since: int | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[Order]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each(
            "list", partner_user_id=partner_user_id, state=state, changed_since=changed_since, limit=page_size
        )
