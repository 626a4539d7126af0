# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Days of all users as files."""

from collections.abc import AsyncIterator, Iterator
from typing import Literal

from hashrail_client.amounts import Moment
from hashrail_client.answers import Export, ExportPage
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class ExportsVerbs(Verbs):
    """Days of all users as files. Its verbs block."""

    _rows = ROWS["exports"]

    def create(
        self,
        kind: Literal["balances", "deposits", "income", "orders", "withdrawals"],
        format: Literal["csv", "ndjson", "parquet"],
        start_date: Moment,
        end_date: Moment,
        *,
        idempotency_key: str | None = None,
    ) -> Export:
        """Ask for days of all users as a file: {id, state}. kind is income, balances, orders, withdrawals or
        deposits, format csv, ndjson or parquet. Both dates inclusive.
        """
        answer: Export = self._send(
            "create",
            kind=kind,
            format=format,
            start_date=start_date,
            end_date=end_date,
            idempotency_key=idempotency_key,
        )
        return answer

    def get(self, id: int) -> Export:
        """An export: {state, rows, bytes, sha256, totals}; download it when its state is done."""
        answer: Export = self._send("get", id=id)
        return answer

    def list(self, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None) -> ExportPage:
        """Your exports, newest first: {array, nextCursor}."""
        answer: ExportPage = self._send("list", limit=limit, offset=offset, cursor=cursor)
        return answer

    def iterate(self, *, page_size: int | None = None) -> Iterator[Export]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", limit=page_size)


class AsyncExportsVerbs(AsyncVerbs):
    """Days of all users as files. Its verbs are awaited."""

    _rows = ROWS["exports"]

    async def create(
        self,
        kind: Literal["balances", "deposits", "income", "orders", "withdrawals"],
        format: Literal["csv", "ndjson", "parquet"],
        start_date: Moment,
        end_date: Moment,
        *,
        idempotency_key: str | None = None,
    ) -> Export:
        """Ask for days of all users as a file: {id, state}. kind is income, balances, orders, withdrawals or
        deposits, format csv, ndjson or parquet. Both dates inclusive.
        """
        answer: Export = await self._send(
            "create",
            kind=kind,
            format=format,
            start_date=start_date,
            end_date=end_date,
            idempotency_key=idempotency_key,
        )
        return answer

    async def get(self, id: int) -> Export:
        """An export: {state, rows, bytes, sha256, totals}; download it when its state is done."""
        answer: Export = await self._send("get", id=id)
        return answer

    async def list(
        self, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> ExportPage:
        """Your exports, newest first: {array, nextCursor}."""
        answer: ExportPage = await self._send("list", limit=limit, offset=offset, cursor=cursor)
        return answer

    def iterate(self, *, page_size: int | None = None) -> AsyncIterator[Export]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", limit=page_size)
