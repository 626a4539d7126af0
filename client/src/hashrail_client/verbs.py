"""What the nouns stand on: a verb is sent by its client, and a long list comes page after page.

The nouns themselves, in `nouns`, are written from the tables of operations by `python -m tools.python_sdk`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from hashrail_client.calls import Call
from hashrail_client.operations import Operation

PAGE_SIZE = 100


class Noun:
    """One kind of thing; `_rows` are its verbs."""

    _rows: ClassVar[Mapping[str, Operation]]

    if not TYPE_CHECKING:

        def __getattr__(self, verb: str) -> Callable[..., Any]:
            """A wrong verb says which ones there are. Editors and mypy know them without this."""
            raise AttributeError(f"there is no {verb} here, but {', '.join(sorted(self._rows))}")


class Verbs(Noun):
    """A noun whose verbs block."""

    def __init__(self, send: Callable[[Call], Any]) -> None:
        self._client_sends = send

    def _send(self, verb: str, /, **arguments: object) -> Any:
        return self._client_sends(Call.of(self._rows[verb], arguments))

    def _each(self, verb: str, /, **arguments: object) -> Iterator[Any]:
        pages = Pages(self._rows[verb], arguments)
        while not pages.are_done:
            yield from pages.take(self._send(verb, **pages.ask))


class AsyncVerbs(Noun):
    """A noun whose verbs are awaited."""

    def __init__(self, send: Callable[[Call], Awaitable[Any]]) -> None:
        self._client_sends = send

    async def _send(self, verb: str, /, **arguments: object) -> Any:
        return await self._client_sends(Call.of(self._rows[verb], arguments))

    async def _each(self, verb: str, /, **arguments: object) -> AsyncIterator[Any]:
        pages = Pages(self._rows[verb], arguments)
        while not pages.are_done:
            for record in pages.take(await self._send(verb, **pages.ask)):
                yield record


class Pages:
    """Where somebody stands in a long list.

    A server with cursors says where the next page begins. One that knows only the contract has none: there a full page
    is followed by the one at the next offset.
    """

    def __init__(self, row: Operation, arguments: Mapping[str, object]) -> None:
        self._row = row
        self._arguments = dict(arguments)
        if "limit" in row.optional:
            self._arguments["limit"] = arguments.get("limit") or PAGE_SIZE
        self._seen = 0
        self._cursor: str | None = None
        self.are_done = False

    @property
    def ask(self) -> dict[str, object]:
        """The arguments of the next page's call."""
        if self._cursor is not None:
            return {**self._arguments, "cursor": self._cursor}
        return {**self._arguments, "offset": self._seen} if self._seen else self._arguments

    def take(self, page: Mapping[str, Any]) -> list[Any]:
        """The records of a page; from now on the next one is asked for."""
        records: list[Any] = page["data" if self._row.whole else "array"]
        self._seen += len(records)
        had_cursor, self._cursor = self._cursor is not None, page.get("nextCursor")
        if self._cursor is None:
            is_full = len(records) == self._arguments.get("limit")
            self.are_done = had_cursor or not is_full or "offset" not in self._row.optional
        return records
