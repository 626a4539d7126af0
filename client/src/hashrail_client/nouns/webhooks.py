# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Endpoints that events are sent to."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Literal

from hashrail_client.amounts import Moment
from hashrail_client.answers import Delivery, DeliveryPage, Replayed, Webhook, WebhookPage, WebhookWithSecret
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class WebhooksVerbs(Verbs):
    """Endpoints that events are sent to. Its verbs block."""

    _rows = ROWS["webhooks"]

    def create(
        self,
        url: str,
        *,
        description: str | None = None,
        types: Sequence[str] | None = None,
        after: int | None = None,
        idempotency_key: str | None = None,
    ) -> WebhookWithSecret:
        """Make an endpoint that events are sent to: its fields and its secret, which is shown this once."""
        answer: WebhookWithSecret = self._send(
            "create", url=url, description=description, types=types, after=after, idempotency_key=idempotency_key
        )
        return answer

    def list(self) -> WebhookPage:
        """Your endpoints by id: {array}; id, url, types, state, reason, failures, plannedThrough."""
        answer: WebhookPage = self._send("list")
        return answer

    def update(
        self,
        id: int,
        *,
        url: str | None = None,
        description: str | None = None,
        types: Sequence[str] | None = None,
        enabled: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Webhook:
        """Change an endpoint; enabled=False stops it, and enabled=True sends what waited."""
        answer: Webhook = self._send(
            "update",
            id=id,
            url=url,
            description=description,
            types=types,
            enabled=enabled,
            idempotency_key=idempotency_key,
        )
        return answer

    def delete(self, id: int, *, idempotency_key: str | None = None) -> bool:
        """Take an endpoint away, with what waits for it: True."""
        answer: bool = self._send("delete", id=id, idempotency_key=idempotency_key)
        return answer

    def rotate_secret(
        self, id: int, *, old_secret_hours: int | None = None, idempotency_key: str | None = None
    ) -> WebhookWithSecret:
        """Give an endpoint a new secret, shown this once; the old one signs too for old_secret_hours, 24 if not
        given.
        """
        answer: WebhookWithSecret = self._send(
            "rotate_secret", id=id, old_secret_hours=old_secret_hours, idempotency_key=idempotency_key
        )
        return answer

    def test(self, id: int, *, idempotency_key: str | None = None) -> bool:
        """Send the endpoint an event of type webhook_endpoint.test: True."""
        answer: bool = self._send("test", id=id, idempotency_key=idempotency_key)
        return answer

    def deliveries(
        self,
        id: int,
        *,
        state: Literal["delivered", "given_up", "waiting"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> DeliveryPage:
        """What became of events at an endpoint, the newest first: {array, nextCursor}, with each attempt."""
        answer: DeliveryPage = self._send("deliveries", id=id, state=state, limit=limit, cursor=cursor)
        return answer

    def iterate_deliveries(
        self, id: int, *, state: Literal["delivered", "given_up", "waiting"] | None = None, page_size: int | None = None
    ) -> Iterator[Delivery]:
        """Each record of `deliveries`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("deliveries", id=id, state=state, limit=page_size)

    def replay(
        self,
        id: int,
        *,
        from_position: int | None = None,
        to_position: int | None = None,
        since: Moment | None = None,
        idempotency_key: str | None = None,
    ) -> Replayed:
        """Send events once more, by positions or since a moment: {events}."""
        answer: Replayed = self._send(
            "replay",
            id=id,
            from_position=from_position,
            to_position=to_position,
            since=since,
            idempotency_key=idempotency_key,
        )
        return answer


class AsyncWebhooksVerbs(AsyncVerbs):
    """Endpoints that events are sent to. Its verbs are awaited."""

    _rows = ROWS["webhooks"]

    async def create(
        self,
        url: str,
        *,
        description: str | None = None,
        types: Sequence[str] | None = None,
        after: int | None = None,
        idempotency_key: str | None = None,
    ) -> WebhookWithSecret:
        """Make an endpoint that events are sent to: its fields and its secret, which is shown this once."""
        answer: WebhookWithSecret = await self._send(
            "create", url=url, description=description, types=types, after=after, idempotency_key=idempotency_key
        )
        return answer

    async def list(self) -> WebhookPage:
        """Your endpoints by id: {array}; id, url, types, state, reason, failures, plannedThrough."""
        answer: WebhookPage = await self._send("list")
        return answer

    async def update(
        self,
        id: int,
        *,
        url: str | None = None,
        description: str | None = None,
        types: Sequence[str] | None = None,
        enabled: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Webhook:
        """Change an endpoint; enabled=False stops it, and enabled=True sends what waited."""
        answer: Webhook = await self._send(
            "update",
            id=id,
            url=url,
            description=description,
            types=types,
            enabled=enabled,
            idempotency_key=idempotency_key,
        )
        return answer

    async def delete(self, id: int, *, idempotency_key: str | None = None) -> bool:
        """Take an endpoint away, with what waits for it: True."""
        answer: bool = await self._send("delete", id=id, idempotency_key=idempotency_key)
        return answer

    async def rotate_secret(
        self, id: int, *, old_secret_hours: int | None = None, idempotency_key: str | None = None
    ) -> WebhookWithSecret:
        """Give an endpoint a new secret, shown this once; the old one signs too for old_secret_hours, 24 if not
        given.
        """
        answer: WebhookWithSecret = await self._send(
            "rotate_secret", id=id, old_secret_hours=old_secret_hours, idempotency_key=idempotency_key
        )
        return answer

    async def test(self, id: int, *, idempotency_key: str | None = None) -> bool:
        """Send the endpoint an event of type webhook_endpoint.test: True."""
        answer: bool = await self._send("test", id=id, idempotency_key=idempotency_key)
        return answer

    async def deliveries(
        self,
        id: int,
        *,
        state: Literal["delivered", "given_up", "waiting"] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> DeliveryPage:
        """What became of events at an endpoint, the newest first: {array, nextCursor}, with each attempt."""
        answer: DeliveryPage = await self._send("deliveries", id=id, state=state, limit=limit, cursor=cursor)
        return answer

    def iterate_deliveries(
        self, id: int, *, state: Literal["delivered", "given_up", "waiting"] | None = None, page_size: int | None = None
    ) -> AsyncIterator[Delivery]:
        """Each record of `deliveries`, page after page of `page_size`, asked for as you go. Raises HashrailError."""
        return self._each("deliveries", id=id, state=state, limit=page_size)

    async def replay(
        self,
        id: int,
        *,
        from_position: int | None = None,
        to_position: int | None = None,
        since: Moment | None = None,
        idempotency_key: str | None = None,
    ) -> Replayed:
        """Send events once more, by positions or since a moment: {events}."""
        answer: Replayed = await self._send(
            "replay",
            id=id,
            from_position=from_position,
            to_position=to_position,
            since=since,
            idempotency_key=idempotency_key,
        )
        return answer
