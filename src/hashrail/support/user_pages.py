"""Everything about a user on one page, read in one snapshot: balances and why, what is theirs, what was done and said.

Of each list the newest are on the page; one more than fits says that there are more, and the list itself has them.
"""

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TypeVar

from hashrail.access import open_sessions
from hashrail.access.open_sessions import OpenSession
from hashrail.custody import withdrawals
from hashrail.custody.withdrawals import Withdrawal
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties.operators import Action
from hashrail.parties.users import User
from hashrail.support import balances, histories, lists, notes, waiting
from hashrail.support.balances import Sight
from hashrail.support.lists import Address, Deposit, IncomeDay, Miner, Order, Page, Stint
from hashrail.support.notes import Note
from hashrail.support.waits import Wait

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """What a user has, and what came and went; `more` names the lists of which not everything is here."""

    user: User
    balances: list[Sight]
    income: list[IncomeDay]
    miners: list[tuple[Miner, list[Stint]]]
    orders: list[Order]
    deposits: list[Deposit]
    withdrawals: list[Withdrawal]
    waits: dict[int, list[Wait]]
    addresses: list[Address]
    more: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPage(Belongings):
    """A user, with what operators have said and done, which is theirs alone to read."""

    sessions: list[OpenSession]
    notes: list[Note]
    history: list[Action]


async def belongings(tx: Tx, deployment: Deployment, user: User, *, limit: int) -> Belongings:
    """What a user has, with so many of each list: nothing that operators have written."""
    partner_id, more = user.partner_id, list[str]()
    # One more than is shown, to know of it.
    page = Page(limit + 1, user_id=user.id)
    miners = _cut(await lists.miners(tx, partner_id, page), limit, "miners", more)
    orders = _cut(await lists.orders(tx, partner_id, page), limit, "orders", more)
    asked = await withdrawals.of_partner(tx, partner_id, user_id=user.id, limit=limit + 1)
    asked = _cut(asked, limit, "withdrawals", more)
    return Belongings(
        user=user,
        balances=await balances.of_user(tx, partner_id, user.id),
        income=_cut(await lists.income(tx, partner_id, user.id, page), limit, "income", more),
        miners=[(one, await lists.stints(tx, partner_id, one.id)) for one in miners],
        orders=orders,
        deposits=_cut(await lists.deposits(tx, partner_id, page), limit, "deposits", more),
        withdrawals=asked,
        waits=await waiting.of(tx, deployment, partner_id, asked),
        addresses=_cut(await lists.addresses(tx, partner_id, page), limit, "addresses", more),
        more=more,
    )


async def of(tx: Tx, deployment: Deployment, user: User, *, limit: int) -> UserPage:
    """The page of a user, with so many of each list."""
    theirs = await belongings(tx, deployment, user, limit=limit)
    partner_id, more = user.partner_id, theirs.more
    life = timedelta(days=deployment.settings.session_days)
    sessions = await open_sessions.of_user(tx, partner_id, user.id, life=life)
    named = histories.subjects(
        user,
        withdrawals=[one.id for one in theirs.withdrawals],
        orders=[one.external_id for one in theirs.orders],
        miners=[one.id for one, _ in theirs.miners],
    )
    return UserPage(
        **{each.name: getattr(theirs, each.name) for each in fields(Belongings)},
        sessions=_cut(sessions, limit, "sessions", more),
        notes=_cut(await notes.of_user(tx, partner_id, user.id, limit=limit + 1), limit, "notes", more),
        history=_cut(await histories.about(tx, named, limit=limit + 1), limit, "history", more),
    )


def _cut(found: list[T], limit: int, name: str, more: list[str]) -> list[T]:
    """What fits; a list that has more is named."""
    if len(found) > limit:
        more.append(name)
    return found[:limit]
