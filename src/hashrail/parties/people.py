"""People: whether two accounts of operators are two people.

Whoever made an account, raised its role or set its password may know its password, so for a time the two count as one:
for `apart_seconds`, which is a week where nobody has changed it. So do two whose accounts a third made or changed, and
whoever had the shell while there was no admin is one person too. After that time the owner has had it long enough to
have noticed, and has a password of their own.

While there are two admins who are two people, what loosens the regime needs both (`parties/changes.py`). An admin who
was disabled or made less counts for as long as well: nobody becomes the only person by ending the other.

Times are those of the business clock, which is the wall's in production.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Literal

from hashrail import business_clock
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError

Kind = Literal["added", "role", "password", "ended"]
MAX_APART = timedelta(days=30)
# Whoever has the shell; numbers of operators begin at 1.
SHELL = 0


class ApartError(BadRequestError):
    """How long an account is tied to who made or changed it is at most 30 days."""

    code = "OPERATORS_APART"
    advice = "Give 0 to 2592000 seconds; 604800 is a week, and 0 ties nobody."


@dataclass(frozen=True, slots=True)
class Ties:
    """Who made or changed whose account, and not long ago."""

    made_by: Mapping[int, Collection[int]]

    def behind(self, operator_id: int) -> set[int]:
        """Everybody who may be the one that acts by this account: its owner, its maker, the maker's maker."""
        found, new = set[int](), {operator_id}
        while new:
            found |= new
            new = {maker for each in new for maker in self.made_by.get(each, ())} - found
        return found

    def are_two(self, one: int, other: int) -> bool:
        """Whether nobody can be behind both."""
        return self.behind(one).isdisjoint(self.behind(other))

    def have_two(self, operator_ids: Collection[int]) -> bool:
        """Whether there are two people among them."""
        return any(self.are_two(one, other) for one, other in combinations(operator_ids, 2))


async def tie(tx: Tx, operator_id: int, by_id: int | None, kind: Kind) -> None:
    """Keep who made or changed an account, or that an admin was ended; what somebody does to their own ties nobody."""
    if operator_id != by_id:
        await tx.execute(
            "INSERT INTO operator_tie (operator_id, by_id, kind, done_at) VALUES ($1, $2, $3, $4)",
            operator_id,
            by_id,
            kind,
            await business_clock.now(tx),
        )


async def ties(tx: Reader, *, apart: int | None = None) -> Ties:
    """What ties accounts now, or would if accounts were tied for `apart` seconds."""
    rows = await tx.fetch(
        """SELECT operator_id, coalesce(by_id, 0) AS maker FROM operator_tie WHERE kind <> 'ended' AND done_at > $1""",
        await _since(tx, apart),
    )
    made_by: dict[int, set[int]] = {}
    for row in rows:
        made_by.setdefault(row["operator_id"], set()).add(row["maker"])
    return Ties(made_by)


async def are_two_admins(tx: Reader, *, apart: int | None = None) -> bool:
    """Whether there are two people among the admins, those who were ended lately included; `apart` as for `ties`."""
    rows = await tx.fetch(
        """SELECT id FROM operator_account WHERE role = 'admin' AND disabled_at IS NULL
           UNION SELECT operator_id FROM operator_tie WHERE kind = 'ended' AND done_at > $1""",
        await _since(tx, apart),
    )
    return (await ties(tx, apart=apart)).have_two([row["id"] for row in rows])


async def apart_seconds(tx: Reader) -> int:
    """How long an account is tied to who made or changed it."""
    seconds: int = await tx.fetchval("SELECT apart_seconds FROM operator_policy WHERE id = 1")
    return seconds


def check_apart(seconds: int) -> None:
    """Raises ApartError."""
    if not 0 <= seconds <= MAX_APART // timedelta(seconds=1):
        raise ApartError(f"{seconds} seconds are not 0 to {MAX_APART.days} days", field="apart")


async def set_apart(tx: Tx, seconds: int) -> None:
    """Change how long an account is tied to who made or changed it. Raises ApartError."""
    check_apart(seconds)
    await tx.execute("UPDATE operator_policy SET apart_seconds = $1 WHERE id = 1", seconds)


async def _since(tx: Reader, apart: int | None) -> datetime:
    seconds = await apart_seconds(tx) if apart is None else apart
    return await business_clock.now(tx) - timedelta(seconds=seconds)
