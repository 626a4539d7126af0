"""Withdrawals and deposits over all partners: those that are like a filter, newest first, and how many are in a state.

No statement orders rows of several partners: each partner's newest are read by an index of theirs and merged here, so a
page costs about the same among a thousand and among a million. Each filter that is given narrows an index: by time,
state, amount, user or address. The statement is put together of the conditions that are given, and planned for their
values: a filter that few rows pass wants another index than one that most do.

What a number stands for is read by its partner.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from hashrail.custody.withdrawal_telling import SHOWN_STATE
from hashrail.db import Reader, Tx, record
from hashrail.support import lists
from hashrail.support.finding import MAX_NUMBER

Noun = Literal["withdrawal", "deposit"]
# Of a partner, and its own.
Number = tuple[int, int]
# So many in a state are counted: beyond it the number is not worth reading each of them.
COUNTED = 1_000
# As the tables say it; what a batch makes of a withdrawal that it has is told by the batch.
KEPT: Mapping[Noun, Sequence[str]] = {
    "withdrawal": ("awaiting_approval", "queued", "signed", "exported", "final", "cancelled", "refused"),
    "deposit": lists.STATES["deposit"],
}
WITH_A_BATCH = {"signed", "broadcast", "confirmed"}
_SOURCES: Mapping[Noun, str] = {
    "withdrawal": "FROM withdrawal w LEFT JOIN payout_batch b ON b.id = w.batch_id",
    "deposit": "FROM deposit w",
}
_SHOWN: Mapping[Noun, str] = {"withdrawal": SHOWN_STATE, "deposit": "w.state"}
# Withdrawals to an address have an index of it; a deposit's address is somebody's, who has an index.
_ADDRESS: Mapping[Noun, str] = {
    "withdrawal": "w.address = {0}",
    "deposit": """w.address = {0} AND (w.partner_id, w.user_id) IN (
        SELECT a.partner_id, a.user_id FROM deposit_address a WHERE a.address = {0})""",
}
_MOMENT: Mapping[Noun, str] = {
    "withdrawal": "SELECT created_at FROM withdrawal WHERE partner_id = $1 AND id = $2",
    "deposit": "SELECT created_at FROM deposit WHERE partner_id = $1 AND id = $2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which of them; what is None is not asked for.

    `owners` are users, with their partners; amounts are BTC, both included; times are business time, `until` excluded.
    """

    partner_id: int | None = None
    owners: Sequence[Number] | None = None
    state: str | None = None
    speed: str | None = None
    address: str | None = None
    least_btc: Decimal | None = None
    most_btc: Decimal | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(slots=True)
class _Asked:
    """A statement while it is put together: its conditions, and what they are given."""

    conditions: list[str] = field(default_factory=list)
    given: list[object] = field(default_factory=list)

    def add(self, condition: str, *values: object) -> None:
        """One more condition, with a place for each of its values."""
        places = [f"${len(self.given) + number}" for number in range(1, len(values) + 1)]
        self.conditions.append(condition.format(*places))
        self.given += values

    def where(self) -> str:
        """All of them."""
        return f"WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


@dataclass(frozen=True, slots=True)
class Place:
    """One of a list: its partner, its own number, and since when it is there."""

    partner_id: int
    id: int
    created_at: datetime


async def newest(
    tx: Tx, noun: Noun, wanted: Filter, partners: Sequence[int], *, limit: int, after: Number | None = None
) -> list[Place]:
    """Those of these partners that are like the filter, newest first; `after` is the last one of the page before."""
    moment = None if after is None else await tx.fetchval(_MOMENT[noun], *after)
    if after is not None and moment is None:
        return []
    await _plan_for_values(tx)
    found: list[Place] = []
    for partner_id in partners:
        if wanted.partner_id in (None, partner_id):
            asked = _Asked()
            asked.add("w.partner_id = {}", partner_id)
            _narrow(asked, noun, wanted)
            if after is not None:
                asked.add("(w.created_at, w.id) < ({}, {})", moment, after[1])
            found += await _of_partner(tx, noun, wanted.state, asked, limit)
    return sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)[:limit]


