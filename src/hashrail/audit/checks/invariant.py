"""What an invariant is: a named rule of the books, with the query that answers the rows that break it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hashrail.audit.checks.changes import PATIENCE_SECONDS, Changes
from hashrail.audit.checks.scope import TYPES, Key, Scope, Since, Whole, columns_of
from hashrail.books.chart import Account
from hashrail.db import Tx

MAX_ROWS = 20
ALWAYS = Whole("it reads little")


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule of the books; `query` answers the rows that break it. `accounts` are its $1, $2, ... of the chart.

    In the query, tables that its scope limits stand in braces.
    """

    name: str
    rule: str
    query: str
    accounts: tuple[Account, ...] = ()
    scope: Scope = ALWAYS

    async def broken_by(self, tx: Tx, changes: Changes | None = None) -> list[dict[str, object]]:
        """The first rows that break it; none where it holds. Since a mark: those that what was written breaks."""
        keys = await self.limited_to(changes)
        rows = await self.find(tx, *self.asked(changes, keys))
        return [dict(row) for row in rows[:MAX_ROWS]]

    async def limited_to(self, changes: Changes | None) -> set[Key] | None:
        """The keys to look at; None for everything."""
        if changes is None or isinstance(self.scope, Whole):
            return None
        return await self.scope.keys(changes)

    async def find(self, tx: Tx, query: str, given: Sequence[Any]) -> Sequence[Mapping[str, object]]:
        """The rows that a query of it answers; none where it is empty."""
        if not query:
            return []
        return [dict(row.items()) for row in await tx.fetch(query, *given, timeout=PATIENCE_SECONDS)]

    def asked(self, changes: Changes | None, keys: set[Key] | None) -> tuple[str, list[Any]]:
        """What is asked, and with which values; nothing where no key is concerned."""
        given: list[Any] = [account.value for account in self.accounts]
        if isinstance(self.scope, Whole):
            return self.query, given
        if keys is None or changes is None:
            return self.query.format(**{**{table: table for table in self.scope.limits}, **self.scope.wholly}), given
        if not keys and not self.scope.always:
            return "", []
        return _limited(self.query, self.scope, changes, keys, given)


def _limited(query: str, scope: Since, changes: Changes, keys: set[Key], given: list[Any]) -> tuple[str, list[Any]]:
    text = scope.query or query.format(**scope.limits)
    given = given if "$1" in text else []
    first = len(given) + 1
    arrays = ", ".join(f"${first + n}::{TYPES.get(part, 'bigint')}[]" for n, part in enumerate(scope.by))
    given = [*given, *columns_of(keys, len(scope.by))]
    words = {"keys": f"unnest({arrays}) AS k ({', '.join(scope.by)})"}
    for name, value in (("day", changes.mark.day), ("published", changes.mark.published_through)):
        if f"{{{name}}}" in text:
            given.append(value)
            words[name] = f"${len(given)}::date"
    return text.format(**words), given
