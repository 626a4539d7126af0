# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""The feed of what happened."""

from hashrail_client.answers import Events
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class EventsVerbs(Verbs):
    """The feed of what happened. Its verbs block."""

    _rows = ROWS["events"]

    def read(
        self,
        *,
        after: int | None = None,
        types: str | None = None,
        object_kind: str | None = None,
        object_id: str | None = None,
        limit: int | None = None,
        wait_seconds: int | None = None,
    ) -> Events:
        """What happened after a position, in order: {events, last, hasMore}; go on after last. See events.follow."""
        answer: Events = self._send(
            "read",
            after=after,
            types=types,
            object_kind=object_kind,
            object_id=object_id,
            limit=limit,
            wait_seconds=wait_seconds,
        )
        return answer


class AsyncEventsVerbs(AsyncVerbs):
    """The feed of what happened. Its verbs are awaited."""

    _rows = ROWS["events"]

    async def read(
        self,
        *,
        after: int | None = None,
        types: str | None = None,
        object_kind: str | None = None,
        object_id: str | None = None,
        limit: int | None = None,
        wait_seconds: int | None = None,
    ) -> Events:
        """What happened after a position, in order: {events, last, hasMore}; go on after last. See events.follow."""
        answer: Events = await self._send(
            "read",
            after=after,
            types=types,
            object_kind=object_kind,
            object_id=object_id,
            limit=limit,
            wait_seconds=wait_seconds,
        )
        return answer
