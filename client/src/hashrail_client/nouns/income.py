# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""What miners earned, by record and by day."""

from collections.abc import AsyncIterator, Iterator

from hashrail_client.amounts import Moment
from hashrail_client.answers import (
    DayOfRecords,
    DayOfRecordsPage,
    IncomeByDay,
    IncomeDay,
    IncomePerTh,
    IncomeTotal,
    MinerTotal,
    Record,
    RecordPage,
)
from hashrail_client.tables import ROWS, USER_ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class IncomeVerbs(Verbs):
    """What miners earned, by record and by day. Its verbs block."""

    _rows = ROWS["income"]

    def per_th(self, *, idempotency_key: str | None = None) -> IncomePerTh:
        """The last closed day's income of one TH, in BTC, with the rates it was reckoned at, in USD."""
        answer: IncomePerTh = self._send("per_th", idempotency_key=idempotency_key)
        return answer

    def list(
        self, partner_user_id: str, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> RecordPage:
        """The user's income, one record a miner and day, newest first: {array, nextCursor}; values in BTC."""
        answer: RecordPage = self._send(
            "list", partner_user_id=partner_user_id, limit=limit, offset=offset, cursor=cursor
        )
        return answer

    def iterate(self, partner_user_id: str, *, page_size: int | None = None) -> Iterator[Record]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", partner_user_id=partner_user_id, limit=page_size)

    def by_day(
        self,
        partner_user_id: str,
        start_date: Moment,
        end_date: Moment,
        *,
        limit: int | None = None,
        offset: int | None = None,
        include_incomes_by_nfts: bool | None = None,
    ) -> IncomeByDay:
        """The user's income by day, both dates inclusive: {data, totalCount}. Dates are aware datetimes or ISO
        text.
        """
        answer: IncomeByDay = self._send(
            "by_day",
            partner_user_id=partner_user_id,
            start_date=start_date,
            end_date=end_date,
            limit=limit,
            offset=offset,
            include_incomes_by_nfts=include_incomes_by_nfts,
        )
        return answer

    def iterate_by_day(
        self,
        partner_user_id: str,
        start_date: Moment,
        end_date: Moment,
        *,
        include_incomes_by_nfts: bool | None = None,
        page_size: int | None = None,
    ) -> Iterator[IncomeDay]:
        """Each record of `by_day`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each(
            "by_day",
            partner_user_id=partner_user_id,
            start_date=start_date,
            end_date=end_date,
            include_incomes_by_nfts=include_incomes_by_nfts,
            limit=page_size,
        )


class AsyncIncomeVerbs(AsyncVerbs):
    """What miners earned, by record and by day. Its verbs are awaited."""

    _rows = ROWS["income"]

    async def per_th(self, *, idempotency_key: str | None = None) -> IncomePerTh:
        """The last closed day's income of one TH, in BTC, with the rates it was reckoned at, in USD."""
        answer: IncomePerTh = await self._send("per_th", idempotency_key=idempotency_key)
        return answer

    async def list(
        self, partner_user_id: str, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> RecordPage:
        """The user's income, one record a miner and day, newest first: {array, nextCursor}; values in BTC."""
        answer: RecordPage = await self._send(
            "list", partner_user_id=partner_user_id, limit=limit, offset=offset, cursor=cursor
        )
        return answer

    def iterate(self, partner_user_id: str, *, page_size: int | None = None) -> AsyncIterator[Record]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", partner_user_id=partner_user_id, limit=page_size)

    async def by_day(
        self,
        partner_user_id: str,
        start_date: Moment,
        end_date: Moment,
        *,
        limit: int | None = None,
        offset: int | None = None,
        include_incomes_by_nfts: bool | None = None,
    ) -> IncomeByDay:
        """The user's income by day, both dates inclusive: {data, totalCount}. Dates are aware datetimes or ISO
        text.
        """
        answer: IncomeByDay = await self._send(
            "by_day",
            partner_user_id=partner_user_id,
            start_date=start_date,
            end_date=end_date,
            limit=limit,
            offset=offset,
            include_incomes_by_nfts=include_incomes_by_nfts,
        )
        return answer

    def iterate_by_day(
        self,
        partner_user_id: str,
        start_date: Moment,
        end_date: Moment,
        *,
        include_incomes_by_nfts: bool | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[IncomeDay]:
        """Each record of `by_day`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each(
            "by_day",
            partner_user_id=partner_user_id,
            start_date=start_date,
            end_date=end_date,
            include_incomes_by_nfts=include_incomes_by_nfts,
            limit=page_size,
        )


class UserIncomeVerbs(Verbs):
    """What miners earned, by record and by day. Its verbs block, and know the token's user alone."""

    _rows = USER_ROWS["income"]

    def per_th(self) -> IncomePerTh:
        """The last closed day's income of one TH, in BTC, with the rates it was reckoned at, in USD."""
        answer: IncomePerTh = self._send("per_th")
        return answer

    def total(self, *, cursor: str | None = None) -> IncomeTotal:
        """Their income over all time, by miner and in all: {array, totalIncome, onBalanceAmount, ...}; BTC."""
        answer: IncomeTotal = self._send("total", cursor=cursor)
        return answer

    def iterate_total(self, *, page_size: int | None = None) -> Iterator[MinerTotal]:
        """Each record of `total`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("total")

    def list(self, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None) -> RecordPage:
        """The user's income, one record a miner and day, newest first: {array, nextCursor}; values in BTC."""
        answer: RecordPage = self._send("list", limit=limit, offset=offset, cursor=cursor)
        return answer

    def iterate(self, *, page_size: int | None = None) -> Iterator[Record]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", limit=page_size)

    def days(
        self, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> DayOfRecordsPage:
        """The user's income by day, newest first, with the records of each: {array, nextCursor}; values in BTC."""
        answer: DayOfRecordsPage = self._send("days", limit=limit, offset=offset, cursor=cursor)
        return answer

    def iterate_days(self, *, page_size: int | None = None) -> Iterator[DayOfRecords]:
        """Each record of `days`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("days", limit=page_size)


class AsyncUserIncomeVerbs(AsyncVerbs):
    """What miners earned, by record and by day. Its verbs are awaited, and know the token's user alone."""

    _rows = USER_ROWS["income"]

    async def per_th(self) -> IncomePerTh:
        """The last closed day's income of one TH, in BTC, with the rates it was reckoned at, in USD."""
        answer: IncomePerTh = await self._send("per_th")
        return answer

    async def total(self, *, cursor: str | None = None) -> IncomeTotal:
        """Their income over all time, by miner and in all: {array, totalIncome, onBalanceAmount, ...}; BTC."""
        answer: IncomeTotal = await self._send("total", cursor=cursor)
        return answer

    def iterate_total(self, *, page_size: int | None = None) -> AsyncIterator[MinerTotal]:
        """Each record of `total`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("total")

    async def list(
        self, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> RecordPage:
        """The user's income, one record a miner and day, newest first: {array, nextCursor}; values in BTC."""
        answer: RecordPage = await self._send("list", limit=limit, offset=offset, cursor=cursor)
        return answer

    def iterate(self, *, page_size: int | None = None) -> AsyncIterator[Record]:
        """Each record of `list`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("list", limit=page_size)

    async def days(
        self, *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
    ) -> DayOfRecordsPage:
        """The user's income by day, newest first, with the records of each: {array, nextCursor}; values in BTC."""
        answer: DayOfRecordsPage = await self._send("days", limit=limit, offset=offset, cursor=cursor)
        return answer

    def iterate_days(self, *, page_size: int | None = None) -> AsyncIterator[DayOfRecords]:
        """Each record of `days`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("days", limit=page_size)