async def _of_partner(tx: Tx, noun: Noun, state: str | None, asked: "_Asked", limit: int) -> list[Place]:
    if state is not None:
        # Said once more as the index has it.
        asked.add("w.state = {}", "signed" if noun == "withdrawal" and state in WITH_A_BATCH else state)
        asked.add(f"{_SHOWN[noun]} = {{}}", state)
    rows = await tx.fetch(
        f"""SELECT w.partner_id, w.id, w.created_at {_SOURCES[noun]} {asked.where()}
            ORDER BY w.created_at DESC, w.id DESC LIMIT ${len(asked.given) + 1}""",
        *asked.given,
        limit,
    )
    return [record(Place, row) for row in rows]


async def counts(tx: Tx, noun: Noun, wanted: Filter, partners: Sequence[int]) -> dict[str, int]:
    """How many of these partners' are in each state, whatever state the filter names; where none is, it is left out.

    Of each state `COUNTED` are counted, and one more where there are more.
    """
    await _plan_for_values(tx)
    found: dict[str, int] = {}
    for kept in KEPT[noun]:
        asked = _Asked()
        asked.add("w.partner_id = ANY({})", list(partners) if wanted.partner_id is None else [wanted.partner_id])
        _narrow(asked, noun, wanted)
        asked.add("w.state = {}", kept)
        rows = await tx.fetch(
            f"""SELECT shown, count(*) AS count
                FROM (SELECT {_SHOWN[noun]} AS shown {_SOURCES[noun]} {asked.where()}
                      LIMIT ${len(asked.given) + 1}) AS counted
                GROUP BY shown""",  # noqa: S608
            *asked.given,
            COUNTED + 1,
        )
        found |= {row["shown"]: row["count"] for row in rows}
    return found


async def owners(tx: Reader, text: str, partner_id: int | None = None) -> list[Number]:
    """Whom a text names, of one partner or of all: by the partner's own id, and by number."""
    # PostgreSQL keeps no such character in a text, so nobody is called so.
    if "\0" in text:
        return []
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(MAX_NUMBER)) else None
    rows = await tx.fetch(
        """SELECT u.partner_id, u.id FROM partner p JOIN app_user u ON u.partner_id = p.id AND u.partner_user_id = $1
           WHERE $2::bigint IS NULL OR p.id = $2
           UNION SELECT u.partner_id, u.id FROM partner p JOIN app_user u ON u.partner_id = p.id AND u.id = $3
           WHERE $2::bigint IS NULL OR p.id = $2
           ORDER BY partner_id, id""",
        text,
        partner_id,
        number,
    )
    return [(row["partner_id"], row["id"]) for row in rows]


def _narrow(asked: _Asked, noun: Noun, wanted: Filter) -> None:
    """The conditions of a filter, without its state and its partner."""
    for condition, value in (
        ("w.speed = {}", wanted.speed),
        (_ADDRESS[noun], wanted.address),
        ("w.amount_btc >= {}", wanted.least_btc),
        ("w.amount_btc <= {}", wanted.most_btc),
        ("w.created_at >= {}", wanted.since),
        ("w.created_at < {}", wanted.until),
    ):
        if value is not None:
            asked.add(condition, value)
    if wanted.owners is not None:
        partners, users = [partner for partner, _ in wanted.owners], [user for _, user in wanted.owners]
        asked.add(
            "(w.partner_id, w.user_id) IN (SELECT o.partner_id, o.id FROM unnest({}::bigint[], {}::bigint[]) "
            "AS o (partner_id, id))",
            partners,
            users,
        )


async def _plan_for_values(tx: Tx) -> None:
    """Until this transaction ends statements are planned for the values that are given, and not once for all."""
    await tx.execute("SET LOCAL plan_cache_mode = force_custom_plan")
