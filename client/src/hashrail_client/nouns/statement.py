# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""What you owe and what you paid."""

from collections.abc import AsyncIterator, Iterator

from hashrail_client.amounts import Moment
from hashrail_client.answers import Line, Statement, Totals
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class StatementVerbs(Verbs):
    """What you owe and what you paid. Its verbs block."""

    _rows = ROWS["statement"]

    def lines(
        self, start_date: Moment, end_date: Moment, *, limit: int | None = None, cursor: str | None = None
    ) -> Statement:
        """What you owe by order and upgrade, and what you paid, oldest first: {array, openingUsd, closingUsd,
        owedUsd}.
        """
        answer: Statement = self._send("lines", start_date=start_date, end_date=end_date, limit=limit, cursor=cursor)
        return answer

    def iterate_lines(self, start_date: Moment, end_date: Moment, *, page_size: int | None = None) -> Iterator[Line]:
        """Each record of `lines`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("lines", start_date=start_date, end_date=end_date, limit=page_size)

    def days(self, start_date: Moment, end_date: Moment) -> Totals:
        """What each day adds up to, both dates inclusive: {array, closedThrough}; BTC and USD."""
        answer: Totals = self._send("days", start_date=start_date, end_date=end_date)
        return answer


class AsyncStatementVerbs(AsyncVerbs):
    """What you owe and what you paid. Its verbs are awaited."""

    _rows = ROWS["statement"]

    async def lines(
        self, start_date: Moment, end_date: Moment, *, limit: int | None = None, cursor: str | None = None
    ) -> Statement:
        """What you owe by order and upgrade, and what you paid, oldest first: {array, openingUsd, closingUsd,
        owedUsd}.
        """
        answer: Statement = await self._send(
            "lines", start_date=start_date, end_date=end_date, limit=limit, cursor=cursor
        )
        return answer

    def iterate_lines(
        self, start_date: Moment, end_date: Moment, *, page_size: int | None = None
    ) -> AsyncIterator[Line]:
        """Each record of `lines`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("lines", start_date=start_date, end_date=end_date, limit=page_size)

    async def days(self, start_date: Moment, end_date: Moment) -> Totals:
        """What each day adds up to, both dates inclusive: {array, closedThrough}; BTC and USD."""
        answer: Totals = await self._send("days", start_date=start_date, end_date=end_date)
        return answer
